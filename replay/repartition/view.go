package repartition

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"sync"

	"backstitch/replay/record"
	"backstitch/replay/sink"
)

// Options say how to look at a target.
type Options struct {
	Rule  Rule
	Topic string // of the reference, as origin headers spell it
	// Ends are the ends of the target's partitions when the plan was made.
	Ends []int64
	// Pinned shows nothing behind Ends. It is how a plan is made: what comes while it looks is not in it.
	Pinned bool
}

// View shows a target by partitions of the reference: in each of them are the records of all partitions of the target whose origin header
// names it, in the order of their origins as long as each partition of the target has them in that order. So it is the reference's order
// exactly when the order is kept wherever it has to be. Offsets are numbers of its own, see At. It satisfies sink.Targets and sink.Spread,
// and is safe for concurrent use. Closing it closes the target.
//
// Each reading reads all of the target: whose a record is stands in the record. A Census reads it once for all.
type View struct {
	sink.Targets
	opt    Options
	num    numbers
	prefix []byte // of origins in the reference

	censuses censuses

	mu      sync.Mutex
	counted []int64 // by partition of the target, offsets below which records are counted
	foreign Places
	strayed Places
}

var (
	_ sink.Targets = (*View)(nil)
	_ sink.Spread  = (*View)(nil)
)

// Places is how many records of the target were found to be something, and the first of them.
type Places struct {
	Records   int64
	Partition int32
	Offset    int64
}

// NewView makes a view.
func NewView(targets sink.Targets, opt Options) (*View, error) {
	if opt.Rule.Partitions < 1 || len(opt.Ends) != int(opt.Rule.Partitions) {
		return nil, fmt.Errorf("repartition: ends of %d partitions, the rule is for %d", len(opt.Ends), opt.Rule.Partitions)
	}
	return &View{
		Targets: targets, opt: opt, num: newNumbers(opt.Ends), prefix: []byte(opt.Topic + "/"), counted: make([]int64, len(opt.Ends)),
		censuses: censuses{turn: make(chan struct{}, 1)},
	}, nil
}

// Bounds are the same for every partition of the reference: zero, and a number behind everything. It grows with each record.
func (v *View) Bounds(ctx context.Context, _ int32) (start, end int64, err error) {
	end = v.num.then
	if v.opt.Pinned {
		return 0, end, nil
	}
	all, err := v.bounds(ctx)
	if err != nil {
		return 0, 0, err
	}
	for q, b := range all {
		end += max(0, b.End-v.opt.Ends[q]) * int64(len(all))
	}
	return 0, end, nil
}

// bounds asks for those of all partitions, and refuses a topic that has others than the rule is for.
func (v *View) bounds(ctx context.Context) ([]sink.Bound, error) {
	w, ok := v.Targets.(sink.Whole)
	if !ok {
		return nil, fmt.Errorf("repartition: target %T does not say how many partitions it has", v.Targets)
	}
	all, err := w.AllBounds(ctx)
	if err == nil && len(all) != len(v.opt.Ends) {
		err = fmt.Errorf("the target has %d partitions, the plan saw %d: %w", len(all), len(v.opt.Ends), sink.ErrReshaped)
	}
	return all, err
}

// Settled waits for all partitions of the target.
func (v *View) Settled(ctx context.Context, _ int32) error {
	for q := range v.opt.Rule.Partitions {
		if err := v.Targets.Settled(ctx, q); err != nil {
			return err
		}
	}
	return nil
}

// At is where a record lies that was read under number.
func (v *View) At(number int64) (partition int32, offset int64) { return v.num.place(number) }

// Strayed says in which partition a record of partition from belongs that was read under its number and with its origin, false where it is
// the one that it is in.
func (v *View) Strayed(from int32, r *record.Record) (partition int32, strayed bool) {
	part, o, ok := v.origin(r)
	if !ok || part != from {
		return 0, false
	}
	want := v.opt.Rule.at(from, o, r.Key)
	is, _ := v.num.place(r.Offset)
	return want, want != is
}

// Read reads what partition from of the reference has in the target, from the number first up to the number to.
func (v *View) Read(ctx context.Context, from int32, first, to int64) (sink.Reader, error) {
	if v.opt.Pinned {
		to = min(to, v.num.then)
	}
	m := &merge{view: v, part: from, next: first}
	for q := range v.opt.Rule.Partitions {
		begin, end := v.num.from(q, first), v.num.from(q, to)
		if begin >= end {
			continue
		}
		r, err := v.Targets.Read(ctx, q, begin, end)
		if err != nil {
			_ = m.Close()
			return nil, err
		}
		m.heads = append(m.heads, &head{r: r, q: q})
	}
	return m, nil
}

// count looks at records of partition q of the target that nobody has looked at yet.
func (v *View) count(q int32, b *record.Batch) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for i := range b.Records {
		r := &b.Records[i]
		if r.Offset < v.counted[q] {
			continue
		}
		part, o, ok := v.origin(r)
		switch {
		case !ok:
			v.foreign.add(q, r.Offset)
		case v.opt.Rule.at(part, o, r.Key) != q:
			v.strayed.add(q, r.Offset)
		}
	}
	v.counted[q] = max(v.counted[q], b.Next)
}

func (p *Places) add(q int32, offset int64) {
	if p.Records++; p.Records == 1 {
		p.Partition, p.Offset = q, offset
	}
}

// Counted is what of all that a pinned view has read is not a record of the reference, and what is one and in another partition than the
// rule's. Each record counts once, however often it was read.
func (v *View) Counted() (foreign, strayed Places) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.foreign, v.strayed
}

// origin returns the place in the reference that r names as its origin. It is sink.OriginOf for one topic, and leaves no garbage: each
// reading asks it of every record.
func (v *View) origin(r *record.Record) (part int32, offset int64, ok bool) {
	var place []byte
	job := false
	for i := range r.Headers {
		switch h := &r.Headers[i]; h.Key {
		case sink.OriginHeader:
			place = h.Value
		case sink.JobHeader:
			job = true
		}
	}
	rest, ok := bytes.CutPrefix(place, v.prefix)
	if !ok || !job {
		return 0, 0, false
	}
	first, second, ok := bytes.Cut(rest, []byte{'/'})
	p, ok1 := number(first)
	o, ok2 := number(second)
	return int32(p), o, ok && ok1 && ok2 && p <= math.MaxInt32
}

// number reads decimal digits.
func number(digits []byte) (n int64, ok bool) {
	if len(digits) == 0 || len(digits) > 18 {
		return 0, false
	}
	for _, d := range digits {
		if d < '0' || d > '9' {
			return 0, false
		}
		n = n*10 + int64(d-'0')
	}
	return n, true
}
