package confluent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"backstitch/partition"
	"backstitch/replay/record"
	"backstitch/replay/source"
)

// The goroutine behind a reader: it opens, decompresses, cuts lines and makes batches, so that Next only hands over. All
// positions are counted here. The trap is to count a line that is not a record, or not to count one that is skipped: every
// later position would be off by one and every record after it would look lost.

// batchBytes and batchRecords are where a batch is full.
const (
	batchBytes   = 1 << 20
	batchRecords = 16 << 10
)

type pump struct {
	opener
	part    int32
	want    partition.Ranges
	objects []partition.Object
	cursor  partition.Offset
	out     chan<- result

	slab *record.Slab
	kept *record.Buffer // the buffer that slab has kept last
	next partition.Offset
}

func (p *pump) run(ctx context.Context) {
	p.slab = record.NewSlab()
	defer func() {
		p.slab.Drop()
		p.opener.close()
	}()
	for i, o := range p.objects {
		end := partition.Offset(-1)
		switch {
		case o.Count >= 0:
			end = o.Base + o.Count
		case i+1 < len(p.objects):
			end = p.objects[i+1].Base
		}
		if end >= 0 && (end <= p.cursor || !p.touches(partition.Range{From: o.Base, To: end})) {
			continue
		}
		if err := p.object(ctx, o, end); err != nil {
			p.fail(ctx, fmt.Errorf("partition %d: %w", p.part, err))
			return
		}
	}
	if p.flush(ctx) {
		p.send(ctx, result{err: io.EOF})
	}
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
	n, _ := p.cfg.parse(o.Key)
	pos := o.Base
	f := splitETag(o.ETag)
	var s *stream
	var ps *pairs
	err := p.trust(ctx, o, n, f)
	if err == nil {
		s, ps, err = p.openAll(ctx, o, n, f)
	}
	if err == nil {
		defer s.close()
		defer ps.close()
		var stopped bool
		if pos, stopped, err = p.lines(ctx, s, ps, o, n.tombstone); stopped {
			return err
		}
	}
	var damage *damageError
	switch {
	case errors.As(lineDamage(err), &damage) && damage.code == source.CodeCorrupt && o.Count >= 0:
		// The checksum did fit when the plan counted the lines, and some of those that do not may be out already.
		return fmt.Errorf("object %s: %w since the plan: %w", o.Key, source.ErrChanged, damage.err)
	case errors.As(lineDamage(err), &damage):
		next := end
		if end <= pos {
			next = -1
		}
		d := &source.DamagedError{Object: o.Key, Offset: max(pos, p.cursor), Next: next, Code: damage.code, Err: damage.err}
		p.cursor = max(p.cursor, next)
		return p.damaged(ctx, d)
	case err != nil:
		return fmt.Errorf("object %s: %w", o.Key, err)
	case o.Count >= 0 && pos != o.Base+o.Count:
		return fmt.Errorf("object %s holds %d records, the plan counted %d: %w", o.Key, pos-o.Base, o.Count, source.ErrChanged)
	}
	return nil
}

// trust reads an object that was damaged when the plan was made to its end, before any line of it is handed over. A stream
// yields lines long before it comes to a checksum that does not fit; if one does not, none of the lines can be believed. An
// object that is only cut short can be, up to the cut.
func (p *pump) trust(ctx context.Context, o partition.Object, n name, f frozen) error {
	if o.Count >= 0 {
		return nil
	}
	e := &entry{name: n}
	e.in.Key, e.in.ETag = o.Key, f.value
	if err := countOne(ctx, &p.opener, e); err != nil {
		return err
	}
	if e.damage != nil && e.damage.code == source.CodeCorrupt {
		return e.damage
	}
	return nil
}

func (p *pump) openAll(ctx context.Context, o partition.Object, n name, f frozen) (*stream, *pairs, error) {
	s, err := p.open(ctx, o.Key, f.value, n.ext)
	if err != nil {
		return nil, nil, err
	}
	ps := &pairs{}
	for _, want := range []struct {
		kind string
		on   bool
		to   **stream
	}{{"keys", p.cfg.Keys, &ps.keys}, {"headers", p.cfg.Headers, &ps.headers}} {
		if !want.on {
			continue
		}
		c, ok := f.companions[want.kind]
		if !ok {
			err = &damageError{code: source.CodeBadCompanion, err: fmt.Errorf("its .%s file is missing", want.kind)}
			break
		}
		// Companions have decompressors of their own: three streams are open at once.
		own := &opener{b: p.b, cfg: p.cfg}
		if *want.to, err = own.open(ctx, n.stem+c.ext, c.etag, c.ext); err != nil {
			own.close()
			break
		}
		(*want.to).onClose = own.close
	}
	if err != nil {
		s.close()
		ps.close()
		return nil, nil, err
	}
	return s, ps, nil
}

// lines reads an object's lines into batches and returns the position behind the last one it saw. stopped means that the
// caller has nothing more to do for this object: every wanted position was met, or err ends the read.
func (p *pump) lines(ctx context.Context, s *stream, ps *pairs, o partition.Object, tombstone bool) (pos partition.Offset, stopped bool, err error) {
	last := p.want.Span().To
	isJSON := p.cfg.Format == JSON && !tombstone
	w := 0 // index of the first range that ends behind pos
	for pos = o.Base; ; pos++ {
		if pos >= last {
			return pos, true, nil
		}
		line, err := s.next()
		if errors.Is(err, io.EOF) {
			return pos, false, ps.finish()
		}
		if err != nil {
			return pos, false, err
		}
		for w < len(p.want) && p.want[w].To <= pos {
			w++
		}
		if pos < p.cursor || !p.want[w].Contains(pos) {
			if err := ps.skip(); err != nil {
				return pos, false, err
			}
			continue
		}
		if isJSON && !plausible(line) {
			d := &source.DamagedError{Object: o.Key, Offset: pos, Next: pos + 1, Code: source.CodeBrokenLine,
				Err: fmt.Errorf("%.20q... of %d bytes is not JSON", line, len(line))}
			if err := ps.skip(); err != nil {
				return pos, false, err
			}
			if err := p.damaged(ctx, d); err != nil {
				return pos, true, err
			}
			continue
		}
		rec := record.Record{Offset: pos, Value: line}
		if tombstone {
			rec.Value = nil
		}
		if err := ps.next(&rec); err != nil {
			return pos, false, err
		}
		if p.kept != s.buf {
			p.kept = s.buf
			p.slab.Keep(s.buf.Use())
		}
		p.slab.Append(rec)
		p.next = pos + 1
		if p.slab.Size() >= batchBytes || len(p.slab.Records) == batchRecords {
			if !p.flush(ctx) {
				return pos, true, ctx.Err()
			}
		}
	}
}

// plausible looks at the ends of a line. It finds what is cut off, run together or not text, at the cost of nothing; whether
// the rest is JSON is for whoever reads the topic, as it was when the record was first written.
func plausible(line []byte) bool {
	line = bytes.TrimRight(line, " \t\r")
	line = bytes.TrimLeft(line, " \t")
	if len(line) == 0 {
		return false
	}
	end := line[len(line)-1]
	switch c := line[0]; {
	case c == '{':
		return end == '}'
	case c == '[':
		return end == ']'
	case c == '"':
		return end == '"' && len(line) > 1
	case c == '-' || (c >= '0' && c <= '9'):
		return end >= '0' && end <= '9'
	}
	s := string(line)
	return s == "true" || s == "false" || s == "null"
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
