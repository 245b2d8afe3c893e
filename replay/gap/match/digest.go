package match

import "backstitch/replay/record"

// Digest is that of the i-th record of b under fields: the one that came with the batch, or a new one.
func Digest(h *record.Hasher, b *record.Batch, i int, fields record.Fields) record.Digest {
	if b.Digests != nil {
		return b.Digests[i]
	}
	return h.Digest(&b.Records[i], fields)
}

// digester is Digest for one side, without a copy for each record: what it returns is valid until the next one, or while the batch is.
type digester struct {
	h    record.Hasher
	made record.Digest
}

func (x *digester) digest(b *record.Batch, i int, fields record.Fields) *record.Digest {
	if b.Digests != nil {
		return &b.Digests[i]
	}
	x.made = x.h.Digest(&b.Records[i], fields)
	return &x.made
}
