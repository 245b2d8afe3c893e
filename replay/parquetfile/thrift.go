package parquetfile

import (
	"encoding/binary"
	"fmt"
)

// Walking over a structure of Thrift's compact protocol without making anything of it: the lengths that it claims must be there, and it
// must not nest or repeat too much. What passes can be given to a decoder that makes room for what it is told.

const (
	maxThriftDepth = 64
	// maxThriftStructs is how many structures in lists there may be: a decoder takes up to 560 bytes for one, which may be one byte long.
	maxThriftStructs = 1 << 19
)

// Types of the protocol.
const (
	thriftStop = iota
	thriftTrue
	thriftFalse
	thriftByte
	thriftI16
	thriftI32
	thriftI64
	thriftDouble
	thriftBinary
	thriftList
	thriftSet
	thriftMap
	thriftStruct
)

var errShort = fmt.Errorf("it ends in the middle: %w", ErrCorrupt)

type thriftWalk struct {
	b       []byte
	at      int
	structs int
}

// boundThrift returns how long the structure is that b begins with: ErrCorrupt, ErrLimit.
func boundThrift(b []byte) (int, error) {
	w := thriftWalk{b: b}
	if err := w.structure(0); err != nil {
		return 0, fmt.Errorf("byte %d: %w", w.at, err)
	}
	return w.at, nil
}

func (w *thriftWalk) take(n uint64) error {
	if n > uint64(len(w.b)-w.at) {
		return errShort
	}
	w.at += int(n)
	return nil
}

func (w *thriftWalk) byte() (byte, error) {
	if w.at == len(w.b) {
		return 0, errShort
	}
	w.at++
	return w.b[w.at-1], nil
}

func (w *thriftWalk) varint() (uint64, error) {
	v, n := binary.Uvarint(w.b[w.at:])
	switch {
	case n == 0:
		return 0, errShort
	case n < 0:
		return 0, fmt.Errorf("a number is longer than 64 bits: %w", ErrCorrupt)
	}
	w.at += n
	return v, nil
}

func (w *thriftWalk) structure(depth int) error {
	if depth > maxThriftDepth {
		return fmt.Errorf("structures are nested more than %d deep: %w", maxThriftDepth, ErrLimit)
	}
	for {
		head, err := w.byte()
		if err != nil || head == thriftStop {
			return err
		}
		if head>>4 == 0 {
			if _, err := w.varint(); err != nil {
				return err
			}
		}
		if kind := head & 15; kind != thriftTrue && kind != thriftFalse { // these are in the head
			if err := w.value(kind, depth); err != nil {
				return err
			}
		}
	}
}

func (w *thriftWalk) value(kind byte, depth int) error {
	switch kind {
	case thriftTrue, thriftFalse, thriftByte:
		return w.take(1)
	case thriftI16, thriftI32, thriftI64:
		_, err := w.varint()
		return err
	case thriftDouble:
		return w.take(8)
	case thriftBinary:
		n, err := w.varint()
		if err != nil {
			return err
		}
		return w.take(n)
	case thriftList, thriftSet:
		return w.list(depth + 1)
	case thriftMap:
		return w.entries(depth + 1)
	case thriftStruct:
		return w.structure(depth + 1)
	}
	return fmt.Errorf("type %d: %w", kind, ErrCorrupt)
}

func (w *thriftWalk) list(depth int) error {
	head, err := w.byte()
	if err != nil {
		return err
	}
	n, kind := uint64(head>>4), head&15
	if n == 15 {
		if n, err = w.varint(); err != nil {
			return err
		}
	}
	return w.items(n, depth, kind)
}

func (w *thriftWalk) entries(depth int) error {
	n, err := w.varint()
	if err != nil || n == 0 {
		return err
	}
	kinds, err := w.byte()
	if err != nil {
		return err
	}
	return w.items(n, depth, kinds>>4, kinds&15)
}

// items passes over n values of each kind. Each takes a byte at least.
func (w *thriftWalk) items(n uint64, depth int, kinds ...byte) error {
	if depth > maxThriftDepth {
		return fmt.Errorf("lists are nested more than %d deep: %w", maxThriftDepth, ErrLimit)
	}
	if n > uint64(len(w.b)-w.at) {
		return errShort
	}
	for _, kind := range kinds {
		if kind >= thriftBinary {
			if w.structs += int(n); w.structs > maxThriftStructs {
				return fmt.Errorf("more than %d elements: %w", maxThriftStructs, ErrLimit)
			}
		}
	}
	for range n {
		for _, kind := range kinds {
			if err := w.value(kind, depth); err != nil {
				return err
			}
		}
	}
	return nil
}
