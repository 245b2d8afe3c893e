package wasm

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
)

// The runtime bounds the memory of a module and not its tables, of which a module of forty bytes may have some that take gigabytes; it names
// imports of functions alone; and it looks whether time is up where a loop begins and nowhere else, so that calls without a loop among them
// run as long as they like. So imports and tables are looked at before it sees the module, and each function gets an empty loop to begin
// with. All else it checks, whether what is rewritten here is code at all among it.

const (
	sectionImport = 2
	sectionTable  = 4
	sectionCode   = 10
	// maxElements bounds all tables of a module together. A program has an element for each function that it calls by a pointer.
	maxElements = 1 << 16
)

var magic = []byte("\x00asm\x01\x00\x00\x00")

// prepare refuses what is no module, imports anything, or has larger tables than maxElements. It returns the module as the runtime gets it.
func prepare(code []byte) ([]byte, error) {
	if !bytes.HasPrefix(code, magic) {
		return nil, errors.New("it is no WebAssembly module in its binary form, version 1")
	}
	out := append(make([]byte, 0, len(code)+len(code)/4), magic...)
	r := bytes.NewReader(code[len(magic):])
	for r.Len() > 0 {
		id, _ := r.ReadByte()
		section, err := chunk(r)
		if err != nil {
			return nil, err
		}
		switch id {
		case sectionImport:
			err = checkImports(bytes.NewReader(section))
		case sectionTable:
			err = checkTables(bytes.NewReader(section))
		case sectionCode:
			section, err = withLoops(bytes.NewReader(section))
		}
		if err != nil {
			return nil, err
		}
		out = appendChunk(append(out, id), section)
	}
	return out, nil
}

// chunk reads bytes that begin with how many they are.
func chunk(r *bytes.Reader) ([]byte, error) {
	size, err := number(r)
	if err != nil || size > uint64(r.Len()) {
		return nil, errBroken
	}
	out := make([]byte, size)
	if _, err := io.ReadFull(r, out); err != nil {
		return nil, errBroken
	}
	return out, nil
}

func appendChunk(dst, content []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(content))), content...)
}

// emptyLoop is loop, of no result, and end.
var emptyLoop = []byte{0x03, 0x40, 0x0b}

// withLoops puts an empty loop in front of each function's instructions, which come behind its locals.
func withLoops(r *bytes.Reader) ([]byte, error) {
	count, err := number(r)
	if err != nil {
		return nil, err
	}
	out := binary.AppendUvarint(nil, count)
	for range count {
		body, err := chunk(r)
		if err != nil {
			return nil, err
		}
		in := bytes.NewReader(body)
		groups, err := number(in)
		if err != nil {
			return nil, err
		}
		for range groups { // so many locals of one type
			if _, err := number(in); err != nil {
				return nil, err
			}
			if _, err := in.ReadByte(); err != nil {
				return nil, errBroken
			}
		}
		at := len(body) - in.Len()
		out = appendChunk(out, slices.Concat(body[:at], emptyLoop, body[at:]))
	}
	if r.Len() > 0 {
		return nil, errBroken
	}
	return out, nil
}

var errBroken = errors.New("it is broken: a section says another length than it has")

// number reads an unsigned number of at most 32 bits.
func number(r *bytes.Reader) (uint64, error) {
	n, err := binary.ReadUvarint(r)
	if err != nil || n > 1<<32-1 {
		return 0, errBroken
	}
	return n, nil
}

func checkImports(r *bytes.Reader) error {
	count, err := number(r)
	if err != nil || count == 0 {
		return err
	}
	var names [2]string
	for i := range names {
		name, err := chunk(r)
		if err != nil {
			return err
		}
		names[i] = string(name)
	}
	return fmt.Errorf("it imports %.40q of %.40q, and a step gives a module nothing: build it without WASI and without a host", names[1], names[0])
}

// checkTables reads the old form of a table, its type and its limits: with any other the runtime has to know more than it was told to.
func checkTables(r *bytes.Reader) error {
	count, err := number(r)
	if err != nil {
		return err
	}
	elements := uint64(0)
	for range count {
		if kind, err := r.ReadByte(); err != nil || kind != 0x70 {
			return errors.New("it has a table of something else than functions")
		}
		bounded, err := r.ReadByte()
		if err != nil || bounded > 1 {
			return errBroken
		}
		least, err := number(r)
		if err != nil {
			return err
		}
		if bounded == 1 {
			if _, err := number(r); err != nil {
				return err
			}
		}
		if elements += least; elements > maxElements {
			return fmt.Errorf("its tables have %d elements, at most %d are allowed", elements, maxElements)
		}
	}
	return nil
}
