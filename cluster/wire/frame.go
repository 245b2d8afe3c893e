package wire

import (
	"encoding/binary"
	"fmt"
	"io"
)

// MaxFrame bounds a frame's body in bytes. The largest command is a batch of slices of fsm.MaxSlicesBytes.
const MaxFrame = 4 << 20

const header = 4 + 1

// Write sends one message as one frame.
func Write(w io.Writer, m Message) error {
	out := writer{b: make([]byte, header, 256)}
	m.encode(&out)
	n := len(out.b) - header
	if n > MaxFrame {
		return fmt.Errorf("%w: body of %d bytes, want at most %d", ErrFrame, n, MaxFrame)
	}
	binary.BigEndian.PutUint32(out.b, uint32(n))
	out.b[4] = byte(m.Type())
	if _, err := w.Write(out.b); err != nil {
		return fmt.Errorf("send message: %w", err)
	}
	return nil
}

// Read receives one message. io.EOF means that the other side closed between two messages.
func Read(r io.Reader) (Message, error) {
	var head [header]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		if err == io.EOF {
			return nil, io.EOF
		}
		return nil, fmt.Errorf("receive message: %w", err)
	}
	n := binary.BigEndian.Uint32(head[:])
	if n > MaxFrame {
		return nil, fmt.Errorf("%w: body of %d bytes, want at most %d", ErrFrame, n, MaxFrame)
	}
	m, err := blank(Type(head[4]))
	if err != nil {
		return nil, err
	}
	body := make([]byte, n)
	if _, err := io.ReadFull(r, body); err != nil {
		return nil, fmt.Errorf("receive message: %w", err)
	}
	in := reader{b: body}
	m.decode(&in)
	if err := in.end(); err != nil {
		return nil, fmt.Errorf("message %d: %w", m.Type(), err)
	}
	return m, nil
}
