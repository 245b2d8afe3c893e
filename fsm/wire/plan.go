package wire

import (
	"fmt"
	"reflect"
	"sync"
)

// A codec is built once per Go type and kept. The cache is a memo of a pure function, so it may be shared by everyone.

type codec struct {
	encode func(dst []byte, v reflect.Value) []byte
	decode func(d *decoder, v reflect.Value) error
}

var codecs sync.Map // reflect.Type -> *codec

func codecOf(t reflect.Type) (*codec, error) {
	if c, ok := codecs.Load(t); ok {
		return c.(*codec), nil
	}
	c, err := build(t, nil)
	if err != nil {
		return nil, err
	}
	codecs.Store(t, c)
	return c, nil
}

// build makes the codec of t; inside are the types that contain it, to refuse recursive ones.
func build(t reflect.Type, inside []reflect.Type) (*codec, error) {
	for _, outer := range inside {
		if outer == t {
			return nil, fmt.Errorf("%s contains itself: %w", t, ErrType)
		}
	}
	inside = append(inside[:len(inside):len(inside)], t)
	switch t.Kind() {
	case reflect.Bool:
		return boolCodec(), nil
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return uintCodec(t.Bits()), nil
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return intCodec(t.Bits()), nil
	case reflect.String:
		return stringCodec(), nil
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return bytesCodec(), nil
		}
		elem, err := build(t.Elem(), inside)
		if err != nil {
			return nil, err
		}
		return sliceCodec(t, elem), nil
	case reflect.Array:
		if t.Elem().Kind() == reflect.Uint8 {
			return byteArrayCodec(), nil
		}
	case reflect.Pointer:
		if t.Elem().Kind() != reflect.Struct {
			break // a pointer to nil would encode like nil
		}
		elem, err := build(t.Elem(), inside)
		if err != nil {
			return nil, err
		}
		return pointerCodec(t.Elem(), elem), nil
	case reflect.Struct:
		return buildStruct(t, inside)
	}
	return nil, fmt.Errorf("%s: %w", t, ErrType)
}

func buildStruct(t reflect.Type, inside []reflect.Type) (*codec, error) {
	fields := make([]*codec, t.NumField())
	for i := range fields {
		f := t.Field(i)
		if !f.IsExported() || f.Anonymous {
			return nil, fmt.Errorf("%s.%s is not an exported, named field: %w", t, f.Name, ErrType)
		}
		c, err := build(f.Type, inside)
		if err != nil {
			return nil, fmt.Errorf("%s.%s: %w", t, f.Name, err)
		}
		fields[i] = c
	}
	return structCodec(fields), nil
}
