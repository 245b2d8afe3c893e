package record

import "backstitch/partition"

// Batch is a run of records of one partition in order of position.
type Batch struct {
	Partition int32
	Records   []Record
	// Next is the cursor after this batch: every wanted position below it is in this or an earlier batch.
	Next partition.Offset
	// Bytes is the sum of the records' keys, values and headers.
	Bytes int64
	// Free returns the slabs for reuse; nil when nothing is pooled.
	Free func()
}

// recordBytes is about what a Record takes beside the bytes that it points to.
const recordBytes = 112

// Footprint is what the batch takes in memory, in bytes: what its records hold and what describes them, which for small
// records is more. Whoever bounds memory counts this and not Bytes.
func (b *Batch) Footprint() int64 { return b.Bytes + int64(len(b.Records))*recordBytes }

// Release gives the batch's memory back. Nothing of it may be used afterwards.
func (b *Batch) Release() {
	if free := b.Free; free != nil {
		b.Free = nil
		free()
	}
}

// Size is the number of bytes in the record's key, value and headers.
func (r *Record) Size() int64 {
	n := int64(len(r.Key) + len(r.Value))
	for i := range r.Headers {
		n += int64(len(r.Headers[i].Key) + len(r.Headers[i].Value))
	}
	return n
}
