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
