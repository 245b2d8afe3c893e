package wire

import (
	"errors"
	"fmt"
	"reflect"
)

var (
	// ErrCorrupt says that the bytes are not an encoding of the wanted type.
	ErrCorrupt = errors.New("corrupt encoding")
	// ErrVersion says that a newer program wrote the bytes: they carry a format or fields that this one does not know.
	ErrVersion = errors.New("encoding of a newer version")
	// ErrTooLarge says that a value exceeds MaxBytes; it is returned by both directions.
	ErrTooLarge = errors.New("encoding is too large")
	// ErrType says that a Go type can not be encoded. It is a mistake in the program, not in the input.
	ErrType = errors.New("type has no encoding")
)

const (
	// MaxBytes is the largest encoding that is written or read.
	MaxBytes = 8 << 20
	// MaxDepth is how deep arrays may nest.
	MaxDepth = 32
)

// Marshal returns the encoding of v, which must be a struct or a pointer to one. Nil and empty slices encode alike.
func Marshal(v any) ([]byte, error) { return Append(nil, v) }

// Append appends the encoding of v to dst. On an error dst is unchanged.
func Append(dst []byte, v any) ([]byte, error) {
	rv := reflect.ValueOf(v)
	if rv.Kind() == reflect.Pointer {
		rv = rv.Elem()
	}
	if !rv.IsValid() || rv.Kind() != reflect.Struct {
		return dst, fmt.Errorf("%T: want a struct: %w", v, ErrType)
	}
	if !rv.CanAddr() { // byte arrays are only readable without copies inside an addressable value
		p := reflect.New(rv.Type()).Elem()
		p.Set(rv)
		rv = p
	}
	c, err := codecOf(rv.Type())
	if err != nil {
		return dst, err
	}
	out := c.encode(dst, rv)
	if n := len(out) - len(dst); n > MaxBytes {
		return dst, fmt.Errorf("%T takes %d bytes, at most %d are allowed: %w", v, n, MaxBytes, ErrTooLarge)
	}
	return out, nil
}

// Unmarshal decodes all of b into the struct that v points to. It copies what it keeps. Empty arrays, strings and byte
// strings decode to nil or "". On an error *v is undefined. Errors: ErrCorrupt, ErrVersion, ErrTooLarge, ErrType.
func Unmarshal(b []byte, v any) error {
	rv := reflect.ValueOf(v)
	if rv.Kind() != reflect.Pointer || rv.IsNil() || rv.Elem().Kind() != reflect.Struct {
		return fmt.Errorf("%T: want a pointer to a struct: %w", v, ErrType)
	}
	c, err := codecOf(rv.Elem().Type())
	if err != nil {
		return err
	}
	if err := Scan(b); err != nil {
		return fmt.Errorf("%T: %w", v, err)
	}
	d := &decoder{b: b}
	if err := c.decode(d, rv.Elem()); err != nil {
		return fmt.Errorf("%T at byte %d: %w", v, d.i, err)
	}
	return nil // Scan proved that there is exactly one value
}
