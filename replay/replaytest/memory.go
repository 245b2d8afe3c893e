package replaytest

import (
	"context"
	"fmt"
	"io"
	"slices"

	"backstitch/partition"
	"backstitch/replay/record"
	"backstitch/replay/source"
)

// Memory is a source of records in memory, by partition and in order of offset.
type Memory struct {
	Records map[int32][]record.Record
	Batch   int                                           // records per batch; 0 is 7
	Damaged map[partition.Offset]partition.Offset         // reading at the key gives a DamagedError up to the value
	Fail    func(part int32, next partition.Offset) error // called before each batch; nil never fails
}

// Fields returns AllFields.
func (m *Memory) Fields() record.Fields { return record.AllFields }

// Close does nothing.
func (m *Memory) Close() error { return nil }

// Open starts at the first wanted record at or after cursor.
func (m *Memory) Open(_ context.Context, slice partition.Slice, cursor partition.Offset) (source.Reader, error) {
	return &memoryReader{m: m, slice: slice, next: cursor}, nil
}

type memoryReader struct {
	m     *Memory
	slice partition.Slice
	next  partition.Offset
}

func (r *memoryReader) Next(ctx context.Context) (*record.Batch, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if r.m.Fail != nil {
		if err := r.m.Fail(r.slice.Partition, r.next); err != nil {
			return nil, err
		}
	}
	size := r.m.Batch
	if size == 0 {
		size = 7
	}
	batch := &record.Batch{Partition: r.slice.Partition}
	for _, rec := range r.m.Records[r.slice.Partition] {
		if rec.Offset < r.next || !r.slice.Ranges.Contains(rec.Offset) {
			continue
		}
		if next, bad := r.m.Damaged[rec.Offset]; bad {
			if len(batch.Records) > 0 {
				break
			}
			r.next = next
			return nil, &source.DamagedError{Object: "memory", Offset: rec.Offset, Next: next, Code: source.CodeCorrupt, Err: fmt.Errorf("flipped")}
		}
		// A batch owns its bytes, so that a test notices who uses them after Release.
		rec.Key, rec.Value = slices.Clone(rec.Key), slices.Clone(rec.Value)
		batch.Records = append(batch.Records, rec)
		batch.Bytes += rec.Size()
		batch.Next = rec.Offset + 1
		if len(batch.Records) == size {
			break
		}
	}
	if len(batch.Records) == 0 {
		return nil, io.EOF
	}
	r.next = batch.Next
	recs := batch.Records
	batch.Free = func() {
		for i := range recs {
			scribble(recs[i].Key)
			scribble(recs[i].Value)
		}
	}
	return batch, nil
}

// scribble destroys bytes that nobody may look at any more.
func scribble(b []byte) {
	for i := range b {
		b[i] = 0xDB
	}
}

func (r *memoryReader) Close() error { return nil }
