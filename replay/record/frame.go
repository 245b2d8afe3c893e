package record

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
)

// How a record names the schema of its key or value. Clients of a schema registry have two ways:
//
//   - a byte 0 and a number, 4 bytes big endian, in front of the part, or a byte 1 and a GUID of 16 bytes. The number is the registry's own, and
//     so is the GUID; that a part begins like either does not say that it does.
//   - a header with a byte 1 and a GUID of 16 bytes, or with a byte 0 and such a number; the part is then the payload alone. What follows
//     in the header would have followed in front of the payload: the message indexes of Protobuf.
//
// A copy of the topic beside another registry names the same schema in other words, and is the same record. The header goes before what
// the part begins with, as it does for clients that read both: a payload may begin with any byte.

// FrameLen is the length of what a client puts in front of a part, in bytes.
const FrameLen = 5

// Headers that name schemas.
const (
	KeySchemaHeader   = "__key_schema_id"
	ValueSchemaHeader = "__value_schema_id"
)

const guidLen = 1 + 16

// FrameID returns the number of the schema that part names. That it looks like one does not say that it is one.
func FrameID(part []byte) (id uint32, ok bool) {
	if len(part) < FrameLen || part[0] != 0 {
		return 0, false
	}
	return binary.BigEndian.Uint32(part[1:]), true
}

// FrontName returns what part may name its schema by in front: a number, or a GUID. That it looks like one does not say that it is one.
func FrontName(part []byte) (name SchemaName, ok bool) {
	if len(part) >= guidLen && part[0] == 1 {
		return SchemaName{ByGUID: true, GUID: [16]byte(part[1:guidLen])}, true
	}
	name.ID, ok = FrameID(part)
	return name, ok
}

// length is how many bytes name a schema, in front of a part or in a header.
func (n SchemaName) length() int {
	if n.ByGUID {
		return guidLen
	}
	return FrameLen
}

// GlueLen is the length of what AWS Glue's serialisers put in front of a part, in bytes.
const GlueLen = 1 + 1 + 16

// What the second byte of theirs says of the payload.
const (
	glueStored   = 0
	glueDeflated = 5 // zlib
)

// GlueFramed reports whether part looks as if it began with the version of a schema of AWS Glue: a byte 3, how the payload is compressed,
// and a UUID. No registry of ours has such names, so the part is compared as the bytes that it is; it is never taken for one with a number.
func GlueFramed(part []byte) bool {
	_, _, ok := GlueName(part)
	return ok
}

// GlueName returns the version that part names, if it looks as if it named one, and whether zlib has compressed the payload behind it.
func GlueName(part []byte) (version SchemaName, deflated, ok bool) {
	if len(part) < GlueLen || part[0] != 3 || part[1] != glueStored && part[1] != glueDeflated {
		return version, false, false
	}
	return GlueVersion([16]byte(part[2:GlueLen])), part[1] == glueDeflated, true
}

// GlueVersion names the version of one of AWS Glue's schemas that has this UUID.
func GlueVersion(uuid [16]byte) SchemaName { return SchemaName{ByGUID: true, Glue: true, GUID: uuid} }

// AppendGlue appends what stands in front of a payload that is of a version, as it is or compressed.
func AppendGlue(dst []byte, version SchemaName, deflated bool) []byte {
	how := byte(glueStored)
	if deflated {
		how = glueDeflated
	}
	return append(append(dst, 3, how), version.GUID[:]...)
}

// SchemaName is what a record calls a schema: a number, or a GUID.
type SchemaName struct {
	ByGUID bool
	Glue   bool // GUID is the UUID of a version of AWS Glue's schemas, which no registry of ours knows
	ID     uint32
	GUID   [16]byte // in the order of its text
}

// String is "schema 5", or "schema " and the GUID, or "version " and the UUID of AWS Glue.
func (n SchemaName) String() string {
	switch {
	case !n.ByGUID:
		return fmt.Sprintf("schema %d", n.ID)
	case n.Glue:
		return "version " + n.Text() + " of AWS Glue's schemas"
	}
	return "schema " + n.Text()
}

// Text is the GUID in its usual form, or the number.
func (n SchemaName) Text() string {
	if !n.ByGUID {
		return fmt.Sprint(n.ID)
	}
	h := hex.EncodeToString(n.GUID[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// Print stands for a schema in the canonical form.
type Print struct {
	Sum [16]byte
	// Indexed says that message indexes stand in front of a payload of this schema, or behind the name in a header: Protobuf.
	Indexed bool
}

// Naming is how one part of a record names its schema.
type Naming struct {
	Name SchemaName
	OK   bool // it names one
	// Header is the header that does, by its place in the record; -1 when the part itself does.
	Header int
	// Tail is what follows the name in the header.
	Tail []byte
	// Headers is how many headers of that name there are. Clients do not agree on which of several counts, so none does.
	Headers int
}

// Namings returns how r names the schemas of its key and its value, as far as a comparison of fields sees it: without headers there are
// none. prefixed are the parts that begin with a number or a GUID when no header names their schema.
func Namings(r *Record, fields, prefixed Fields) (key, value Naming) {
	key.Header, value.Header = -1, -1
	if fields&FieldHeaders != 0 {
		for i := range r.Headers {
			switch r.Headers[i].Key {
			case KeySchemaHeader:
				key.header(i, r.Headers[i].Value)
			case ValueSchemaHeader:
				value.header(i, r.Headers[i].Value)
			}
		}
	}
	key.prefix(r.Key, fields&prefixed&FieldKey != 0)
	value.prefix(r.Value, fields&prefixed&FieldValue != 0)
	return key, value
}

// header takes in a header. One that has another form is a header like any other.
func (n *Naming) header(i int, b []byte) {
	n.Headers++
	*n = Naming{Header: -1, Headers: n.Headers}
	if n.Headers > 1 {
		return
	}
	switch {
	case len(b) >= guidLen && b[0] == 1:
		n.Name, n.Tail = SchemaName{ByGUID: true, GUID: [16]byte(b[1:guidLen])}, b[guidLen:]
	case len(b) >= FrameLen && b[0] == 0:
		n.Name, n.Tail = SchemaName{ID: binary.BigEndian.Uint32(b[1:])}, b[FrameLen:]
	default:
		return
	}
	n.OK, n.Header = true, i
}

func (n *Naming) prefix(part []byte, framed bool) {
	if n.OK || !framed {
		return
	}
	n.Name, n.OK = FrontName(part)
}

// InFront reports whether the part itself seems to name the schema. Of a GUID only the registry knows.
func (n *Naming) InFront() bool { return n.OK && n.Header < 0 }

// Fits reports whether what the header holds besides the name is what a client writes for a schema of this kind.
func (n *Naming) Fits(p Print) bool {
	if n.Header < 0 {
		return true
	}
	if !p.Indexed {
		return len(n.Tail) == 0
	}
	return wholeIndexes(n.Tail)
}

// wholeIndexes reports whether b is message indexes and nothing else: how many, and each, as zigzag varints; a single 0 is the first message.
func wholeIndexes(b []byte) bool {
	n, k := binary.Varint(b)
	if k <= 0 || n < 0 || n > int64(len(b)) {
		return false
	}
	for b = b[k:]; n > 0; n-- {
		_, k := binary.Varint(b)
		if k <= 0 {
			return false
		}
		b = b[k:]
	}
	return len(b) == 0
}

// Frames says what stands for the names of schemas in the canonical form.
type Frames struct {
	Prefixed func() Fields // of FieldKey and FieldValue, those that begin with a number or a GUID when no header names their schema
	// Front reports whether the GUID that a part begins with is one; nil for whether Print knows it. It is safe for concurrent use.
	Front func(SchemaName) bool
	// Print returns the fingerprint of a schema. A part whose schema it does not know is hashed as the bytes that it is, and so is its
	// header. It is safe for concurrent use.
	Print func(SchemaName) (Print, bool)
}

// framed is a part whose schema is known.
type framed struct {
	naming Naming
	print  Print
	ok     bool
}

// look finds out what of r names a schema that is known.
func (f *Frames) look(r *Record, fields Fields) (key, value framed) {
	key.naming, value.naming = Namings(r, fields, f.Prefixed())
	for _, x := range []*framed{&key, &value} {
		if n := &x.naming; n.OK && (f.Front == nil || !n.InFront() || !n.Name.ByGUID || f.Front(n.Name)) {
			x.print, x.ok = f.Print(n.Name)
			x.ok = x.ok && n.Fits(x.print)
		}
	}
	return key, value
}

// namedBy reports whether the header at i names the schema.
func (x *framed) namedBy(i int) bool { return x != nil && x.ok && x.naming.Header == i }

// append appends a part of which the name of its schema is no part, if it has one. A null is one whatever its header says, so that a
// tombstone is never an empty value.
func (x *framed) append(dst, b []byte) []byte {
	if x == nil || !x.ok {
		return appendPart(dst, b)
	}
	dst = append(append(dst, 3), x.print.Sum[:]...)
	switch {
	case x.naming.Header < 0:
		return appendPart(dst, b[x.naming.Name.length():])
	case b != nil && len(x.naming.Tail) > 0:
		return appendPart(dst, append(append(make([]byte, 0, len(x.naming.Tail)+len(b)), x.naming.Tail...), b...))
	}
	return appendPart(dst, b)
}

// size is how many bytes of part b and of r's headers name its schema. compared says that the part itself is compared.
func (x *framed) size(r *Record, b []byte, compared bool) int64 {
	switch {
	case !x.ok:
		return 0
	case x.naming.Header < 0:
		return int64(x.naming.Name.length())
	}
	h := &r.Headers[x.naming.Header]
	n := len(h.Key) + len(h.Value)
	if compared && b != nil {
		n -= len(x.naming.Tail)
	}
	return int64(n)
}
