package rename

import (
	"encoding/binary"
	"errors"
	"fmt"

	"backstitch/replay/record"
	"backstitch/replay/source"
)

// How one record is renamed. The trap: a record whose value has a new name and whose key has not is neither the old one nor the new one. So
// both names are looked up before either is changed.

// First bytes of names.
const (
	byNumber = 0
	byGUID   = 1
)

const (
	numberLen = record.FrameLen
	guidLen   = 1 + 16
)

// place is where a part of a record is named, and how.
type place struct {
	name   record.SchemaName
	header int // of the record, -1 for in front
	length int // bytes of the name, with its first
	ok     bool
}

// find returns where part i of r is named, 0 for the key and 1 for the value. More than one header of a name is refused: readers do not agree
// which counts.
func find(i int, n *record.Naming) (place, error) {
	header := [2]string{record.KeySchemaHeader, record.ValueSchemaHeader}[i]
	switch {
	case n.Headers > 1:
		return place{}, fmt.Errorf("it has %d headers %s, and readers do not agree which of them counts", n.Headers, header)
	case n.OK && n.Name.ByGUID:
		return place{n.Name, n.Header, guidLen, true}, nil
	case n.OK:
		return place{n.Name, n.Header, numberLen, true}, nil
	}
	return place{}, nil
}

// places are those of the key and the value of r.
func places(r *record.Record, keys bool) (out [2]place, naming [2]record.Naming, err error) {
	prefixed := record.FieldValue
	if keys {
		prefixed |= record.FieldKey
	}
	naming[0], naming[1] = record.Namings(r, record.AllFields, prefixed)
	for i := range out {
		if out[i], err = find(i, &naming[i]); err != nil {
			return out, naming, err
		}
	}
	return out, naming, nil
}

// editor renames records of one reader.
type editor struct {
	names Names
	last  [2]struct {
		name  record.SchemaName
		entry Entry
		known bool
	}
}

// entry is Names.Entry. Neighbours mostly have the same names.
func (e *editor) entry(i int, name record.SchemaName) (Entry, error) {
	last := &e.last[i]
	if last.known && last.name == name {
		return last.entry, nil
	}
	entry, err := e.names.Entry(name)
	if err == nil {
		last.name, last.entry, last.known = name, entry, true
	}
	return entry, err
}

// record renames r, whose new parts are appended to dst. It says how many bytes r has more, and why it can not be renamed.
func (e *editor) record(dst []byte, r *record.Record) (_ []byte, more int, why *source.Refusal) {
	at, naming, err := places(r, e.names.Keys())
	if err != nil {
		return dst, 0, &source.Refusal{Code: source.CodeTwoNames, Err: err}
	}
	var to [2]Entry
	for i := range at {
		if !at[i].ok {
			continue
		}
		to[i], err = e.entry(i, at[i].name)
		switch {
		case err == nil && !naming[i].Fits(to[i].Print):
			err = fmt.Errorf("its header holds %d bytes behind %s, which is not what a client writes for its type", len(naming[i].Tail), at[i].name)
			return dst, 0, &source.Refusal{Code: source.CodeTwoNames, Err: err}
		case err == nil:
			at[i].ok = to[i].To != at[i].name
		case errors.Is(err, ErrNoName) && at[i].header < 0:
			at[i].ok = false
		default:
			err = fmt.Errorf("its %s names %s: %w", [2]string{"key", "value"}[i], at[i].name, err)
			return dst, 0, &source.Refusal{Code: source.CodeNoName, Err: err}
		}
	}
	own := false
	for i, part := range [2]*[]byte{&r.Key, &r.Value} {
		if !at[i].ok {
			continue
		}
		if h := at[i].header; h >= 0 {
			if !own { // headers may be shared with who made them
				r.Headers, own = append([]record.Header(nil), r.Headers...), true
			}
			part = &r.Headers[h].Value
		}
		from := len(dst)
		dst = append(appendName(dst, to[i].To), (*part)[at[i].length:]...)
		more += len(dst) - from - len(*part)
		*part = dst[from:len(dst):len(dst)]
	}
	return dst, more, nil
}

func appendName(dst []byte, name record.SchemaName) []byte {
	if name.ByGUID {
		return append(append(dst, byGUID), name.GUID[:]...)
	}
	return binary.BigEndian.AppendUint32(append(dst, byNumber), name.ID)
}
