package record

import (
	"sync/atomic"

	"backstitch/partition"
)

// Batch is a run of records of one partition in order of position.
type Batch struct {
	Partition int32
	Records   []Record
	// Next is the cursor after this batch: every wanted position below it is in this or an earlier batch.
	Next partition.Offset
	// Bytes is the sum of the records' keys, values and headers.
	Bytes int64
	// Digests has one entry for each record when somebody has worked them out already, under the fields that the reader of the
	// batch compares; nil when nobody has. Where it is set, a record may hold nothing but offset, timestamp and the header that
	// says where it came from: whoever wants contents must not read from what gives such batches.
	Digests []Digest
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

// Own gives buf back when b is released, beside what b had before.
func (b *Batch) Own(buf *Buffer) {
	free := b.Free
	b.Free = func() {
		if free != nil {
			free()
		}
		buf.Done()
	}
}

// Split takes the first n records out of b and returns them as a batch of their own; b keeps the others, of which there must be
// some. Both are to be released, by anybody and in any order: the memory goes back after the last one.
func (b *Batch) Split(n int) *Batch {
	front := &Batch{Partition: b.Partition, Records: b.Records[:n:n], Next: b.Records[n].Offset}
	for i := range front.Records {
		front.Bytes += b.SizeOf(i)
	}
	if b.Digests != nil {
		front.Digests, b.Digests = b.Digests[:n:n], b.Digests[n:]
	}
	b.Records, b.Bytes = b.Records[n:], b.Bytes-front.Bytes
	if free := b.Free; free != nil {
		var left atomic.Int32
		left.Store(2)
		b.Free = func() {
			if left.Add(-1) == 0 {
				free()
			}
		}
		front.Free = b.Free
	}
	return front
}

// SizeOf is the size of the i-th record, also where the batch has its digest alone.
func (b *Batch) SizeOf(i int) int64 {
	if b.Digests != nil {
		return b.Digests[i].Bytes
	}
	return b.Records[i].Size()
}

// Size is the number of bytes in the record's key, value and headers.
func (r *Record) Size() int64 {
	n := int64(len(r.Key) + len(r.Value))
	for i := range r.Headers {
		n += int64(len(r.Headers[i].Key) + len(r.Headers[i].Value))
	}
	return n
}
