package foreign

import (
	"container/heap"
	"context"
	"fmt"
	"io"
	"slices"

	"backstitch/partition"
	"backstitch/replay/record"
	"backstitch/replay/source"
)

// Objects whose records have positions of their own, given back in order of position. A partitioner that fans out leaves
// records 100 to 110 in ten objects at a time, so those are read side by side; a position that two objects hold is given once.
// The trap is damage: what one object can not give may lie in the middle of what the others do, so damage waits until a
// position is met that nobody has.

// mergeBlock is how much is read at a time from each of many objects.
const mergeBlock = 128 << 10

// head is an open object with its next record.
type head struct {
	opener *opener
	object partition.Object
	name   Name
	end    partition.Offset // behind the last position it can hold, -1 when nobody knows
	obj    *Object
	dec    Decoder
	rec    record.Record
	first  partition.Offset
	last   partition.Offset // of the record before rec, or what lies before the object
	n      int64
}

type heads []*head

func (h heads) Len() int           { return len(h) }
func (h heads) Less(i, j int) bool { return h[i].rec.Offset < h[j].rec.Offset }
func (h heads) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *heads) Push(x any)        { *h = append(*h, x.(*head)) }
func (h *heads) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}

type merger struct {
	*pump
	open    heads
	damage  []*source.DamagedError // that waits for a position that nobody has
	at      partition.Offset       // behind the last position that was met
	idle    []*opener
	pending int // index of the next object to open
}

// merge reads objects side by side.
func (p *pump) merge(ctx context.Context) error {
	m := &merger{pump: p, at: p.cursor}
	defer func() {
		for _, h := range m.open {
			m.drop(h)
		}
		for _, o := range m.idle {
			o.close()
		}
	}()
	last := p.want.Span().To
	w := 0
	for {
		if err := m.openNext(ctx); err != nil {
			return err
		}
		if len(m.open) == 0 {
			return m.settle(ctx, -1)
		}
		h := m.open[0]
		pos := h.rec.Offset
		if pos >= last {
			return m.settle(ctx, last)
		}
		if pos >= m.at {
			if err := m.settle(ctx, pos); err != nil {
				return err
			}
			m.at = pos + 1
			for w < len(p.want) && p.want[w].To <= pos {
				w++
			}
			if pos >= p.cursor && p.want[w].Contains(pos) && !m.take(ctx, h) {
				return ctx.Err()
			}
		}
		if err := m.advance(ctx, h); err != nil {
			return err
		}
	}
}

// take adds the record of h to the batch. Bytes of several objects lie in several buffers, each kept once while it is in turn.
func (m *merger) take(ctx context.Context, h *head) bool {
	return m.append(ctx, &h.rec, h.dec.Buffer())
}

// openNext opens every object that may hold a position before the least one that is open.
func (m *merger) openNext(ctx context.Context) error {
	for ; m.pending < len(m.objects); m.pending++ {
		o := m.objects[m.pending]
		if len(m.open) > 0 && m.open[0].rec.Offset < o.Base {
			return nil
		}
		if o.Base >= m.want.Span().To {
			m.pending = len(m.objects)
			return nil
		}
		end := m.reach(m.pending)
		if end >= 0 && (end <= m.cursor || !m.touches(partition.Range{From: o.Base, To: max(end, o.Base+1)})) {
			continue
		}
		if len(m.open) == m.limits.MaxOpen {
			return fmt.Errorf("more than %d objects hold records around position %d, the last is %s: they can not be read side by side", m.limits.MaxOpen, m.open[0].rec.Offset, o.Key)
		}
		if err := m.openOne(ctx, o, end); err != nil {
			return err
		}
	}
	return nil
}

func (m *merger) openOne(ctx context.Context, o partition.Object, end partition.Offset) error {
	n, _ := m.layout.Parse(o.Key)
	h := &head{object: o, name: n, end: end, first: -1, last: o.Base - 1}
	if k := len(m.idle); k > 0 {
		h.opener, m.idle = m.idle[k-1], m.idle[:k-1]
	} else {
		h.opener = &opener{b: m.b, layout: m.layout, limits: m.limits, block: mergeBlock, held: m.held}
	}
	f := splitETag(o.ETag, m.kinds)
	err := m.trust(ctx, o, n, f, true)
	if err == nil {
		h.obj, h.dec, err = h.opener.open(ctx, n, o.Key, f, false)
	}
	if err != nil {
		return m.broken(h, err)
	}
	heap.Push(&m.open, h)
	return m.advance(ctx, h)
}

// advance reads the next record of h, which is in the heap. At the end of h, or where it can not be read, h leaves the heap.
func (m *merger) advance(ctx context.Context, h *head) error {
	index := slices.Index(m.open, h) // the first one, but for an object that was just opened
	if h.n > 0 {
		h.last = h.rec.Offset
	}
	var bad []*Damage
	for {
		h.rec = record.Record{}
		err := h.dec.Next(&h.rec)
		if d := ofRecord(err); d != nil {
			bad = append(bad, d)
			continue
		}
		if err == nil {
			err = follows(h.last, h.rec.Offset)
		}
		if err == nil {
			break
		}
		heap.Remove(&m.open, index)
		if err == io.EOF {
			m.single(h, bad, h.end)
			return m.ended(h)
		}
		m.single(h, bad, h.last+1)
		return m.broken(h, err)
	}
	m.single(h, bad, h.rec.Offset)
	if h.first < 0 {
		h.first = h.rec.Offset
	}
	h.n++
	heap.Fix(&m.open, index)
	return ctx.Err()
}

// single notes records that could not be read. They lie between two others, if anywhere.
func (m *merger) single(h *head, bad []*Damage, next partition.Offset) {
	for _, d := range bad {
		m.damage = append(m.damage, &source.DamagedError{Object: h.object.Key, Offset: h.last + 1, Next: next, Code: d.Code, Err: d.Err})
	}
}

// ended checks an object that was read to its end against its name and the plan.
func (m *merger) ended(h *head) error {
	defer m.drop(h)
	if h.object.Count < 0 {
		if err := claims(h.name, true, h.n, h.first, h.lastSeen()); err != nil {
			return m.note(h, err)
		}
		return nil
	}
	if h.n > 0 && h.lastSeen()+1 != h.object.Base+h.object.Count || h.n == 0 && h.object.Count != 0 {
		return fmt.Errorf("object %s ends at %d, the plan saw %d: %w", h.object.Key, h.lastSeen()+1, h.object.Base+h.object.Count, source.ErrChanged)
	}
	return nil
}

// lastSeen is the position of the last record, -1 for none. advance has moved it already.
func (h *head) lastSeen() partition.Offset {
	if h.n == 0 {
		return -1
	}
	return h.last
}

// broken notes that h can not be read any further, or returns the error if that ends the read.
func (m *merger) broken(h *head, err error) error {
	defer m.drop(h)
	return m.note(h, err)
}

func (m *merger) note(h *head, err error) error {
	d, fatal := m.judge(h.object, err, h.last+1, h.end)
	if fatal != nil {
		return fatal
	}
	m.damage = append(m.damage, d)
	return nil
}

// drop closes an object and keeps its decompressors for the next one.
func (m *merger) drop(h *head) {
	if h.dec != nil {
		h.dec.Close()
		h.obj.close()
		h.dec = nil
	}
	if h.opener != nil {
		m.idle = append(m.idle, h.opener)
		h.opener = nil
	}
}

// settle hands over the damage that explains why no object had the positions from m.at to next; next is -1 at the end of all.
func (m *merger) settle(ctx context.Context, next partition.Offset) error {
	rest := m.damage[:0]
	for _, d := range m.damage {
		out := *d
		out.Offset = max(d.Offset, m.at)
		switch {
		case d.Next >= 0 && d.Next <= m.at:
			continue // others had all of it
		case next >= 0 && out.Offset >= next:
			rest = append(rest, d)
			continue
		case next >= 0 && (d.Next < 0 || d.Next > next):
			out.Next = next // there may be more places; the first one is enough to name it
		}
		if err := m.damaged(ctx, &out); err != nil {
			return err
		}
	}
	m.damage = rest
	return nil
}
