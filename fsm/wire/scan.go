package wire

import (
	"encoding/binary"
	"fmt"
)

// The scan walks the structure without decoding anything. It is what stands between five bytes from the network and an
// allocation of 64 GiB: after it, every count and length in the input is known to be backed by bytes.

// Scan checks that b is exactly one value of the subset, within MaxBytes and MaxDepth, with every count and length covered
// by the bytes that follow. It allocates nothing.
func Scan(b []byte) error {
	if len(b) > MaxBytes {
		return fmt.Errorf("%d bytes, at most %d are allowed: %w", len(b), MaxBytes, ErrTooLarge)
	}
	var open [MaxDepth]int // elements still to come, per open array
	depth, i := 0, 0
	for {
		h, err := head(b, i)
		if err != nil {
			return fmt.Errorf("byte %d: %w", i, err)
		}
		i += h.size
		switch h.class {
		case classString, classBytes:
			if h.n > uint64(len(b)-i) {
				return fmt.Errorf("byte %d: %d bytes declared, %d left: %w", i, h.n, len(b)-i, ErrCorrupt)
			}
			i += int(h.n)
		case classArray:
			if h.n > uint64(len(b)-i) { // an element takes at least one byte
				return fmt.Errorf("byte %d: %d elements declared, %d bytes left: %w", i, h.n, len(b)-i, ErrCorrupt)
			}
			if h.n > 0 {
				if depth == MaxDepth {
					return fmt.Errorf("byte %d: arrays nest deeper than %d: %w", i, MaxDepth, ErrCorrupt)
				}
				open[depth] = int(h.n) + 1 // one more: the end of this round takes it off
				depth++
			}
		}
		for depth > 0 {
			open[depth-1]--
			if open[depth-1] > 0 {
				break
			}
			depth--
		}
		if depth == 0 {
			break
		}
	}
	if i != len(b) {
		return fmt.Errorf("%d bytes follow the value: %w", len(b)-i, ErrCorrupt)
	}
	return nil
}

type class uint8

const (
	classNil class = iota + 1
	classBool
	classUint // n is the value
	classInt  // negative; n is the two's complement
	classString
	classBytes
	classArray
)

// header is the first part of a value: its class, the number in it, and how many bytes that took.
type header struct {
	class class
	size  int
	n     uint64
}

// head reads the header at b[i] and refuses everything that is not in its shortest form.
func head(b []byte, i int) (header, error) {
	if i >= len(b) {
		return header{}, fmt.Errorf("the input ends inside a value: %w", ErrCorrupt)
	}
	c := b[i]
	switch {
	case c <= 0x7f:
		return header{classUint, 1, uint64(c)}, nil
	case c >= 0xe0:
		return header{classInt, 1, uint64(int64(int8(c)))}, nil
	case c >= 0x90 && c <= 0x9f:
		return header{classArray, 1, uint64(c & 0x0f)}, nil
	case c >= 0xa0 && c <= 0xbf:
		return header{classString, 1, uint64(c & 0x1f)}, nil
	}
	switch c {
	case 0xc0:
		return header{classNil, 1, 0}, nil
	case 0xc2, 0xc3:
		return header{classBool, 1, uint64(c & 1)}, nil
	case 0xc4:
		return long(b, i, classBytes, 1, 0)
	case 0xc5:
		return long(b, i, classBytes, 2, 1<<8)
	case 0xc6:
		return long(b, i, classBytes, 4, 1<<16)
	case 0xcc:
		return long(b, i, classUint, 1, 1<<7)
	case 0xcd:
		return long(b, i, classUint, 2, 1<<8)
	case 0xce:
		return long(b, i, classUint, 4, 1<<16)
	case 0xcf:
		return long(b, i, classUint, 8, 1<<32)
	case 0xd0:
		return negative(b, i, 1, -1<<5)
	case 0xd1:
		return negative(b, i, 2, -1<<7)
	case 0xd2:
		return negative(b, i, 4, -1<<15)
	case 0xd3:
		return negative(b, i, 8, -1<<31)
	case 0xd9:
		return long(b, i, classString, 1, 1<<5)
	case 0xda:
		return long(b, i, classString, 2, 1<<8)
	case 0xdb:
		return long(b, i, classString, 4, 1<<16)
	case 0xdc:
		return long(b, i, classArray, 2, 1<<4)
	case 0xdd:
		return long(b, i, classArray, 4, 1<<16)
	}
	return header{}, fmt.Errorf("type byte %#02x is not in the subset: %w", c, ErrCorrupt)
}

// long reads a number of width bytes; below least a shorter form exists.
func long(b []byte, i int, c class, width int, least uint64) (header, error) {
	n, err := number(b, i, width)
	if err == nil && n < least {
		err = fmt.Errorf("%d is not in its shortest form: %w", n, ErrCorrupt)
	}
	return header{c, 1 + width, n}, err
}

// negative reads a signed number of width bytes; at or above limit a shorter form exists.
func negative(b []byte, i, width int, limit int64) (header, error) {
	n, err := number(b, i, width)
	shift := 64 - 8*width
	v := int64(n<<shift) >> shift
	if err == nil && v >= limit {
		err = fmt.Errorf("%d is not in its shortest form: %w", v, ErrCorrupt)
	}
	return header{classInt, 1 + width, uint64(v)}, err
}

func number(b []byte, i, width int) (uint64, error) {
	if len(b)-i-1 < width {
		return 0, fmt.Errorf("the input ends inside a number: %w", ErrCorrupt)
	}
	switch p := b[i+1:]; width {
	case 1:
		return uint64(p[0]), nil
	case 2:
		return uint64(binary.BigEndian.Uint16(p)), nil
	case 4:
		return uint64(binary.BigEndian.Uint32(p)), nil
	default:
		return binary.BigEndian.Uint64(p), nil
	}
}
