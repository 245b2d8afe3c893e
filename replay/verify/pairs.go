package verify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"backstitch/replay/gap/match"
	"backstitch/replay/record"
	"backstitch/replay/sink"
)

// Naming a difference. Matching knows that a record of the reference has no partner, and that a record of the target has none.
// Often the two are one record, of which something was changed. They are put together by what they still share.

// maxPairs is how many unmatched records of each side are looked at. The verdict does not depend on it.
const maxPairs = 1000

// loose is an unmatched record, kept.
type loose struct {
	record.Record
	origin int64 // position in the reference that its header names, -1 when it has none
}

func keep(r *record.Record) loose {
	out := loose{Record: *r, origin: -1}
	out.Key, out.Value = bytes.Clone(r.Key), bytes.Clone(r.Value)
	out.Headers = slices.Clone(r.Headers)
	for i := range out.Headers {
		out.Headers[i].Key = strings.Clone(out.Headers[i].Key)
		out.Headers[i].Value = bytes.Clone(out.Headers[i].Value)
	}
	if o, ok := origin(r); ok {
		out.origin = o
	}
	return out
}

// origin returns the position that a record's origin header names.
func origin(r *record.Record) (int64, bool) {
	text, ok := sink.LastHeader(r, sink.OriginHeader)
	if !ok {
		return 0, false
	}
	o, err := strconv.ParseInt(text[strings.LastIndexByte(text, '/')+1:], 10, 64)
	return o, err == nil
}

// explain names the first differences of a class.
func (k *class) explain(ctx context.Context) error {
	lost, err := k.lost(ctx)
	if err != nil {
		return err
	}
	strange, err := k.strange(ctx)
	if err != nil {
		return err
	}
	used := make([]bool, len(strange))
	for i := range lost {
		r := &lost[i]
		j := partner(r, strange, used)
		if j < 0 {
			k.c.say(fmt.Sprintf("the record at reference offset %d is missing%s", r.Offset, k.c.window(r.Offset)))
			continue
		}
		used[j] = true
		k.c.say(fmt.Sprintf("%s: %s differs from reference offset %d%s", k.c.name(strange[j].Offset), differs(&r.Record, &strange[j].Record, k.c.fields, k.c.frames != nil), r.Offset, k.c.window(r.Offset)))
	}
	return nil
}

// lost reads the first missing records from the reference.
func (k *class) lost(ctx context.Context) ([]loose, error) {
	var first match.Positions
	for o := range k.missing.All() {
		if first.Add(o); first.Len() == maxPairs {
			break
		}
	}
	part := &class{c: k.c, ranges: first.Ranges(nil)}
	ref, err := part.openReference(ctx)
	if err != nil {
		return nil, err
	}
	defer ref.Close()
	var out []loose
	err = each(ctx, ref, func(r *record.Record) error {
		out = append(out, keep(r))
		return nil
	})
	return out, err
}

// strange reads the first unmatched records from the target.
func (k *class) strange(ctx context.Context) ([]loose, error) {
	var first match.Positions
	for o := range k.surplus.All() {
		if first.Add(o); first.Len() == maxPairs {
			break
		}
	}
	if first.Len() == 0 {
		return nil, nil
	}
	span := first.Span()
	tgt, err := k.openTarget(ctx, span.From, span.To)
	if err != nil {
		return nil, err
	}
	defer tgt.Close()
	var out []loose
	err = each(ctx, tgt, func(r *record.Record) error {
		if first.Contains(r.Offset) {
			out = append(out, keep(r))
		}
		return nil
	})
	return out, err
}

// partner finds the unmatched target record that was r once: the one that names r as its origin; else one that has r's offset
// and shares key, value or time with it; else one that shares key and time; else one that shares two of key, value and time.
func partner(r *loose, among []loose, used []bool) int {
	tests := []func(t *loose) bool{
		func(t *loose) bool { return t.origin == r.Offset },
		func(t *loose) bool {
			return t.origin < 0 && t.Offset == r.Offset && (bytes.Equal(t.Key, r.Key) || bytes.Equal(t.Value, r.Value) || t.TimestampMs == r.TimestampMs)
		},
		func(t *loose) bool {
			return t.origin < 0 && r.Key != nil && bytes.Equal(t.Key, r.Key) && t.TimestampMs == r.TimestampMs
		},
		func(t *loose) bool {
			return t.origin < 0 && bytes.Equal(t.Value, r.Value) && (bytes.Equal(t.Key, r.Key) || t.TimestampMs == r.TimestampMs)
		},
	}
	for _, same := range tests {
		for j := range among {
			if !used[j] && same(&among[j]) {
				return j
			}
		}
	}
	return -1
}

// differs says which parts of two records are not equal. framed says that the parts begin with names of schemas.
func differs(a, b *record.Record, fields record.Fields, framed bool) string {
	var out []string
	same := func(x, y []byte) bool { return bytes.Equal(x, y) && (x == nil) == (y == nil) }
	part := func(name string, x, y []byte) {
		if same(x, y) {
			return
		}
		want, ok := record.FrameID(x)
		is, ok2 := record.FrameID(y)
		if framed && ok && ok2 && bytes.Equal(x[record.FrameLen:], y[record.FrameLen:]) {
			name = fmt.Sprintf("the name of the %s's schema (%d, to be %d)", name, is, want)
		}
		out = append(out, name)
	}
	if fields&record.FieldKey != 0 {
		part("key", a.Key, b.Key)
	}
	if fields&record.FieldValue != 0 {
		part("value", a.Value, b.Value)
	}
	if fields&record.FieldTimestamp != 0 && a.TimestampMs != b.TimestampMs {
		out = append(out, "timestamp")
	}
	if fields&record.FieldHeaders != 0 && record.Hash(a, record.FieldHeaders) != record.Hash(b, record.FieldHeaders) {
		out = append(out, "headers")
	}
	if len(out) == 0 {
		return "content" // equal apart from what the hash sees; can not be
	}
	return strings.Join(out, " and ")
}

// others finds, for records that the job was to write and did not, equal ones that somebody else wrote since the plan. Workers
// look for them too, and do not write such a record again.
func (k *class) others(ctx context.Context) error {
	ref, tgt, err := k.both(ctx)
	if err != nil {
		return err
	}
	defer ref.Close()
	defer tgt.Close()
	out, err := match.Run(ctx, ref, tgt, match.Options{Fields: k.c.fields, ReferenceFrames: k.c.frames, TargetFrames: k.c.frames, NewBag: k.c.cfg.NewBag, Watch: match.Watch{
		WantReference: func(r *record.Record) bool { return k.missing.Contains(r.Offset) },
		WantTarget:    func(r *record.Record) bool { return !k.c.ours(r) },
	}})
	if err != nil {
		return fmt.Errorf("compare what others wrote: %w", err)
	}
	defer out.Close()
	for o := range k.missing.All() {
		if !out.Missing.Contains(o) {
			k.suppressed.Add(o)
		}
	}
	k.missing = &out.Missing
	k.late = match.Totals{
		Records: out.Target.Records - out.Surplus.Len(), Bytes: out.Target.Bytes - out.SurplusBytes, Sum: out.Target.Sum,
	}
	k.late.Sum.SubSum(out.SurplusSum)
	return nil
}

// introduced counts what the job wrote beyond what it was to write.
func (k *class) introduced(ctx context.Context) error {
	c := k.c
	if !c.work.Recipe.Write.OriginHeaders {
		copies, first, err := k.copies(ctx)
		c.out.IntroducedDuplicates += copies
		if copies > 0 {
			c.say(fmt.Sprintf("%d records were written again since the plan, though the target has them, the first at %s", copies, c.name(first)))
		}
		return err // what the reference does not know is newer than the job
	}
	span := k.surplus.Span()
	tgt, err := k.openTarget(ctx, span.From, span.To)
	if err != nil {
		return err
	}
	defer tgt.Close()
	return errors.Join(each(ctx, tgt, func(r *record.Record) error {
		if !k.surplus.Contains(r.Offset) {
			return nil
		}
		if o, ok := origin(r); ok && k.missing.Contains(o) {
			c.out.Extra++ // it was changed; the one it was is counted as missing
			return nil
		}
		if c.out.IntroducedDuplicates++; c.out.IntroducedDuplicates == 1 {
			c.say(c.name(r.Offset) + ": the job wrote this record twice, or should not have written it")
		}
		return nil
	}))
}
