package record

import "encoding/binary"

// Clients of a schema registry put a byte 0 and the number of the schema, 4 bytes big endian, in front of a key or value. The number is
// the registry's own: a copy of the topic beside another registry has another one for the same schema, and is the same record.

// FrameLen is the length of what such a client puts in front, in bytes.
const FrameLen = 5

// FrameID returns the number of the schema that part names. That it looks like one does not say that it is one.
func FrameID(part []byte) (id uint32, ok bool) {
	if len(part) < FrameLen || part[0] != 0 {
		return 0, false
	}
	return binary.BigEndian.Uint32(part[1:]), true
}

// Frames says what stands for numbers of schemas in the canonical form.
type Frames struct {
	Parts func() Fields // of FieldKey and FieldValue, those that begin with a number
	// Print returns the fingerprint of a schema. A part whose schema it does not know is hashed as the bytes that it is. It is safe for
	// concurrent use.
	Print func(id uint32) (print [16]byte, ok bool)
}

// appendFramed appends a part of which the number of its schema is no part, if it has one.
func (f *Frames) appendFramed(dst, b []byte, field Fields) []byte {
	if f != nil && f.Parts()&field != 0 {
		if id, ok := FrameID(b); ok {
			if print, ok := f.Print(id); ok {
				return appendPart(append(append(dst, 3), print[:]...), b[FrameLen:])
			}
		}
	}
	return appendPart(dst, b)
}
