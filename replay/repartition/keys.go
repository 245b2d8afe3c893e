package repartition

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"backstitch/partition"
	"backstitch/replay/record"
	"backstitch/replay/source"

	"github.com/zeebo/xxh3"
)

// Order per key can only be kept of a key that is in one partition of the reference. Whether each is can be seen in two ways. A key that is
// nowhere but where murmur2 puts it is in one partition: that takes nothing to remember. Where the reference was filled by another rule, or
// had another number of partitions once, keys are remembered, up to a limit, and compared at the end.

// maxKeys is how many keys of all partitions are remembered, at about 40 bytes each.
const maxKeys = 1 << 20

// Keys looks at the keys of a reference as it is read. It may be used by several goroutines.
type Keys struct {
	of    int32 // partitions that the reference seems to have
	limit int64

	kept  atomic.Int64 // in all partitions; above limit they are given up
	mu    sync.Mutex
	parts map[int32]*keysOf
}

// keysOf is what was seen of one partition. Its lock is held for a batch.
type keysOf struct {
	mu      sync.Mutex
	to      partition.Offset // positions below are counted
	keys    map[[16]byte]struct{}
	astray  int64 // records that murmur2 would have put elsewhere
	keyless int64
}

// NewKeys begins. of is how many partitions the reference seems to have; a wrong number costs memory and makes nothing wrong.
func NewKeys(of int32) *Keys {
	return &Keys{of: max(of, 1), limit: maxKeys, parts: map[int32]*keysOf{}}
}

// Seen is what Keys has seen.
type Seen struct {
	Keyless int64 // records without a key
	Astray  int64 // records that are not where murmur2 would have put them
	// Split is how many keys are in more than one partition, -1 where there were too many to tell.
	Split int64
}

// Seen adds up what was read.
func (k *Keys) Seen() Seen {
	k.mu.Lock()
	defer k.mu.Unlock()
	var out Seen
	for _, p := range k.parts {
		p.mu.Lock()
		out.Keyless += p.keyless
		out.Astray += p.astray
		p.mu.Unlock()
	}
	switch {
	case out.Astray == 0:
	case k.kept.Load() > k.limit:
		out.Split = -1
	default:
		in := map[[16]byte]int{}
		for _, p := range k.parts {
			for key := range p.keys {
				if in[key]++; in[key] == 2 {
					out.Split++
				}
			}
		}
	}
	return out
}

func (k *Keys) part(n int32) *keysOf {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.parts[n] == nil {
		k.parts[n] = &keysOf{keys: map[[16]byte]struct{}{}}
	}
	return k.parts[n]
}

// see takes one batch of a partition into account. Readers go forward and some read again, so what lies before the furthest was seen.
func (k *Keys) see(part int32, b *record.Batch) {
	p := k.part(part)
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range b.Records {
		r := &b.Records[i]
		if r.Offset < p.to {
			continue
		}
		p.to = r.Offset + 1
		if r.Key == nil {
			p.keyless++
			continue
		}
		if KeyPartition(r.Key, k.of) != part {
			p.astray++
		}
		if k.kept.Load() > k.limit {
			clear(p.keys)
			continue
		}
		hash := xxh3.Hash128(r.Key).Bytes()
		if _, ok := p.keys[hash]; !ok {
			p.keys[hash] = struct{}{}
			k.kept.Add(1)
		}
	}
}

// Over returns src, whose keys are seen as they are read. Closing it closes src.
func (k *Keys) Over(src source.Source) source.Source { return &seeing{src, k} }

type seeing struct {
	source.Source
	keys *Keys
}

var errDigests = errors.New("the source gives digests instead of records, which have no keys")

// Open starts reading slice.
func (s *seeing) Open(ctx context.Context, slice partition.Slice, cursor partition.Offset) (source.Reader, error) {
	r, err := s.Source.Open(ctx, slice, cursor)
	if err != nil {
		return nil, err
	}
	return &seeingReader{r, s.keys, slice.Partition}, nil
}

type seeingReader struct {
	source.Reader
	keys *Keys
	part int32
}

// Next returns the next batch.
func (r *seeingReader) Next(ctx context.Context) (*record.Batch, error) {
	b, err := r.Reader.Next(ctx)
	if err != nil {
		return b, err
	}
	if b.Digests != nil {
		b.Release()
		return nil, errDigests
	}
	r.keys.see(r.part, b)
	return b, nil
}
