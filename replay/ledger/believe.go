package ledger

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"backstitch/partition"
	"backstitch/replay/gap"
	"backstitch/replay/gap/match"
	"backstitch/replay/record"
	"backstitch/replay/schema"
)

// What of a file is believed, one partition at a time.

// vouch opens the file of a partition and keeps what is believed of it.
func (s *session) vouch(ctx context.Context, p *part, why [2]string) error {
	for i, side := range p.sides {
		if why[i] != "" {
			side.keep = false
			side.doubt(why[i])
		}
	}
	f, had, err := openFile(p.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	reason := ""
	switch {
	case err != nil:
		reason = err.Error()
	case had.Comparison != s.a.Comparison || had.Partition != p.n:
		reason = p.path + " is of another comparison"
	case had.Fields != s.in.Fields() || had.Canonical != record.CanonicalVersion:
		reason = "it was written when other fields were compared"
	}
	if f != nil {
		p.file = f
	}
	if reason == "" {
		if reason, err = s.otherSchemas(ctx, had.Schemas); err != nil {
			return err
		}
	}
	if reason != "" {
		for _, side := range p.sides {
			side.doubt(reason)
		}
		return nil
	}
	p.had = had.anchors
	for i, side := range p.sides {
		if why[i] != "" || len(had.windows[i]) == 0 {
			continue
		}
		for k := range had.windows[i] {
			had.windows[i][k].old = true
		}
		side.windows = had.windows[i]
		if err := s.believe(ctx, p, i); err != nil {
			return err
		}
	}
	return nil
}

// otherSchemas says why hashes were made with other schemas than those that records name now, "" when they were not. A registry may come
// to say something else under a number: it was set up anew, or written over.
func (s *session) otherSchemas(ctx context.Context, had *schemas) (string, error) {
	if s.schemas(referenceSide) == nil && had == nil {
		return "", nil
	}
	if s.schemas(referenceSide) == nil || had == nil {
		return "it was written when names of schemas were compared in another way", nil
	}
	for i, l := range []*schema.Learnt{had.Reference, had.Target} {
		if reason, err := s.schemas(i).Differs(ctx, l); reason != "" || err != nil {
			return reason, err
		}
	}
	return "", nil
}

// believe drops the windows of a side for which its anchors do not vouch.
func (s *session) believe(ctx context.Context, p *part, i int) error {
	side := p.sides[i]
	had := [2]anchor{p.had.Reference, p.had.Target}[i]
	if s.log(i) == nil {
		list := objectsOf(s.in.Extents[p.n].Objects, s.a.Span)
		moved := changed(had.Objects, list)
		side.keepOnly(untouched(moved, s.a.Span != nil), fmt.Sprintf("%d objects were added, changed or deleted where it was read", len(moved)))
		return nil
	}
	if had.Log == nil {
		side.forgetAll("it does not say of which topic it is")
		return nil
	}
	reason, err := vouchLog(ctx, s.log(i), s.before[i], had.Log, p.n)
	if err == nil && reason == "" {
		start := s.before[i].Partitions[p.n].Start
		side.windows = slices.DeleteFunc(side.windows, func(w window) bool { return w.Range.To <= start || w.Range.To > had.Log.End })
		reason, err = s.probe(ctx, p, i, start)
	}
	if reason != "" {
		side.forgetAll(reason)
	}
	return err
}

// keepOnly drops the windows that ok does not want.
func (s *side) keepOnly(ok func(partition.Range) bool, reason string) {
	n := len(s.windows)
	s.windows = slices.DeleteFunc(s.windows, func(w window) bool { return !ok(w.Range) })
	if len(s.windows) < n {
		s.doubt(reason)
	}
}

// probeRecords is how many records at the end of a log are read again before anything of it is believed.
const probeRecords = 8

// probe reads the last records again. Brokers that were set back to an older state can give an epoch a second time; what they then wrote
// under it is not what was read.
func (s *session) probe(ctx context.Context, p *part, i int, start int64) (string, error) {
	side := p.sides[i]
	if len(side.windows) == 0 {
		return "", nil
	}
	last := &side.windows[len(side.windows)-1]
	entries, err := last.load()
	if err != nil {
		return err.Error(), nil
	}
	entries = slices.DeleteFunc(entries, func(e entry) bool { return e.offset < start })
	if len(entries) == 0 {
		return "", nil
	}
	entries = entries[max(0, len(entries)-probeRecords):]
	same, err := s.same(ctx, side, i, entries, last.Range.To)
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case err != nil:
		return fmt.Sprintf("its last records can not be read: %v", err), nil
	case !same:
		return fmt.Sprintf("the records from offset %d on are not those that were read", entries[0].offset), nil
	}
	return "", nil
}

// same reads from the first of entries up to an offset and compares.
func (s *session) same(ctx context.Context, side *side, i int, entries []entry, to int64) (_ bool, err error) {
	r := partition.Range{From: entries[0].offset, To: to}
	var raw stream
	if i == targetSide {
		raw, err = s.in.Target.Read(ctx, side.p.n, r.From, r.To)
	} else {
		raw, err = s.in.Reference.Open(ctx, partition.Slice{Kind: partition.SliceVerify, Partition: side.p.n, Ranges: partition.Ranges{r}}, r.From)
	}
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, raw.Close()) }()
	h := record.Hasher{Frames: side.schemas.Frames()}
	n := 0
	for {
		b, err := raw.Next(ctx)
		if err == io.EOF {
			return n == len(entries), nil
		}
		if err == nil {
			b, err = gap.Learn(ctx, side.schemas, b, side.fields, side.name)
		}
		if err != nil {
			return false, err
		}
		for k := range b.Records {
			d := match.Digest(&h, b, k, side.fields)
			side.readRecords++
			side.readBytes += d.Bytes
			if n == len(entries) || entries[n].offset != b.Records[k].Offset || entries[n].ms != b.Records[k].TimestampMs || entries[n].digest != d {
				b.Release()
				return false, nil
			}
			n++
		}
		b.Release()
	}
}
