package record

// Digest stands for the contents of a record where contents are compared and not handed on.
type Digest struct {
	Hash  [16]byte // of the canonical form under the compared fields
	Size  int64    // bytes of the compared fields, our own headers and names of schemas left out
	Bytes int64    // keys, values and headers, all of them: Record.Size
	// Framed says that the value looks as if it began with the number of a schema.
	Framed bool
}
