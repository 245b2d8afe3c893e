package recovery

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"backstitch/partition"
	"backstitch/partition/due"
	"backstitch/partition/plan"
	"backstitch/replay/gap"
	"backstitch/replay/record"
	"backstitch/replay/repeat"
	"backstitch/replay/spec"
)

// Which records are repetitions hangs on all that come before, up to a window of hours. A slice that had to know would read the window
// before it once more, and there are hundreds of slices in the hours of a busy partition. The plan reads all of them in order anyway, so it
// says: its slices have the positions of the others alone. Then a slice is what it always was, and may be cut anywhere, begun anywhere and
// written by anybody. The proof reads in order, too, and does not take the plan's word for it.

// Dedupe is what a recipe says of repetitions.
type Dedupe struct {
	Key      []spec.KeyPart `json:"key"`
	WindowMs int64          `json:"windowMs,omitempty"` // 0 where all records in range count
	Left     []Repeated     `json:"left,omitempty"`     // by partition; those of which nothing is to be said are left out
}

// Repeated is one partition.
type Repeated struct {
	Partition int32 `json:"partition"`
	Records   int64 `json:"records,omitempty"` // that are repetitions
	Unkeyed   int64 `json:"unkeyed,omitempty"` // whose key can not be read; they are written
}

// newDedupe takes over what a spec says.
func newDedupe(d *spec.Dedupe) (*Dedupe, error) {
	if d == nil {
		return nil, nil
	}
	window, err := d.Window.Parse()
	return &Dedupe{Key: d.Key, WindowMs: window.Milliseconds()}, err
}

// Rule is d, ready for use; nil where d is.
func (d *Dedupe) Rule() (*repeat.Rule, error) {
	if d == nil {
		return nil, nil
	}
	return repeat.New(d.Key, time.Duration(d.WindowMs)*time.Millisecond)
}

// Of is what the plan has left out of a partition.
func (d *Dedupe) Of(part int32) int64 {
	i, ok := slices.BinarySearchFunc(d.Left, part, func(l Repeated, n int32) int { return cmp.Compare(l.Partition, n) })
	if !ok {
		return 0
	}
	return d.Left[i].Records
}

// Records is what the plan has left out.
func (d *Dedupe) Records() (n int64) {
	for _, l := range d.Left {
		n += l.Records
	}
	return n
}

// String names d for people: Dedupe by value.event_id within 24h, 12 records left out as repetitions.
func (d *Dedupe) String() string { return "Dedupe " + d.Text() }

// Text is String without the word in front.
func (d *Dedupe) Text() string {
	within := "in all of the range"
	if d.WindowMs > 0 {
		within = "within " + due.Length(time.Duration(d.WindowMs)*time.Millisecond)
	}
	out := fmt.Sprintf("by %s %s, %s left out as repetitions", d.key(), within, gap.Plural(d.Records(), "record"))
	var kept int64
	for _, l := range d.Left {
		kept += l.Unkeyed
	}
	if kept > 0 {
		out += fmt.Sprintf(", %s kept without a key", gap.Count(kept))
	}
	return out
}

func (d *Dedupe) key() string {
	names := make([]string, len(d.Key))
	for i, k := range d.Key {
		names[i] = string(k)
	}
	return strings.Join(names, " + ")
}

// without lets in give the reference without repetitions, where the recipe asks for that.
func (b *builder) without(in *gap.Input) error {
	rule, err := b.recipe.Dedupe.Rule()
	if err != nil || rule == nil {
		return err
	}
	if lacks := rule.Lacks(b.fields); lacks != 0 {
		return &Error{Code: CodeBlindKey, Title: fmt.Sprintf("write.dedupe looks at %s, which the reference does not hold", fieldsText(lacks)), Exit: exitUsage,
			Why:  fmt.Sprintf("%s holds %s of each record.", sourceName(b.recipe.Source), fieldsText(b.fields)),
			Hint: "choose another key, leave window out where there are no timestamps, or read from a reference that holds them"}
	}
	b.repeats = repeat.NewBook()
	timed := in.Fields()&record.FieldTimestamp != 0
	in.Whole = in.Reference
	in.Reference = repeat.Over(in.Reference, repeat.Config{
		Rule: rule, Book: b.repeats, Spill: b.opt.Scan.Spill,
		// What a scan leaves out by itself is nothing that comes before.
		About: func(s partition.Slice, r *record.Record) bool {
			return (!timed || b.scope.HasTime(r.TimestampMs)) && b.scope.HasOffset(r.Offset) && !gap.Copied(s.Objects, b.topic, s.Partition, r)
		},
	})
	in.Repeated = func(part int32) int64 { return b.repeats.Part(part).Left.Len() }
	return nil
}

// noteRepeats says that whoever keeps what was read keeps nothing of it.
func (b *builder) noteRepeats() []string {
	if b.recipe.Dedupe == nil || b.opt.Compare == nil {
		return nil
	}
	return []string{"no ledger is used: which records are repetitions is told by reading all of them in order"}
}

// split takes the repetitions out of what a partition writes.
func (b *builder) split(p *plan.Part) {
	if b.repeats == nil {
		return
	}
	left := b.repeats.Part(p.Partition).Left
	if len(left) == 0 {
		return
	}
	if p.Filled = p.Fill; b.opt.Only != nil {
		// What comes before these few records is not compared, so the proof can not tell: it is given those alone that are none.
		p.Compare, p.Filled = p.Compare.Minus(left), nil
	} else {
		// The scan has not met them. The proof has to: other records repeat them.
		p.Compare = partition.Normalize(slices.Concat(p.Compare, left))
	}
	p.Fill = p.Fill.Minus(left)
	p.Counts = countsWithout(p.Counts, left)
	if len(p.Fill) == 0 {
		p.Filled = nil
	}
}

// countsWithout are counts of what lies beside left.
func countsWithout(counts []plan.Count, left partition.Ranges) []plan.Count {
	out := []plan.Count{} // none is not unknown
	for _, c := range counts {
		if pieces := (partition.Ranges{c.Range}).Minus(left); len(pieces) > 0 {
			out = append(out, plan.Spread(pieces, c.Records, c.Bytes)...)
		}
	}
	return out
}

// repetitions says in the recipe and to people what was left out.
func (c *preflight) repetitions() error {
	b, d := c.b, c.p.Recipe.Dedupe
	if d == nil {
		return nil
	}
	var keyed int64
	var where []string
	var all reasons
	said := *d
	for _, res := range b.report.Results {
		if !res.Comparable {
			continue
		}
		part, name := b.repeats.Part(res.Partition), gap.Name(c.p.Target.Topic, res.Partition)
		l := Repeated{Partition: res.Partition, Records: part.Left.Len(), Unkeyed: all.add(name, part.Unkeyed)}
		keyed += part.Keyed
		if l.Records > 0 {
			where = append(where, name+" "+gap.Count(l.Records))
		}
		if l.Records > 0 || l.Unkeyed > 0 {
			said.Left = append(said.Left, l)
		}
	}
	if keyed == 0 && all.records > 0 {
		return &Error{Code: CodeNoKey, Title: "no record of the reference has the key of write.dedupe, which is " + d.key(), Exit: exitUsage,
			Why:  fmt.Sprintf("%s: %s.", gap.Plural(all.records, "record"), all.text()),
			Hint: "look at a record, and mend write.dedupe.key"}
	}
	if n := said.Records(); n > 0 {
		c.note(NoteRepeated, fmt.Sprintf("%s left out: the same %s came before. They are not written, and the proof expects them to be absent: %s.",
			gap.Plural(n, "record"), d.key(), gap.Some(where)))
	}
	if all.records > 0 {
		c.note(NoteUnkeyed, fmt.Sprintf("No key tells whether %s came before. What has none is written, and hides no other: %s.",
			gap.Plural(all.records, "record"), all.text()))
	}
	c.p.Recipe.Dedupe = &said
	if b.opt.Only != nil {
		c.p.Recipe.Dedupe = nil // see split
		c.p.Recipe.Version = c.p.Recipe.Needs()
	}
	return nil
}

// repeatedAsTheyStand refuses a spec that leaves records out for what compares them as they stand.
func repeatedAsTheyStand(r *spec.Recovery) error {
	if w := r.Spec.Write; w == nil || w.Dedupe == nil {
		return nil
	}
	return &Error{Code: CodeTransformed, Title: "a sink's archive is compared with its topic as records stand", Exit: exitUsage,
		Why:  "The spec has write.dedupe, which leaves records of the archive out.",
		Hint: "leave write.dedupe out, or compare without repetitions with: backstitch gaps list -f SPEC"}
}
