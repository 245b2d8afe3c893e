package wire

import (
	"encoding/binary"
	"reflect"
)

func appendUint(dst []byte, n uint64) []byte {
	switch {
	case n < 1<<7:
		return append(dst, byte(n))
	case n < 1<<8:
		return append(dst, 0xcc, byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(dst, 0xcd), uint16(n))
	case n < 1<<32:
		return binary.BigEndian.AppendUint32(append(dst, 0xce), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(dst, 0xcf), n)
}

func appendInt(dst []byte, n int64) []byte {
	switch {
	case n >= 0:
		return appendUint(dst, uint64(n))
	case n >= -1<<5:
		return append(dst, byte(n))
	case n >= -1<<7:
		return append(dst, 0xd0, byte(n))
	case n >= -1<<15:
		return binary.BigEndian.AppendUint16(append(dst, 0xd1), uint16(n))
	case n >= -1<<31:
		return binary.BigEndian.AppendUint32(append(dst, 0xd2), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(dst, 0xd3), uint64(n))
}

func appendLong(dst []byte, n int, b8, b16, b32 byte) []byte {
	switch {
	case n < 1<<8 && b8 != 0:
		return append(dst, b8, byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(dst, b16), uint16(n))
	}
	return binary.BigEndian.AppendUint32(append(dst, b32), uint32(n))
}

func appendArray(dst []byte, n int) []byte {
	if n < 1<<4 {
		return append(dst, 0x90|byte(n))
	}
	return appendLong(dst, n, 0, 0xdc, 0xdd)
}

func appendString(dst []byte, s string) []byte {
	if len(s) < 1<<5 {
		return append(append(dst, 0xa0|byte(len(s))), s...)
	}
	return append(appendLong(dst, len(s), 0xd9, 0xda, 0xdb), s...)
}

func appendBytes(dst, b []byte) []byte {
	return append(appendLong(dst, len(b), 0xc4, 0xc5, 0xc6), b...)
}

func boolCodec() *codec {
	return &codec{
		encode: func(dst []byte, v reflect.Value) []byte {
			if v.Bool() {
				return append(dst, 0xc3)
			}
			return append(dst, 0xc2)
		},
		decode: decodeBool,
	}
}

func uintCodec(bits int) *codec {
	return &codec{
		encode: func(dst []byte, v reflect.Value) []byte { return appendUint(dst, v.Uint()) },
		decode: func(d *decoder, v reflect.Value) error { return decodeUint(d, v, bits) },
	}
}

func intCodec(bits int) *codec {
	return &codec{
		encode: func(dst []byte, v reflect.Value) []byte { return appendInt(dst, v.Int()) },
		decode: func(d *decoder, v reflect.Value) error { return decodeInt(d, v, bits) },
	}
}

func stringCodec() *codec {
	return &codec{
		encode: func(dst []byte, v reflect.Value) []byte { return appendString(dst, v.String()) },
		decode: decodeString,
	}
}

func bytesCodec() *codec {
	return &codec{
		encode: func(dst []byte, v reflect.Value) []byte { return appendBytes(dst, v.Bytes()) },
		decode: decodeBytes,
	}
}

func byteArrayCodec() *codec {
	return &codec{
		encode: func(dst []byte, v reflect.Value) []byte {
			return appendBytes(dst, v.Bytes())
		},
		decode: decodeByteArray,
	}
}

func sliceCodec(t reflect.Type, elem *codec) *codec {
	return &codec{
		encode: func(dst []byte, v reflect.Value) []byte {
			n := v.Len()
			dst = appendArray(dst, n)
			for i := range n {
				dst = elem.encode(dst, v.Index(i))
			}
			return dst
		},
		decode: func(d *decoder, v reflect.Value) error { return decodeSlice(d, v, t, elem) },
	}
}

func pointerCodec(t reflect.Type, elem *codec) *codec {
	return &codec{
		encode: func(dst []byte, v reflect.Value) []byte {
			if v.IsNil() {
				return append(dst, 0xc0)
			}
			return elem.encode(dst, v.Elem())
		},
		decode: func(d *decoder, v reflect.Value) error { return decodePointer(d, v, t, elem) },
	}
}

func structCodec(fields []*codec) *codec {
	return &codec{
		encode: func(dst []byte, v reflect.Value) []byte {
			dst = appendArray(dst, len(fields))
			for i, f := range fields {
				dst = f.encode(dst, v.Field(i))
			}
			return dst
		},
		decode: func(d *decoder, v reflect.Value) error { return decodeStruct(d, v, fields) },
	}
}
