package record

// Digest stands for the contents of a record where contents are compared and not handed on.
type Digest struct {
	Hash  [16]byte // of the canonical form under the compared fields
	Size  int64    // bytes of the compared fields, our own headers and names of schemas left out
	Bytes int64    // keys, values and headers, all of them: Record.Size
	// Framed says that the value looks as if it began with the number of a schema.
	Framed bool
	// Glued says that it looks as if it began with the version of a schema of AWS Glue. A ledger does not keep it.
	Glued bool
}

// Digest is that of r under fields.
func (h *Hasher) Digest(r *Record, fields Fields) (d Digest) {
	h.digest(&d, r, fields)
	return d
}

// digest sets d, every field of it.
func (h *Hasher) digest(d *Digest, r *Record, fields Fields) {
	var names int64
	d.Hash, names = h.HashNamed(r, fields)
	d.Size, d.Bytes = r.sizes(fields)
	d.Size -= names
	_, d.Framed = FrameID(r.Value)
	d.Glued = GlueFramed(r.Value)
}

// SizeUnder is the size of the compared fields of r in bytes, our own headers left out. Records with equal hashes have equal sizes.
func (r *Record) SizeUnder(fields Fields) int64 {
	compared, _ := r.sizes(fields)
	return compared
}

// sizes returns the size of the compared fields of r, our own headers left out, and that of all of them.
func (r *Record) sizes(fields Fields) (compared, all int64) {
	var headers, own int
	for i := range r.Headers {
		h := &r.Headers[i]
		n := len(h.Key) + len(h.Value)
		headers += n
		if h.own() {
			own += n
		}
	}
	all = int64(len(r.Key) + len(r.Value) + headers)
	compared = all - int64(own)
	if fields&FieldKey == 0 {
		compared -= int64(len(r.Key))
	}
	if fields&FieldValue == 0 {
		compared -= int64(len(r.Value))
	}
	if fields&FieldHeaders == 0 {
		compared -= int64(headers - own)
	}
	return compared, all
}
