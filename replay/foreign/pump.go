package foreign

import (
	"context"
	"errors"
	"fmt"
	"io"

	"backstitch/partition"
	"backstitch/replay/record"
	"backstitch/replay/source"
)

// The goroutine behind a reader: it opens, decompresses, cuts records and makes batches, so that Next only hands over. All
// positions are counted here. The trap is to count a line that is not a record, or not to count one that is skipped: every
// later position would be off by one and every record after it would look lost.

// batchBytes and batchRecords are where a batch is full. One of digests holds no bytes of records, and fewer of them, so that it is in
// the core's cache still when it is compared.
const (
	batchBytes    = 1 << 20
	batchRecords  = 16 << 10
	digestRecords = 1 << 10
)

type pump struct {
	opener
	kinds   []string // of companions
	part    int32
	want    partition.Ranges
	objects []partition.Object // in order of their bases
	cursor  partition.Offset
	out     chan<- result
	// compared is what digests are made of, nil when records themselves are handed over.
	compared *record.Fields
	hasher   record.Hasher

	rec  record.Record // what decoders fill: one that is made anew for each would be an allocation each
	slab *record.Slab
	kept *record.Buffer // the buffer that slab has kept last
	next partition.Offset
}

// run reads everything and says how it ended.
func (p *pump) run(ctx context.Context, read func(context.Context) error) {
	p.slab = record.NewSlab()
	defer func() {
		p.slab.Drop()
		p.opener.close()
	}()
	if err := read(ctx); err != nil {
		p.fail(ctx, fmt.Errorf("partition %d: %w", p.part, err))
		return
	}
	if p.flush(ctx) {
		p.send(ctx, result{err: io.EOF})
	}
}

// sequence reads one object after the other.
func (p *pump) sequence(ctx context.Context) error {
	for i, o := range p.objects {
		end := p.reach(i)
		if end >= 0 && (end <= p.cursor || !p.touches(partition.Range{From: o.Base, To: end})) {
			continue
		}
		if err := p.object(ctx, o, end); err != nil {
			return err
		}
	}
	return nil
}

// reach is the position after the last one that an object can hold, -1 when nobody knows.
func (p *pump) reach(i int) partition.Offset {
	o := p.objects[i]
	if o.Count >= 0 {
		return o.Base + o.Count
	}
	if n, _ := p.layout.Parse(o.Key); n.Last >= o.Base {
		return n.Last + 1
	}
	for _, next := range p.objects[i+1:] {
		if next.Base > o.Base {
			return next.Base
		}
	}
	return -1
}

func (p *pump) touches(r partition.Range) bool {
	for _, w := range p.want {
		if w.Overlaps(r) {
			return true
		}
	}
	return false
}

// object reads one object whose positions end at end, -1 if nobody knows. It returns errors that end the read.
func (p *pump) object(ctx context.Context, o partition.Object, end partition.Offset) error {
	n, _ := p.layout.Parse(o.Key)
	pos := o.Base
	f := splitETag(o.ETag, p.kinds)
	err := p.trust(ctx, o, n, f, false)
	if err == nil {
		var stopped bool
		if pos, stopped, err = p.records(ctx, n, o, f); stopped {
			p.cursor = max(p.cursor, pos) // the next object may hold the last of them once more
			return err
		}
	}
	if err == nil && o.Count < 0 {
		err = claims(n, false, pos-o.Base, -1, -1)
	}
	if err != nil {
		d, fatal := p.judge(o, err, pos, end)
		if fatal != nil {
			return fatal
		}
		p.cursor = max(p.cursor, d.Next)
		return p.damaged(ctx, d)
	}
	if o.Count >= 0 && pos != o.Base+o.Count {
		return fmt.Errorf("object %s holds %d records, the plan counted %d: %w", o.Key, pos-o.Base, o.Count, source.ErrChanged)
	}
	p.cursor = max(p.cursor, pos)
	return nil
}

// judge tells damage from errors that end the read. pos is where the object could not be read any further. Where that is the
// end of one that the listing has named, no position is lost, and reading goes on.
func (p *pump) judge(o partition.Object, err error, pos, end partition.Offset) (*source.DamagedError, error) {
	var damage *Damage
	switch {
	case errors.As(err, &damage) && damage.untrusted() && o.Count >= 0:
		// All did fit when the plan counted the records, and some of those that do not may be out already.
		return nil, fmt.Errorf("object %s: %w: %w", o.Key, source.ErrChanged, damage.Err)
	case errors.As(err, &damage):
	case errors.Is(err, source.ErrGone) && o.Count < 0:
		damage = &Damage{Code: source.CodeGone, Err: errors.New("it was listed, and is gone")}
	default:
		return nil, fmt.Errorf("object %s: %w", o.Key, err)
	}
	next := end
	if end < pos || end == pos && (o.Count >= 0 || pos == o.Base) {
		next = -1
	}
	return &source.DamagedError{Object: o.Key, Offset: max(pos, p.cursor), Next: next, Code: damage.Code, Err: damage.Err}, nil
}

// trust reads an object that was damaged when the plan was made to its end, before any record of it is handed over. A stream
// yields records long before it comes to a checksum that does not fit; if one does not, none of them can be believed. An
// object that is only cut short can be, up to the cut.
func (p *pump) trust(ctx context.Context, o partition.Object, n Name, f frozen, own bool) error {
	if o.Count >= 0 {
		return nil
	}
	t := tally{first: -1, last: -1}
	err := t.read(ctx, &p.opener, n, o.Key, frozen{value: f.value, companions: f.companions}, own)
	if err == nil {
		err = claims(n, own, t.records, t.first, t.last)
	}
	var damage *Damage
	if errors.As(err, &damage) {
		if damage.untrusted() {
			return damage
		}
		return nil
	}
	return err
}

// records reads an object's records into batches and returns the position behind the last one it saw. stopped means that the
// caller has nothing more to do for this object: every wanted position was met, or err ends the read.
func (p *pump) records(ctx context.Context, n Name, o partition.Object, f frozen) (pos partition.Offset, stopped bool, err error) {
	pos = o.Base
	obj, d, err := p.open(ctx, n, o.Key, f, false)
	if err != nil {
		return pos, false, err
	}
	defer obj.close()
	defer d.Close()
	last := p.want.Span().To
	w := 0 // index of the first range that ends behind pos
	for ; ; pos++ {
		if pos >= last {
			return pos, true, nil
		}
		for w < len(p.want) && p.want[w].To <= pos {
			w++
		}
		if pos < p.cursor || !p.want[w].Contains(pos) {
			if err := d.Skip(); err == io.EOF {
				return pos, false, nil
			} else if err != nil {
				return pos, false, err
			}
			continue
		}
		p.rec = record.Record{}
		if err := d.Next(&p.rec); err != nil {
			if err == io.EOF {
				return pos, false, nil
			}
			bad := ofRecord(err)
			if bad == nil {
				return pos, false, err
			}
			if err := p.damaged(ctx, &source.DamagedError{Object: o.Key, Offset: pos, Next: pos + bad.records(), Code: bad.Code, Err: bad.Err}); err != nil {
				return pos, true, err
			}
			pos += bad.records() - 1
			continue
		}
		p.rec.Offset = pos
		if !p.append(ctx, &p.rec, d.Buffer()) {
			return pos, true, ctx.Err()
		}
	}
}

// append adds a record whose bytes lie in buf. It returns false when the reader was closed.
func (p *pump) append(ctx context.Context, rec *record.Record, buf *record.Buffer) bool {
	p.next = rec.Offset + 1
	if p.compared != nil {
		p.slab.Digest(rec, &p.hasher, *p.compared)
		return len(p.slab.Records) < digestRecords || p.flush(ctx)
	}
	if buf != nil && p.kept != buf {
		p.kept = buf
		p.slab.Keep(buf.Use())
	}
	p.slab.Append(*rec)
	return (p.slab.Size() < batchBytes && len(p.slab.Records) < batchRecords) || p.flush(ctx)
}

// flush hands the batch over. It returns false when the reader was closed.
func (p *pump) flush(ctx context.Context) bool {
	if len(p.slab.Records) == 0 {
		return ctx.Err() == nil
	}
	b := p.slab.Batch(p.part, p.next)
	p.slab, p.kept = record.NewSlab(), nil
	if !p.send(ctx, result{batch: b}) {
		b.Release()
		return false
	}
	return true
}

// damaged hands over what came before the damage and then the damage, as far as it touches what is wanted.
func (p *pump) damaged(ctx context.Context, d *source.DamagedError) error {
	if !p.flush(ctx) {
		return ctx.Err()
	}
	if d.Next >= 0 && !p.touches(partition.Range{From: d.Offset, To: d.Next}) {
		return nil
	}
	if !p.send(ctx, result{err: d}) {
		return ctx.Err()
	}
	return nil
}

// fail hands over what came before an error that ends the read, and then the error.
func (p *pump) fail(ctx context.Context, err error) {
	if p.flush(ctx) {
		p.send(ctx, result{err: err})
	}
}

func (p *pump) send(ctx context.Context, x result) bool {
	select {
	case p.out <- x:
		return true
	case <-ctx.Done():
		return false
	}
}
