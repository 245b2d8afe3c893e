package wasm

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// The runtime bounds the memory of a module and not its tables, of which a module of forty bytes may have some that take gigabytes; and
// it names imports of functions alone. So both are looked at before it sees the module. All else it checks.

const (
	sectionImport = 2
	sectionTable  = 4
	// maxElements bounds all tables of a module together. A program has an element for each function that it calls by a pointer.
	maxElements = 1 << 16
)

var magic = []byte("\x00asm\x01\x00\x00\x00")

// checkSections refuses what is no module, imports anything, or has larger tables than maxElements.
func checkSections(code []byte) error {
	if !bytes.HasPrefix(code, magic) {
		return errors.New("it is no WebAssembly module in its binary form, version 1")
	}
	r := bytes.NewReader(code[len(magic):])
	for r.Len() > 0 {
		id, _ := r.ReadByte()
		size, err := number(r)
		if err != nil || size > uint64(r.Len()) {
			return errBroken
		}
		section := make([]byte, size)
		if _, err := io.ReadFull(r, section); err != nil {
			return errBroken
		}
		switch id {
		case sectionImport:
			err = checkImports(bytes.NewReader(section))
		case sectionTable:
			err = checkTables(bytes.NewReader(section))
		}
		if err != nil {
			return err
		}
	}
	return nil
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
		n, err := number(r)
		if err != nil || n > uint64(r.Len()) {
			return errBroken
		}
		name := make([]byte, n)
		if _, err := io.ReadFull(r, name); err != nil {
			return errBroken
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
