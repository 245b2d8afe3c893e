package sim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"

	"backstitch/partition"
	"backstitch/replay/record"
	"backstitch/replay/recovery"
	replaysource "backstitch/replay/source"
)

// The reference has all records, the target lacks those that were lost. Data repeat, offsets have holes, and some can not be read
// or not be written.

const (
	topic         = "orders"
	maxQuarantine = 1000
)

type reference struct {
	w       *World
	recipe  recovery.Recipe
	encoded []byte
	commit  int64 // records between two commits
	batch   int
	parts   []*truth
}

// truth is what one partition ought to hold.
type truth struct {
	records []record.Record
	byPos   map[partition.Offset]int
	end     partition.Offset
	lost    partition.Ranges
	damaged partition.Ranges // can not be read, as far as it was lost
	poison  map[partition.Offset]bool
	copied  map[partition.Offset]bool // written by others before the job
}

func newReference(w *World) *reference {
	r := rand.New(rand.NewPCG(w.plan.Seed, 3))
	ref := &reference{w: w, commit: int64(4 + r.IntN(12)), batch: 2 + r.IntN(6)}
	ref.recipe = recovery.Recipe{Version: 1, Source: recovery.Source{Layout: "sim", Topic: topic}, Target: recovery.Target{Kind: "sim", Topic: topic},
		Write: recovery.Write{OriginHeaders: true, CommitRecords: int(ref.commit), MaxQuarantine: maxQuarantine}}
	ref.encoded, _ = json.Marshal(ref.recipe)
	for part := range w.plan.Partitions {
		ref.parts = append(ref.parts, newTruth(r, w.plan, part))
	}
	return ref
}

func newTruth(r *rand.Rand, p Plan, part int) *truth {
	t := &truth{byPos: map[partition.Offset]int{}, poison: map[partition.Offset]bool{}, copied: map[partition.Offset]bool{}}
	at := partition.Offset(r.IntN(50))
	for i := range p.Records {
		rec := record.Record{
			Offset: at, TimestampMs: 1_700_000_000_000 + int64(i), Key: fmt.Appendf(nil, "k%d", r.IntN(8)), Value: fmt.Appendf(nil, "p%d v%d", part, i),
		}
		switch r.IntN(12) {
		case 0:
			rec.Value = nil
		case 1: // the same as one before, to the last byte
			if i > 0 {
				before := t.records[r.IntN(i)]
				rec.TimestampMs, rec.Key, rec.Value = before.TimestampMs, before.Key, before.Value
			}
		}
		t.byPos[at] = i
		t.records = append(t.records, rec)
		at += 1 + int64(r.IntN(8)/7)*int64(r.IntN(5))
	}
	t.end = at
	var lost []partition.Range
	for i := 0; i < len(t.records); {
		i += r.IntN(len(t.records)/3 + 1)
		to := min(len(t.records), i+1+r.IntN(len(t.records)/2+1))
		if i < to {
			lost = append(lost, partition.Range{From: t.records[i].Offset, To: t.records[to-1].Offset + 1})
		}
		i = to + 1
	}
	if len(lost) == 0 {
		lost = append(lost, partition.Range{From: t.records[0].Offset, To: t.end})
	}
	t.lost = partition.Normalize(lost)
	// One of several equal records could stand for another one, and then nobody could say which of them can not be written.
	equal := map[string]int{}
	for i := range t.records {
		equal[content(&t.records[i])]++
	}
	for _, rec := range t.records {
		if !t.lost.Contains(rec.Offset) {
			continue
		}
		unique := equal[content(&rec)] == 1
		switch {
		case p.Poison && unique && r.IntN(20) == 0:
			t.poison[rec.Offset] = true
		case p.Poison && unique && r.IntN(40) == 0:
			t.damaged = partition.Normalize(append(t.damaged, partition.Range{From: rec.Offset, To: rec.Offset + 1}))
		case p.Copies && (r.IntN(10) == 0 || !unique && r.IntN(3) == 0): // equal ones show whether one stands for two
			t.copied[rec.Offset] = true
		}
	}
	return t
}

// absent says whether a lost record can not come back.
func (t *truth) absent(at partition.Offset) bool { return t.poison[at] || t.damaged.Contains(at) }

// content is what a record is, without where it lies.
func content(r *record.Record) string {
	null := byte('v')
	if r.Value == nil {
		null = '0'
	}
	return fmt.Sprintf("%d %s %c%s", r.TimestampMs, r.Key, null, r.Value)
}

// source is the reference as one node reaches it.
type source struct {
	ref *reference
	n   *node
}

func (source) Fields() record.Fields { return record.AllFields }
func (source) Close() error          { return nil }

var errStore = errors.New("the store does not answer")

// Open decides at once whether and when reading will fail: the reader belongs to another goroutine and must share nothing.
func (s source) Open(_ context.Context, slice partition.Slice, cursor partition.Offset) (replaysource.Reader, error) {
	h := s.n.w.hurt
	if h.store(s.n.i) {
		return nil, errStore
	}
	r := &sourceReader{t: s.ref.parts[slice.Partition], slice: slice, next: cursor, size: s.ref.batch, failAt: -1}
	if h.store(s.n.i) {
		r.failAt = s.n.w.r.IntN(6)
	}
	return r, nil
}

type sourceReader struct {
	t      *truth
	slice  partition.Slice
	next   partition.Offset
	at     int // index into records
	size   int
	failAt int // batches until it fails, -1 never
}

func (r *sourceReader) Next(context.Context) (*record.Batch, error) {
	if r.failAt == 0 {
		return nil, errStore
	}
	b := &record.Batch{Partition: r.slice.Partition, Records: make([]record.Record, 0, r.size)}
	for ; r.at < len(r.t.records) && len(b.Records) < r.size; r.at++ {
		rec := r.t.records[r.at]
		if rec.Offset < r.next || !r.slice.Ranges.Contains(rec.Offset) {
			continue
		}
		if r.t.damaged.Contains(rec.Offset) {
			if len(b.Records) > 0 {
				break
			}
			r.next = rec.Offset + 1
			r.at++
			return nil, &replaysource.DamagedError{Object: "sim", Offset: rec.Offset, Next: r.next, Code: replaysource.CodeCorrupt, Err: errors.New("flipped")}
		}
		b.Records = append(b.Records, rec)
		b.Bytes += rec.Size()
		b.Next = rec.Offset + 1
	}
	if len(b.Records) == 0 {
		return nil, io.EOF
	}
	r.failAt--
	r.next = b.Next
	return b, nil
}

func (r *sourceReader) Close() error { return nil }
