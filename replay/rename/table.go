package rename

import (
	"context"
	"errors"

	"backstitch/replay/record"
)

// Entry is a schema as the target's registry has it.
type Entry struct {
	To    record.SchemaName // what it is called there
	Print record.Print      // what it says, on both sides
}

// Names says what schemas are called in the target. It is safe for concurrent use.
type Names interface {
	// Keys reports whether keys begin with names, unless a header names their schema.
	Keys() bool
	// Entry returns what becomes of a name: ErrNotMet for one that nobody has asked for, ErrNoName for a GUID that is none.
	Entry(name record.SchemaName) (Entry, error)
}

// Met is a name that a record has.
type Met struct {
	Name   record.SchemaName
	Key    bool // of the key; else of the value
	Header bool // in a header; else in front
}

// Learner is an upgrade of Names for who asks as he goes. Before the records of a batch are renamed it gets to know what they name.
type Learner interface {
	Names
	// Learn asks for a name unless it was asked for before. That there is none is no error: Entry says it. An error ends the reading.
	Learn(ctx context.Context, met Met) error
}

var (
	// ErrNotMet says that nobody has found out what a schema is called in the target.
	ErrNotMet = errors.New("the plan has not met it")
	// ErrNoName says that a part begins with bytes that only look like a GUID: its bytes stay.
	ErrNoName = errors.New("it names no schema")
)

// Table is Names that are pinned.
type Table struct {
	Framed  bool // keys begin with names
	Entries map[record.SchemaName]Entry
	// Others are further names of the same schemas in the target's registry, which its records may have.
	Others map[record.SchemaName]record.Print
}

// Keys is Names's.
func (t *Table) Keys() bool { return t.Framed }

// Entry is Names's.
func (t *Table) Entry(name record.SchemaName) (Entry, error) {
	e, ok := t.Entries[name]
	switch {
	case ok:
		return e, nil
	case name.ByGUID:
		// In a header it is a name all the same: see edit.go.
		return Entry{}, ErrNoName
	}
	return Entry{}, ErrNotMet
}

// Frames is how records of the target, and renamed ones, are compared: by what their schemas say, whichever name of the target's registry
// they have. A name that the table does not know is compared as the bytes that it is, so it equals no renamed record.
func (t *Table) Frames() *record.Frames {
	if t == nil {
		return nil
	}
	prints := make(map[record.SchemaName]record.Print, len(t.Entries)+len(t.Others))
	for name, print := range t.Others {
		prints[name] = print
	}
	for _, e := range t.Entries {
		prints[e.To] = e.Print
	}
	parts := record.FieldValue
	if t.Framed {
		parts |= record.FieldKey
	}
	return &record.Frames{
		Prefixed: func() record.Fields { return parts },
		Print: func(name record.SchemaName) (record.Print, bool) {
			print, ok := prints[name]
			return print, ok
		},
	}
}
