package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf8"
)

// ErrFrame says that bytes are not a message.
var ErrFrame = errors.New("malformed message")

// writer appends fields.
type writer struct{ b []byte }

func (w *writer) u8(v uint8)   { w.b = append(w.b, v) }
func (w *writer) u16(v uint16) { w.b = binary.BigEndian.AppendUint16(w.b, v) }
func (w *writer) u32(v uint32) { w.b = binary.BigEndian.AppendUint32(w.b, v) }
func (w *writer) u64(v uint64) { w.b = binary.BigEndian.AppendUint64(w.b, v) }
func (w *writer) id(v [16]byte) {
	w.b = append(w.b, v[:]...)
}

func (w *writer) flag(v bool) {
	if v {
		w.u8(1)
	} else {
		w.u8(0)
	}
}

func (w *writer) blob(v []byte) {
	w.u32(uint32(len(v)))
	w.b = append(w.b, v...)
}

func (w *writer) text(v string) {
	w.u32(uint32(len(v)))
	w.b = append(w.b, v...)
}

// reader takes fields off. After the first failure every field is zero and err is set.
type reader struct {
	b   []byte
	err error
}

func (r *reader) take(n int) []byte {
	if r.err != nil {
		return nil
	}
	if n < 0 || n > len(r.b) {
		r.err = fmt.Errorf("%w: %d bytes wanted, %d left", ErrFrame, n, len(r.b))
		return nil
	}
	out := r.b[:n]
	r.b = r.b[n:]
	return out
}

func (r *reader) u8() uint8 {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) u16() uint16 {
	if b := r.take(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (r *reader) u32() uint32 {
	if b := r.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (r *reader) u64() uint64 {
	if b := r.take(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

func (r *reader) id() (out [16]byte) {
	copy(out[:], r.take(16))
	return out
}

func (r *reader) flag() bool {
	switch r.u8() {
	case 0:
		return false
	case 1:
		return true
	}
	if r.err == nil {
		r.err = fmt.Errorf("%w: a flag is neither 0 nor 1", ErrFrame)
	}
	return false
}

// blob returns bytes that alias the frame; nil when empty.
func (r *reader) blob() []byte {
	n := r.u32()
	if n == 0 {
		return nil
	}
	return r.take(int(n))
}

func (r *reader) text() string {
	b := r.blob()
	if !utf8.Valid(b) && r.err == nil {
		r.err = fmt.Errorf("%w: text is not UTF-8", ErrFrame)
	}
	return string(b)
}

// count reads the length of a list whose entries take at least size bytes each.
func (r *reader) count(size int) int {
	n := int(r.u32())
	if r.err == nil && n > len(r.b)/size {
		r.err = fmt.Errorf("%w: a list of %d entries in %d bytes", ErrFrame, n, len(r.b))
	}
	if r.err != nil {
		return 0
	}
	return n
}

func (r *reader) end() error {
	if r.err == nil && len(r.b) != 0 {
		r.err = fmt.Errorf("%w: %d bytes too many", ErrFrame, len(r.b))
	}
	return r.err
}
