package match

import (
	"strings"

	"backstitch/replay/record"
)

// Digest is that of the i-th record of b under fields: the one that came with the batch, or a new one.
func Digest(h *record.Hasher, b *record.Batch, i int, fields record.Fields) record.Digest {
	if b.Digests != nil {
		return b.Digests[i]
	}
	r := &b.Records[i]
	hash, names := h.HashNamed(r, fields)
	d := record.Digest{Hash: hash}
	d.Size, d.Bytes = sizes(r, fields)
	d.Size -= names
	_, d.Framed = record.FrameID(r.Value)
	return d
}

// Size is the size of the compared fields of r. Records with equal hashes have equal sizes.
func Size(r *record.Record, fields record.Fields) int64 {
	compared, _ := sizes(r, fields)
	return compared
}

// sizes returns the size of the compared fields of r, our own headers left out, and that of all of them.
func sizes(r *record.Record, fields record.Fields) (compared, all int64) {
	var headers, own int
	for i := range r.Headers {
		h := &r.Headers[i]
		n := len(h.Key) + len(h.Value)
		headers += n
		if strings.HasPrefix(h.Key, record.OwnHeaderPrefix) {
			own += n
		}
	}
	all = int64(len(r.Key) + len(r.Value) + headers)
	compared = all - int64(own)
	if fields&record.FieldKey == 0 {
		compared -= int64(len(r.Key))
	}
	if fields&record.FieldValue == 0 {
		compared -= int64(len(r.Value))
	}
	if fields&record.FieldHeaders == 0 {
		compared -= int64(headers - own)
	}
	return compared, all
}
