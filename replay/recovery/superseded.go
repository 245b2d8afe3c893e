package recovery

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"backstitch/partition"
	"backstitch/partition/plan"
	"backstitch/replay/debezium"
	"backstitch/replay/gap"
	"backstitch/replay/record"
	"backstitch/replay/sink"
	"backstitch/replay/source"
	"backstitch/replay/spec"

	"github.com/zeebo/xxh3"
)

// What is missing is appended, so it comes behind what is there. A reader that applies change events to a table takes the last one of a row
// for its state: an old one that is put back, or a row that a snapshot had read before, sets the row back. Events say where in the log of
// their database they stand, so the plan compares what it would write with what the target has of the same rows, and says how many are
// older; a spec may want them set aside. The target is read once more for that, and the reference where something is missing.

// Bounds of what is kept of a partition, and of what is looked at to find out whether records are change events at all.
const (
	peekRecords   = 1000
	maxRows       = 250_000
	maxPositions  = 4 // of one row, that can not be compared with each other
	keyedAndValue = record.FieldKey | record.FieldValue
)

// superseded is what was found in one partition.
type superseded struct {
	behind    partition.Ranges // positions of the reference that are older than what the target has of their rows
	reads     int64            // of these, rows of snapshots
	undecided int64            // that may be older
	first     partition.Offset // of these
	tooMany   bool             // rows: nothing was compared
}

// row is what the target has of one.
type row struct {
	newest []debezium.Position // none is older than another
	dim    bool                // there are more, or events without a position
}

func (r *row) see(p debezium.Position) {
	if p == (debezium.Position{}) {
		r.dim = true
		return
	}
	for _, have := range r.newest {
		if order := have.Against(p); order == debezium.Newer || order == debezium.Same {
			return
		}
	}
	r.newest = slices.DeleteFunc(r.newest, func(have debezium.Position) bool { return have.Against(p) == debezium.Older })
	if len(r.newest) == maxPositions {
		r.dim = true
		return
	}
	r.newest = append(r.newest, p)
}

// against reports whether something in the target is newer than p, and whether that is known.
func (r *row) against(p debezium.Position) (newer, known bool) {
	known = !r.dim && p != (debezium.Position{})
	for _, have := range r.newest {
		switch have.Against(p) {
		case debezium.Newer:
			return true, true
		case debezium.Unknown:
			known = false
		}
	}
	return false, known
}

// supersede finds change events among what is to be written that are older than what the target has of their rows.
func (b *builder) supersede(ctx context.Context, in *gap.Input) error {
	if !b.planning || b.recipe.Target.Reshape != nil {
		return nil
	}
	asked := b.spec.Spec.Write.Superseded == spec.SupersededQuarantine
	if lacks := keyedAndValue &^ (b.fields & in.Target.Fields()); lacks != 0 {
		if !asked {
			return nil
		}
		return &Error{Code: CodeNoOrder, Title: "write.superseded looks at keys and values, and one side does not hold them", Exit: exitUsage,
			Why:  fmt.Sprintf("%s holds %s of each record.", sourceName(b.recipe.Source), fieldsText(b.fields)),
			Hint: "leave write.superseded out, or read from a reference that holds keys"}
	}
	b.behind = map[int32]*superseded{}
	for i := range b.report.Results {
		res := &b.report.Results[i]
		fill := b.fill(res)
		if b.repeats != nil {
			fill = fill.Minus(b.repeats.Part(res.Partition).Left)
		}
		if !res.Comparable || len(fill) == 0 {
			continue
		}
		s, err := b.behindIn(ctx, in, res, fill)
		switch {
		case err != nil:
			return fmt.Errorf("look for newer change events in partition %d: %w", res.Partition, err)
		case s == nil:
			continue
		case s.tooMany && asked:
			return &Error{Code: CodeNoOrder, Title: fmt.Sprintf("partition %d lacks change events of more than %s rows", res.Partition, gap.Count(maxRows)), Exit: exitUsage,
				Why: "Which of them are superseded is told in memory.", Hint: "narrow spec.range or spec.select.partitions and recover in steps, or leave write.superseded out"}
		}
		b.behind[res.Partition] = s
	}
	return nil
}

// behindIn looks at one partition: which rows are to be written, what the target has of them, and what of the former is older. It returns
// nil where records are no change events.
func (b *builder) behindIn(ctx context.Context, in *gap.Input, res *gap.Result, fill partition.Ranges) (*superseded, error) {
	var reader debezium.Reader
	rows := map[xxh3.Uint128]*row{}
	seen, events := 0, 0
	s := &superseded{}
	err := b.missing(ctx, in, res.Partition, fill, func(r *record.Record) error {
		if r.Key == nil {
			return nil
		}
		if seen++; seen > peekRecords && events == 0 {
			return errEnough
		}
		if r.Value != nil {
			if _, err := reader.Event(r.Value); err != nil {
				return nil
			}
			events++
		}
		if rows[xxh3.Hash128(r.Key)] = new(row); len(rows) > maxRows {
			s.tooMany = true
			return errEnough
		}
		return nil
	})
	if err != nil || events == 0 {
		return nil, err
	}
	if s.tooMany {
		return s, nil
	}
	if err := have(ctx, in, res, &reader, rows); err != nil {
		return nil, err
	}
	var last debezium.Position // of the record before, if it took a row away
	var lastKey xxh3.Uint128
	lastAt := partition.Offset(-1)
	err = b.missing(ctx, in, res.Partition, fill, func(r *record.Record) error {
		if r.Key == nil {
			return nil
		}
		key := xxh3.Hash128(r.Key)
		there := rows[key]
		var p debezium.Position
		read := false
		if r.Value == nil {
			if lastAt == r.Offset-1 && lastKey == key {
				p = last // a tombstone belongs to the event in front of it
			}
		} else {
			e, err := reader.Event(r.Value)
			if err != nil {
				return nil
			}
			if p = e.Position(); e.Op == debezium.Delete {
				last, lastKey, lastAt = p, key, r.Offset
			}
			read = e.Op == debezium.Read
		}
		if there == nil {
			return errMoved // it was not there when rows were collected
		}
		switch newer, known := there.against(p); {
		case newer:
			s.behind = append(s.behind, partition.Range{From: r.Offset, To: r.Offset + 1})
			if read {
				s.reads++
			}
		case !known && (there.dim || len(there.newest) > 0):
			if s.undecided == 0 {
				s.first = r.Offset
			}
			s.undecided++
		}
		return nil
	})
	s.behind = partition.Normalize(s.behind)
	return s, err
}

var (
	errEnough = errors.New("enough was seen")
	errMoved  = errors.New("the reference has other records than a moment ago: make the plan again")
)

// missing gives the records of the reference at positions to see. What can not be read is passed over, since it is not written either.
func (b *builder) missing(ctx context.Context, in *gap.Input, part int32, at partition.Ranges, see func(*record.Record) error) error {
	src := in.Reference
	if in.Whole != nil {
		src = in.Whole
	}
	r, err := src.Open(ctx, partition.Slice{Kind: partition.SliceVerify, Partition: part, Ranges: at, Objects: b.extent[part].Objects}, at.Span().From)
	if err != nil {
		return err
	}
	defer r.Close()
	for {
		batch, err := r.Next(ctx)
		var damaged *source.DamagedError
		switch {
		case err == io.EOF:
			return nil
		case errors.As(err, &damaged):
			continue
		case err != nil:
			return err
		}
		for i := 0; i < len(batch.Records) && err == nil; i++ {
			if rec := &batch.Records[i]; at.Contains(rec.Offset) {
				err = see(rec)
			}
		}
		batch.Release()
		if errors.Is(err, errEnough) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// have fills in what the target has of rows.
func have(ctx context.Context, in *gap.Input, res *gap.Result, reader *debezium.Reader, rows map[xxh3.Uint128]*row) error {
	return sink.Each(ctx, in.Target, res.Partition, res.TargetFrom, res.TargetTo, func(r *record.Record) error {
		there := rows[xxh3.Hash128(r.Key)]
		if there == nil || r.Key == nil || r.Value == nil {
			return nil
		}
		if e, err := reader.Event(r.Value); err == nil {
			there.see(e.Position())
		}
		return nil
	})
}

// setsBehind reports whether the spec wants such records set aside.
func (b *builder) setsBehind() bool { return b.spec.Spec.Write.Superseded == spec.SupersededQuarantine }

// leaveSuperseded takes them out of what a partition writes, and out of what its proof expects.
func (b *builder) leaveSuperseded(p *plan.Part) {
	s := b.behind[p.Partition]
	if s == nil || len(s.behind) == 0 || !b.setsBehind() {
		return
	}
	p.Fill, p.Compare = p.Fill.Minus(s.behind), p.Compare.Minus(s.behind)
	p.Counts = countsWithout(p.Counts, s.behind)
}

// setBehind lists them among what is set aside, and returns how many they are.
func (b *builder) setBehind(p *Plan) (n int64) {
	if !b.setsBehind() {
		return 0
	}
	for _, part := range slices.Sorted(maps.Keys(b.behind)) {
		for _, r := range b.behind[part].behind {
			for o := r.From; o < r.To; o++ {
				if n++; len(p.Recipe.Aside) < maxAside {
					p.Recipe.Aside = append(p.Recipe.Aside, Aside{Partition: part, Offset: o, Code: source.CodeSuperseded})
				} else {
					p.Recipe.AsideMore++
				}
			}
		}
	}
	return n
}

// superseded tells people what was found.
func (c *preflight) superseded() {
	var n, reads, undecided int64
	var where, unsure, tooMany []string
	for _, part := range slices.Sorted(maps.Keys(c.b.behind)) {
		s, name := c.b.behind[part], gap.Name(c.p.Target.Topic, part)
		if s.tooMany {
			tooMany = append(tooMany, name)
		}
		if k := s.behind.Len(); k > 0 {
			n, reads = n+k, reads+s.reads
			where = append(where, fmt.Sprintf("%s %s, first at %d", name, gap.Count(k), s.behind[0].From))
		}
		if s.undecided > 0 {
			undecided += s.undecided
			unsure = append(unsure, fmt.Sprintf("%s %s, first at %d", name, gap.Count(s.undecided), s.first))
		}
	}
	if n > 0 {
		what := fmt.Sprintf("%s older than what the target has of the same rows, %s of them read by a snapshot: %s.", isAre(n, "change event"), gap.Count(reads), gap.Some(where))
		if c.b.setsBehind() {
			c.note(NoteSetBehind, what+" They are set aside and not written, and the proof does not cover them.")
		} else {
			c.note(NoteSuperseded, what+" They would be appended behind newer ones: whoever applies the topic to a table sets those rows back. "+
				"write.superseded: quarantine sets them aside.")
		}
	}
	if undecided > 0 {
		c.note(NoteNoOrder, fmt.Sprintf("Whether %s older than what the target has of the same rows can not be told, and they are written: %s.", isAre(undecided, "change event"), gap.Some(unsure)))
	}
	if len(tooMany) > 0 {
		c.note(NoteNoOrder, fmt.Sprintf("Whether what is written is older than what the target has of the same rows was not looked at, since there are change events of more than %s rows: %s.", gap.Count(maxRows), gap.Some(tooMany)))
	}
}

func isAre(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun + " is"
	}
	return gap.Plural(n, noun) + " are"
}
