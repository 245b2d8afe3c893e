package framed

import (
	"bytes"
	"errors"
	"slices"

	"backstitch/replay/record"
	"backstitch/replay/source"
)

// Writers tells which schema a name stands for. It may be used by several goroutines.
type Writers interface {
	// Writer is the schema of that name. An error says why it is not known.
	Writer(name record.SchemaName) (Schema, error)
}

// Pinned are the writers that a plan has met.
type Pinned map[record.SchemaName]Schema

// ErrNotMet says that a plan has not met a schema.
var ErrNotMet = errors.New("the plan met no record that names it")

// Writer is Writers's.
func (p Pinned) Writer(name record.SchemaName) (Schema, error) {
	if s := p[name]; s != nil {
		return s, nil
	}
	return nil, ErrNotMet
}

// Editor changes values by a chain, one after the other. It is used by one goroutine.
type Editor struct {
	changer Changer
	writers Writers
	names   Names
	id      uint32 // of the output schema
	out     Schema
	index   []byte // in front of its payloads, of Protobuf alone

	last     Schema // that of lastName
	lastName record.SchemaName
	whole    []byte // of the value at hand: a payload with what its header holds of it
	header   []byte // the last one that was made. It is not written to again
	inflater inflater
}

// NewEditor makes an editor.
func NewEditor(c Chain, w Writers, n Names) *Editor {
	e := &Editor{changer: c.Changer(), writers: w, names: n, id: c.ID(), out: c.Output()}
	if out, ok := e.out.(Indexed); ok {
		e.index = out.Index()
	}
	return e
}

// Append appends value, which has the name of its schema in front, as it comes out to dst. changed is false when it comes out as it is: dst is then
// as it was. err is a *transform.Refused. value is not kept.
func (e *Editor) Append(dst, value []byte) (_ []byte, changed bool, err error) {
	x, err := front(value, e.names)
	if err != nil {
		return dst, false, err
	}
	return e.front(dst, value, &x)
}

// Record appends what becomes of r's value, as Append does. Where a header names the schema, that header gets the name of the output schema: r gets
// other headers then, and those that it had are as they were.
func (e *Editor) Record(dst []byte, r *record.Record) (_ []byte, changed bool, err error) {
	x, err := look(r, e.names)
	if err != nil {
		return dst, false, err
	}
	if x.header < 0 {
		return e.front(dst, r.Value, &x)
	}
	return e.behind(dst, r, &x)
}

// front changes a value that has the name in front, and comes out with the output schema's in its place.
func (e *Editor) front(dst, value []byte, x *named) (_ []byte, changed bool, err error) {
	if x.name.Glue {
		return e.glue(dst, x)
	}
	w, to, err := e.both(x.name)
	if err != nil {
		return dst, false, err
	}
	n := len(dst)
	out, err := e.changer.Change(appendName(dst, to), w, x.payload)
	if err != nil {
		return dst[:n], false, err
	}
	if string(out[n:]) == string(value) {
		return dst[:n], false, nil
	}
	return out, true, nil
}

// behind changes a value whose schema a header names.
func (e *Editor) behind(dst []byte, r *record.Record, x *named) (_ []byte, changed bool, err error) {
	w, to, err := e.both(x.name)
	if err != nil {
		return dst, false, err
	}
	if len(x.tail) > 0 && e.index == nil {
		return dst, false, Refuse(source.CodeNotFramed, "the header %s holds %d bytes behind the name of the schema, where there should be none", record.ValueSchemaHeader, len(x.tail))
	}
	payload, tail := x.payload, x.tail
	if e.index != nil {
		e.whole = append(append(e.whole[:0], x.tail...), x.payload...)
		payload = e.whole
	}
	n := len(dst)
	out, err := e.changer.Change(dst, w, payload)
	if err != nil {
		return dst[:n], false, err
	}
	same := bytes.Equal(out[n:], payload)
	if same && to == x.name {
		return dst[:n], false, nil
	}
	if !same {
		tail = e.index // what was made has that in front
	}
	out = slices.Delete(out, n, n+len(tail))
	e.rename(r, x.header, to, tail)
	return out, true, nil
}

// rename gives r a header with another name. Records that come out alike share it.
func (e *Editor) rename(r *record.Record, at int, to record.SchemaName, tail []byte) {
	made := append(appendName(nil, to), tail...)
	if !bytes.Equal(e.header, made) {
		e.header = made
	}
	r.Headers = slices.Clone(r.Headers)
	r.Headers[at].Value = e.header
}

// both are the schema that a value was written with, and what the output schema is called where this one is named so.
func (e *Editor) both(name record.SchemaName) (w Schema, to record.SchemaName, err error) {
	if e.last == nil || e.lastName != name {
		s, err := e.writers.Writer(name)
		switch {
		case err != nil && name.Glue:
			return nil, to, noVersion(name)
		case err != nil:
			return nil, to, Refuse(source.CodeNoWriter, "%s is not known: %w", name, err)
		}
		e.last, e.lastName = s, name
	}
	switch {
	case name.Glue:
		return e.last, record.GlueVersion(*e.names.Glue), nil
	case !name.ByGUID:
		return e.last, record.SchemaName{ID: e.id}, nil
	case e.names.GUID == nil:
		return nil, to, Refuse(source.CodeNotFramed, "it names its schema by a GUID, and the registry of the target has none for the output schema")
	}
	return e.last, record.SchemaName{ByGUID: true, GUID: *e.names.GUID}, nil
}
