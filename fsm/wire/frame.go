package wire

import "fmt"

// Format is the first byte of every encoded command. It changes when the frame itself does.
const Format byte = 1

// Frame is an encoded command: the envelope, the op number and the encoded body.
type Frame struct {
	Op        uint16
	Actor     string
	Reason    string
	UnixNanos int64
	RequestID [16]byte
	Body      []byte
}

// AppendFrame appends the encoding of f to dst: the format byte and the frame as a struct.
func AppendFrame(dst []byte, f Frame) ([]byte, error) {
	out, err := Append(append(dst, Format), f)
	if err != nil {
		return dst, err
	}
	return out, nil
}

// ParseFrame decodes what AppendFrame wrote. The body is only copied, not looked at.
func ParseFrame(b []byte) (Frame, error) {
	if len(b) == 0 {
		return Frame{}, fmt.Errorf("command is empty: %w", ErrCorrupt)
	}
	if b[0] != Format {
		// Formats are counted upwards and a zero byte was never one: zeros are what damaged files are full of.
		if b[0] == 0 {
			return Frame{}, fmt.Errorf("command of format 0: %w", ErrCorrupt)
		}
		return Frame{}, fmt.Errorf("command of format %d, this program knows %d: %w", b[0], Format, ErrVersion)
	}
	var f Frame
	err := Unmarshal(b[1:], &f)
	return f, err
}
