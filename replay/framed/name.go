package framed

import (
	"encoding/binary"

	"backstitch/replay/record"
	"backstitch/replay/source"
)

// Where a value's schema is named. Clients of a registry write a number in front of it, or a GUID in front of it or in a header; the header may
// hold a number, too. Those of AWS Glue write a frame of their own (glue.go). What follows the name in a header would have followed it in front: the message indexes of Protobuf. The header goes first, as
// it does for clients that read both.

// Names says what of that a job reads, and how the output schema is called.
type Names struct {
	// Elsewhere is set where values may name their schema by a GUID or in a header. Without it only numbers in front of values are read.
	Elsewhere bool
	// GUID is that of the output schema; nil where the registry has none for it.
	GUID *[16]byte
	// Glue is the UUID of the version of AWS Glue's schemas that is the output schema; nil where values in that frame are not read.
	Glue *[16]byte
}

// all reads every way. What the output schema is called is not said.
var all = Names{Elsewhere: true, Glue: new([16]byte)}

const guidLen = 1 + 16 // with the byte 1 before it

// named is a value that names its schema.
type named struct {
	name    record.SchemaName
	header  int    // place of the header that does, -1 when it stands in front
	tail    []byte // what follows the name in the header
	payload []byte // of the value, without what is in front
	// deflated says that payload is compressed, which only AWS Glue's frame has.
	deflated bool
}

// Name returns what the value of r calls its schema, as far as a job looks that reads all ways; ok is false where nothing is named. elsewhere says
// that it is not a number in front.
func Name(r *record.Record) (name record.SchemaName, elsewhere, ok bool) {
	x, why := look(r, all)
	return x.name, x.name.ByGUID && !x.name.Glue || x.header >= 0, why == nil
}

// look finds the name.
func look(r *record.Record, read Names) (named, error) {
	_, n := record.Namings(r, record.AllFields, record.FieldValue)
	switch {
	case n.Headers > 0 && !read.Elsewhere:
		return named{}, Refuse(source.CodeNotFramed, "the header %s names its schema, and only numbers in front of values are read", record.ValueSchemaHeader)
	case n.Headers > 1:
		return named{}, Refuse(source.CodeNotFramed, "%d headers %s name its schema, and clients do not agree on which of them counts", n.Headers, record.ValueSchemaHeader)
	case n.OK && n.Header >= 0:
		return named{name: n.Name, header: n.Header, tail: n.Tail, payload: r.Value}, nil
	}
	return front(r.Value, read)
}

// front finds a name in front of a value.
func front(value []byte, read Names) (named, error) {
	if id, ok := record.FrameID(value); ok {
		return named{name: record.SchemaName{ID: id}, header: -1, payload: value[record.FrameLen:]}, nil
	}
	if x, is, err := glued(value, read.Glue != nil); is {
		return x, err
	}
	switch {
	case read.Elsewhere && len(value) >= guidLen && value[0] == 1:
		return named{name: record.SchemaName{ByGUID: true, GUID: [16]byte(value[1:guidLen])}, header: -1, payload: value[guidLen:]}, nil
	case read.Elsewhere:
		return named{}, Refuse(source.CodeNotFramed, "no header names its schema, and the value begins with neither the number nor the GUID of one")
	}
	return named{}, Refuse(source.CodeNotFramed, "the value does not begin with a zero byte and the number of its schema")
}

// appendName appends a name as it stands in front of a value or in a header.
func appendName(dst []byte, n record.SchemaName) []byte {
	switch {
	case n.Glue:
		return record.AppendGlue(dst, n, false)
	case n.ByGUID:
		return append(append(dst, 1), n.GUID[:]...)
	}
	return binary.BigEndian.AppendUint32(append(dst, 0), n.ID)
}
