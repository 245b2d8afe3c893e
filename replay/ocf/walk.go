package ocf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// Walking over a datum. The trap is what takes no bytes: an array of a billion nulls is six bytes long, and records that hold each other
// twice double at each level. So each step is counted, and steps are allowed by the bytes that they walk over.

var (
	// ErrLimit says that something is larger, deeper or longer than is read.
	ErrLimit = errors.New("beyond the limit of what is read")
	errShort = errors.New("ends in the middle of a datum")
)

// Steps that a walk may take: those of a block, and more for each of its bytes.
const (
	freeSteps    = 1 << 16
	stepsPerByte = 64
)

// walker goes over the datums of one block. It is used by one goroutine.
type walker struct {
	b     []byte
	at    int
	depth int
	steps int // left
}

func newWalker(b []byte) walker { return walker{b: b, steps: freeSteps + stepsPerByte*len(b)} }

func (w *walker) step() error {
	if w.steps--; w.steps < 0 {
		return fmt.Errorf("a datum repeats what takes no bytes too often: %w", ErrLimit)
	}
	return nil
}

// down goes one level deeper; call up afterwards.
func (w *walker) down() error {
	if w.depth++; w.depth > maxDepth {
		return fmt.Errorf("a datum is nested more than %d deep: %w", maxDepth, ErrLimit)
	}
	return nil
}

func (w *walker) up() { w.depth-- }

// long reads a zigzag varint.
func (w *walker) long() (int64, error) {
	if w.at < len(w.b) && w.b[w.at] < 0x80 {
		c := w.b[w.at]
		w.at++
		return int64(c>>1) ^ -int64(c&1), nil
	}
	v, n := binary.Varint(w.b[w.at:])
	switch {
	case n == 0:
		return 0, errShort
	case n < 0:
		return 0, errors.New("a number is longer than 64 bits")
	}
	w.at += n
	return v, nil
}

func (w *walker) int() (int64, error) {
	v, err := w.long()
	if err == nil && (v < math.MinInt32 || v > math.MaxInt32) {
		return 0, fmt.Errorf("an int is %d", v)
	}
	return v, err
}

// take returns the next n bytes.
func (w *walker) take(n int64) ([]byte, error) {
	if n < 0 {
		return nil, fmt.Errorf("a length of %d", n)
	}
	if n > int64(len(w.b)-w.at) {
		return nil, errShort
	}
	out := w.b[w.at : w.at+int(n) : w.at+int(n)]
	w.at += int(n)
	return out, nil
}

// run returns bytes that have their length in front.
func (w *walker) run() ([]byte, error) {
	n, err := w.long()
	if err != nil {
		return nil, err
	}
	return w.take(n)
}

// index reads which of n there is.
func (w *walker) index(n int) (int, error) {
	i, err := w.int()
	if err == nil && (i < 0 || i >= int64(n)) {
		return 0, fmt.Errorf("number %d of %d", i, n)
	}
	return int(i), err
}

// count reads how many items follow, 0 at the end of an array or a map.
func (w *walker) count() (int64, error) {
	n, err := w.long()
	if err != nil || n >= 0 {
		return n, err
	}
	if n == math.MinInt64 {
		return 0, fmt.Errorf("%d items", n)
	}
	// How many bytes they take is said, for readers that want none of them. It has to be true: see skip.
	size, err := w.long()
	if err == nil && (size < 0 || size > int64(len(w.b)-w.at)) {
		err = errShort
	}
	return -n, err
}

// skip passes over a datum of n.
func (w *walker) skip(n *node) (err error) {
	if err := w.step(); err != nil {
		return err
	}
	switch n.kind {
	case kindNull:
	case kindBoolean:
		_, err = w.take(1)
	case kindInt:
		_, err = w.int()
	case kindLong:
		_, err = w.long()
	case kindFloat:
		_, err = w.take(4)
	case kindDouble:
		_, err = w.take(8)
	case kindBytes, kindString:
		_, err = w.run()
	case kindFixed:
		_, err = w.take(int64(n.size))
	case kindEnum:
		_, err = w.index(len(n.names))
	default:
		if err := w.down(); err != nil {
			return err
		}
		err = w.skipParts(n)
		w.up()
	}
	return err
}

func (w *walker) skipParts(n *node) error {
	switch n.kind {
	case kindRecord:
		for _, f := range n.parts {
			if err := w.skip(f); err != nil {
				return err
			}
		}
		return nil
	case kindUnion:
		i, err := w.index(len(n.parts))
		if err != nil {
			return err
		}
		return w.skip(n.parts[i])
	}
	for {
		items, err := w.count()
		if err != nil || items == 0 {
			return err
		}
		for ; items > 0; items-- {
			if n.kind == kindMap {
				if _, err := w.run(); err != nil {
					return err
				}
			}
			if err := w.skip(n.parts[0]); err != nil {
				return err
			}
		}
	}
}

// Datums finds where the datums of a block end. It appends n places to ends; that there are more or fewer is an error.
func (s *Schema) Datums(ends []int, block []byte, n int64) ([]int, error) {
	w := newWalker(block)
	for i := range n {
		if err := w.skip(s.root); err != nil {
			return ends, fmt.Errorf("datum %d of %d, at byte %d of the block: %w", i+1, n, w.at, err)
		}
		ends = append(ends, w.at)
	}
	if w.at != len(block) {
		return ends, fmt.Errorf("%d bytes follow the last of %d datums", len(block)-w.at, n)
	}
	return ends, nil
}

// chosen is the type of a whole datum with the union around it taken away, and where its own bytes begin.
func (s *Schema) chosen(datum []byte) (*node, []byte, error) {
	n := s.root
	if n.kind != kindUnion {
		return n, datum, nil
	}
	w := newWalker(datum)
	i, err := w.index(len(n.parts))
	if err != nil {
		return nil, nil, err
	}
	return n.parts[i], datum[w.at:], nil
}

// Null reports whether a datum, as Datums cut it, is null.
func (s *Schema) Null(datum []byte) bool {
	n, _, err := s.chosen(datum)
	return err == nil && n.kind == kindNull
}

// ErrNotPlain says that a datum is neither a string nor bytes.
var ErrNotPlain = errors.New("neither a string nor bytes")

// Plain is what a datum that is a string or bytes holds, nil for null: ErrNotPlain.
func (s *Schema) Plain(datum []byte) ([]byte, error) {
	n, rest, err := s.chosen(datum)
	switch {
	case err != nil:
		return nil, err
	case n.kind == kindNull:
		return nil, nil
	case n.kind != kindBytes && n.kind != kindString:
		return nil, ErrNotPlain
	}
	w := newWalker(rest)
	return w.run()
}
