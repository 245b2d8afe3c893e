package wire

import (
	"fmt"
	"reflect"
)

// decoder reads input that Scan has accepted, so lengths need no second check; head is asked again for its errors only.
type decoder struct {
	b []byte
	i int
}

// next reads a header that must be of one of two classes.
func (d *decoder) next(a, b class) (header, error) {
	h, err := head(d.b, d.i)
	if err != nil {
		return h, err
	}
	if h.class != a && h.class != b {
		return h, fmt.Errorf("got %s, want %s: %w", h.class, a, ErrCorrupt)
	}
	d.i += h.size
	return h, nil
}

// take returns the n bytes of a string, shared with the input.
func (d *decoder) take(n uint64) []byte {
	b := d.b[d.i : d.i+int(n)]
	d.i += int(n)
	return b
}

func (c class) String() string {
	switch c {
	case classNil:
		return "nil"
	case classBool:
		return "bool"
	case classUint:
		return "unsigned integer"
	case classInt:
		return "integer"
	case classString:
		return "string"
	case classBytes:
		return "bytes"
	case classArray:
		return "array"
	}
	return "nothing"
}

func decodeBool(d *decoder, v reflect.Value) error {
	h, err := d.next(classBool, classBool)
	v.SetBool(h.n == 1)
	return err
}

func decodeUint(d *decoder, v reflect.Value, bits int) error {
	h, err := d.next(classUint, classUint)
	if err != nil {
		return err
	}
	if bits < 64 && h.n>>bits != 0 {
		return fmt.Errorf("%d does not fit into %d bits: %w", h.n, bits, ErrCorrupt)
	}
	v.SetUint(h.n)
	return nil
}

func decodeInt(d *decoder, v reflect.Value, bits int) error {
	h, err := d.next(classInt, classUint)
	if err != nil {
		return err
	}
	n := int64(h.n)
	if h.class == classUint && n < 0 || bits < 64 && (n >= 1<<(bits-1) || n < -1<<(bits-1)) {
		return fmt.Errorf("%d does not fit into %d bits: %w", h.n, bits, ErrCorrupt)
	}
	v.SetInt(n)
	return nil
}

func decodeString(d *decoder, v reflect.Value) error {
	h, err := d.next(classString, classString)
	if err == nil {
		v.SetString(string(d.take(h.n)))
	}
	return err
}

func decodeBytes(d *decoder, v reflect.Value) error {
	h, err := d.next(classBytes, classBytes)
	if err != nil {
		return err
	}
	if h.n == 0 {
		v.SetBytes(nil)
		return nil
	}
	v.SetBytes(append([]byte(nil), d.take(h.n)...))
	return nil
}

func decodeByteArray(d *decoder, v reflect.Value) error {
	h, err := d.next(classBytes, classBytes)
	if err != nil {
		return err
	}
	if h.n != uint64(v.Len()) {
		return fmt.Errorf("got %d bytes, want %d: %w", h.n, v.Len(), ErrCorrupt)
	}
	copy(v.Bytes(), d.take(h.n))
	return nil
}

// firstAllocBytes is how much an array may take before its elements have been seen: the scan bounds a count by the bytes
// that are left, but a one-byte element that turns out to be wrong must not have cost a hundred bytes of struct each.
const firstAllocBytes = 64 << 10

func decodeSlice(d *decoder, v reflect.Value, t reflect.Type, elem *codec) error {
	h, err := d.next(classArray, classArray)
	if err != nil {
		return err
	}
	if h.n == 0 {
		v.SetZero()
		return nil
	}
	n := int(h.n)
	v.Set(reflect.MakeSlice(t, 0, min(n, 1+firstAllocBytes/int(max(t.Elem().Size(), 1)))))
	for i := range n {
		if i == v.Cap() {
			v.Grow(min(i, n-i))
		}
		v.SetLen(i + 1)
		v.Index(i).SetZero() // Grow leaves what was there
		if err := elem.decode(d, v.Index(i)); err != nil {
			return err
		}
	}
	return nil
}

func decodePointer(d *decoder, v reflect.Value, t reflect.Type, elem *codec) error {
	if d.b[d.i] == 0xc0 {
		d.i++
		v.SetZero()
		return nil
	}
	p := reflect.New(t)
	if err := elem.decode(d, p.Elem()); err != nil {
		return err
	}
	v.Set(p)
	return nil
}

// decodeStruct wants exactly the known fields. More of them come from a newer program that appended some.
func decodeStruct(d *decoder, v reflect.Value, fields []*codec) error {
	h, err := d.next(classArray, classArray)
	switch {
	case err != nil:
		return err
	case h.n > uint64(len(fields)):
		return fmt.Errorf("%s with %d fields, this program knows %d: %w", v.Type(), h.n, len(fields), ErrVersion)
	case h.n < uint64(len(fields)):
		return fmt.Errorf("%s with %d fields, want %d: %w", v.Type(), h.n, len(fields), ErrCorrupt)
	}
	for i, f := range fields {
		if err := f.decode(d, v.Field(i)); err != nil {
			return err
		}
	}
	return nil
}
