package framed

import (
	"encoding/binary"
	"errors"

	"backstitch/replay/record"
	"backstitch/replay/source"
)

// Writers tells which schema a number in front of a value stands for. It may be used by several goroutines.
type Writers interface {
	// Writer is the schema of that number. An error says why it is not known.
	Writer(id uint32) (Schema, error)
}

// Pinned are the writers that a plan has met.
type Pinned map[uint32]Schema

// ErrNotMet says that a plan has not met a schema.
var ErrNotMet = errors.New("the plan met no record that names it")

// Writer is Writers's.
func (p Pinned) Writer(id uint32) (Schema, error) {
	if s := p[id]; s != nil {
		return s, nil
	}
	return nil, ErrNotMet
}

// Editor changes values by a chain, one after the other. It is used by one goroutine.
type Editor struct {
	changer Changer
	writers Writers
	frame   [record.FrameLen]byte
	last    Schema // that of lastID
	lastID  uint32
}

// NewEditor makes an editor.
func NewEditor(c Chain, w Writers) *Editor {
	e := &Editor{changer: c.Changer(), writers: w}
	binary.BigEndian.PutUint32(e.frame[1:], c.ID())
	return e
}

// Append appends value as it comes out to dst. changed is false when it comes out as it is: dst is then as it was. err is
// a *transform.Refused. value is not kept.
func (e *Editor) Append(dst, value []byte) (_ []byte, changed bool, err error) {
	id, ok := record.FrameID(value)
	if !ok {
		return dst, false, Refuse(source.CodeNotFramed, "the value does not begin with a zero byte and the number of its schema")
	}
	if e.last == nil || e.lastID != id {
		s, err := e.writers.Writer(id)
		if err != nil {
			return dst, false, Refuse(source.CodeNoWriter, "schema %d is not known: %w", id, err)
		}
		e.last, e.lastID = s, id
	}
	n := len(dst)
	out, err := e.changer.Change(append(dst, e.frame[:]...), e.last, value[record.FrameLen:])
	if err != nil {
		return dst[:n], false, err
	}
	if string(out[n:]) == string(value) {
		return dst[:n], false, nil
	}
	return out, true, nil
}

// Record appends what becomes of r's value, as Append does. A value whose schema a header names has no number in front, and a topic that has
// both has two ways of saying one thing: it is refused.
func (e *Editor) Record(dst []byte, r *record.Record) (_ []byte, changed bool, err error) {
	for i := range r.Headers {
		if r.Headers[i].Key == record.ValueSchemaHeader {
			return dst, false, Refuse(source.CodeNotFramed, "the header %s names its schema, and only numbers in front of values are read", record.ValueSchemaHeader)
		}
	}
	return e.Append(dst, r.Value)
}
