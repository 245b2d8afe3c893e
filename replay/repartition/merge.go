package repartition

import (
	"context"
	"io"
	"slices"
	"strings"

	"backstitch/replay/record"
	"backstitch/replay/sink"
)

// The records of one partition of the reference lie in all partitions of the target, among those of others. They are put together by the
// origins that they name. A partition of the target gives its records in its own order and in no other, so a header that lies can move
// records of different partitions past each other, which nobody reads in order, and can not mend what stands in the wrong order in one.

// batchRecords and batchBytes are where a batch of the merged stream is full.
const (
	batchRecords = 4 << 10
	batchBytes   = 1 << 20
)

// merge reads one partition of the reference. It is used by one goroutine.
type merge struct {
	view    *View
	part    int32
	heads   []*head // those that are not at their end; by origin once started
	started bool
	next    int64
}

// head is one partition of the target, at its next record that is wanted.
type head struct {
	r      sink.Reader
	q      int32
	batch  *record.Batch
	i      int
	origin int64
}

// at is the record that the head is at.
func (h *head) at() *record.Record { return &h.batch.Records[h.i] }

// advance goes to the next record that is wanted, false at the end.
func (m *merge) advance(ctx context.Context, h *head) (bool, error) {
	for {
		if h.batch != nil {
			for h.i++; h.i < len(h.batch.Records); h.i++ {
				if p, o, ok := m.view.origin(h.at()); ok && p == m.part {
					h.origin = o
					return true, nil
				}
			}
			h.release()
		}
		b, err := h.r.Next(ctx)
		if err == io.EOF {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		if m.view.opt.Pinned {
			m.view.count(h.q, b)
		}
		h.batch, h.i = b, -1
	}
}

func (h *head) release() {
	if h.batch != nil {
		h.batch.Release()
		h.batch = nil
	}
}

// start brings every head to its first record.
func (m *merge) start(ctx context.Context) error {
	all := m.heads
	m.heads = nil
	for i, h := range all {
		ok, err := m.advance(ctx, h)
		if err != nil {
			m.heads = append(m.heads, all[i:]...) // for Close
			return err
		}
		if ok {
			m.heads = append(m.heads, h)
		} else if err := h.r.Close(); err != nil {
			m.heads = append(m.heads, all[i+1:]...)
			return err
		}
	}
	slices.SortFunc(m.heads, before)
	m.started = true
	return nil
}

// before is the order of the merged stream. Two records of one origin, of which one is too many, go by partition.
func before(a, b *head) int {
	switch {
	case a.origin < b.origin:
		return -1
	case a.origin > b.origin:
		return 1
	}
	return int(a.q - b.q)
}

// Next returns the next batch. Its memory is its own, because records that stand side by side in it do not elsewhere.
func (m *merge) Next(ctx context.Context) (*record.Batch, error) {
	if !m.started {
		if err := m.start(ctx); err != nil {
			return nil, err
		}
	}
	b := &record.Batch{Partition: m.part}
	var room arena
	for len(m.heads) > 0 && len(b.Records) < batchRecords && b.Bytes < batchBytes {
		h := m.heads[0]
		r := room.clone(h.at())
		r.Offset = m.view.num.of(h.q, r.Offset)
		b.Records = append(b.Records, r)
		b.Bytes += r.Size()
		m.next = max(m.next, r.Offset+1)
		ok, err := m.advance(ctx, h)
		if err != nil {
			return nil, err
		}
		if !ok {
			m.heads = m.heads[1:]
			if err := h.r.Close(); err != nil {
				return nil, err
			}
			continue
		}
		i, _ := slices.BinarySearchFunc(m.heads[1:], h, before)
		copy(m.heads, m.heads[1:i+1])
		m.heads[i] = h
	}
	if len(b.Records) == 0 {
		return nil, io.EOF
	}
	b.Next = m.next
	return b, nil
}

// arena is the memory of one batch.
type arena []byte

func (a *arena) keep(b []byte) []byte {
	if len(b) == 0 {
		return slices.Clip(b[:0]) // an empty one stays empty, and null null
	}
	if cap(*a)-len(*a) < len(b) {
		*a = make([]byte, 0, max(arenaBytes, len(b))) // what is in the old one stays there
	}
	n := len(*a)
	*a = append(*a, b...)
	return (*a)[n:len(*a):len(*a)]
}

const arenaBytes = 64 << 10

func (a *arena) clone(r *record.Record) record.Record {
	out := *r
	out.Key, out.Value, out.Headers = a.keep(r.Key), a.keep(r.Value), slices.Clone(r.Headers)
	for i := range out.Headers {
		h := &out.Headers[i]
		h.Key, h.Value = strings.Clone(h.Key), a.keep(h.Value)
	}
	return out
}

// Position is behind the largest number that was returned.
func (m *merge) Position() int64 { return m.next }

// Close gives up what was read and not returned.
func (m *merge) Close() error {
	var first error
	for _, h := range m.heads {
		h.release()
		if err := h.r.Close(); err != nil && first == nil {
			first = err
		}
	}
	m.heads = nil
	return first
}
