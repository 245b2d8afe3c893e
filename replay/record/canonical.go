package record

import (
	"encoding/binary"
	"sync"

	"github.com/zeebo/xxh3"
)

// What two records must share to be the same record. The trap: a form that is not self-delimiting lets a byte wander from
// key to value without changing the hash, and a form without null markers makes a tombstone equal to an empty value.
//
// Canonical form, version 1, all lengths unsigned varints:
//
//	version  1 byte, 1
//	fields   1 byte, the mask: the same record under two masks has two hashes
//	time     8 bytes big endian, milliseconds            if FieldTimestamp
//	headers  count, then per header key and value        if FieldHeaders; OwnHeaderPrefix ones are left out
//	key      a part                                      if FieldKey
//	value    a part                                      if FieldValue
//
// A header's key is its length and its bytes. A part, and so is a header's value, is one of
//
//	0x00                                                 null
//	0x01 length bytes                                    of up to 256 bytes
//	0x02 length xxh3-128                                 longer; the hash is over the bytes, big endian
//	0x03 fingerprint part                                under Frames: 16 bytes for the schema, and the payload
//
// Under Frames a header that names a known schema is no header, and what follows the name in it stands in front of the payload. So it
// does not matter whether a schema is named by a number or a GUID, in front of the payload or in a header, nor where among the headers.
//
// Long parts are hashed where they lie. Copying them first would cost about as much as hashing them, and most of what is
// moved is in long values.
//
// The timestamp type is not part of it. It is a setting of the topic, not of the record, and a target with another setting
// shows in the timestamps themselves.

// OwnHeaderPrefix marks the headers that backstitch adds. They say where a record came from and are not part of what it is.
const OwnHeaderPrefix = "backstitch."

// CanonicalVersion is the version of the canonical form. Hashes that were kept under another one compare with nothing.
const CanonicalVersion = 1

// longPart is the length above which a part stands in the canonical form by its hash.
const longPart = 256

// AppendCanonical appends the canonical form of r under fields to dst.
func AppendCanonical(dst []byte, r *Record, fields Fields) []byte {
	return appendCanonical(dst, r, fields, nil, nil)
}

// appendCanonical takes what is known of the schemas of key and value, nil for nothing.
func appendCanonical(dst []byte, r *Record, fields Fields, key, value *framed) []byte {
	dst = append(dst, CanonicalVersion, byte(fields))
	if fields&FieldTimestamp != 0 {
		dst = binary.BigEndian.AppendUint64(dst, uint64(r.TimestampMs))
	}
	if fields&FieldHeaders != 0 {
		dst = appendHeaders(dst, r.Headers, key, value)
	}
	if fields&FieldKey != 0 {
		dst = key.append(dst, r.Key)
	}
	if fields&FieldValue != 0 {
		dst = value.append(dst, r.Value)
	}
	return dst
}

// appendHeaders appends all but our own headers and those that name schemas.
func appendHeaders(dst []byte, hs []Header, key, value *framed) []byte {
	if len(hs) > maxByteVarint {
		return appendManyHeaders(dst, hs, key, value)
	}
	at, n := len(dst), byte(0)
	dst = append(dst, 0) // the count, which is known once all of them were looked at
	for i := range hs {
		if h := &hs[i]; !h.own() && !key.namedBy(i) && !value.namedBy(i) {
			dst = appendHeader(dst, h)
			n++
		}
	}
	dst[at] = n
	return dst
}

// appendManyHeaders is appendHeaders for a count that may take more than a byte.
func appendManyHeaders(dst []byte, hs []Header, key, value *framed) []byte {
	skip := func(i int) bool { return hs[i].own() || key.namedBy(i) || value.namedBy(i) }
	n := 0
	for i := range hs {
		if !skip(i) {
			n++
		}
	}
	dst = binary.AppendUvarint(dst, uint64(n))
	for i := range hs {
		if !skip(i) {
			dst = appendHeader(dst, &hs[i])
		}
	}
	return dst
}

func appendHeader(dst []byte, h *Header) []byte {
	if len(h.Key) > maxByteVarint {
		dst = binary.AppendUvarint(dst, uint64(len(h.Key)))
	} else {
		dst = append(dst, byte(len(h.Key)))
	}
	return appendPart(append(dst, h.Key...), h.Value)
}

// maxByteVarint is the largest varint of one byte, which is all that most lengths take.
const maxByteVarint = 127

func appendPart(dst, b []byte) []byte {
	switch {
	case b == nil:
		return append(dst, 0)
	case len(b) <= maxByteVarint:
		return append(append(dst, 1, byte(len(b))), b...)
	case len(b) <= longPart:
		return append(binary.AppendUvarint(append(dst, 1), uint64(len(b))), b...)
	}
	sum := xxh3.Hash128(b)
	dst = binary.AppendUvarint(append(dst, 2), uint64(len(b)))
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(dst, sum.Hi), sum.Lo)
}

// Hasher hashes records without allocating once its buffer has grown. It is used by one goroutine; its zero value is ready.
type Hasher struct {
	Frames *Frames // nil takes every part as the bytes that it is
	buf    []byte
}

// Hash returns the xxh3-128 of the canonical form of r under fields, big endian.
func (h *Hasher) Hash(r *Record, fields Fields) [16]byte {
	sum, _ := h.HashNamed(r, fields)
	return sum
}

// HashNamed is Hash, and how many bytes of the compared fields the names of schemas take. Two records that are the same under Frames
// differ in no others.
func (h *Hasher) HashNamed(r *Record, fields Fields) (sum [16]byte, names int64) {
	if h.Frames == nil {
		h.buf = appendCanonical(h.buf[:0], r, fields, nil, nil)
		return xxh3.Hash128(h.buf).Bytes(), 0
	}
	key, value := h.Frames.look(r, fields)
	h.buf = appendCanonical(h.buf[:0], r, fields, &key, &value)
	return xxh3.Hash128(h.buf).Bytes(), key.size(r, r.Key, fields&FieldKey != 0) + value.size(r, r.Value, fields&FieldValue != 0)
}

var hashers = sync.Pool{New: func() any { return new(Hasher) }}

// Hash is Hasher.Hash for callers that have no Hasher of their own.
func Hash(r *Record, fields Fields) [16]byte {
	h := hashers.Get().(*Hasher)
	sum := h.Hash(r, fields)
	hashers.Put(h)
	return sum
}
