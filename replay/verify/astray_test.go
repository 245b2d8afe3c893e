package verify_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/replay/gap/gaptest"
	"backstitch/replay/record"
	"backstitch/replay/recovery"
	"backstitch/replay/repartition"
	"backstitch/replay/replaytest"
	"backstitch/replay/sink"
	"backstitch/replay/verify"
)

// spread is a reference of two partitions that was written into a topic of four.
type spread struct {
	rule   repartition.Rule
	ref    map[int32][]record.Record
	target *gaptest.Target
	recipe recovery.Recipe
	reads  atomic.Int64     // of a partition of the target
	filled partition.Ranges // nil for all
}

// counting counts how often somebody begins to read the target.
type counting struct {
	*gaptest.Target
	reads *atomic.Int64
}

func (c counting) Read(ctx context.Context, part int32, from, to int64) (sink.Reader, error) {
	c.reads.Add(1)
	return c.Target.Read(ctx, part, from, to)
}

func newSpread() *spread {
	s := &spread{rule: repartition.Rule{Partitions: 4}, ref: map[int32][]record.Record{}, target: gaptest.New(4)}
	s.recipe = recovery.Recipe{
		Source: recovery.Source{Topic: "orders"}, Write: recovery.Write{OriginHeaders: true},
		Target: recovery.Target{Topic: "orders-v2", Reshape: &recovery.Reshape{Partitioner: recovery.Murmur2, Ends: []int64{0, 0, 0, 0}}},
	}
	for i := range int64(200) {
		key := fmt.Appendf(nil, "k%d", i%17)
		if i%20 == 0 {
			key = nil
		}
		p := int32(i % 17 % 2)
		s.ref[p] = append(s.ref[p], record.Record{Offset: int64(len(s.ref[p])), TimestampMs: 1000 + i, Key: key, Value: fmt.Appendf(nil, "value %d", i)})
		s.put(job, p, s.ref[p][len(s.ref[p])-1], -1)
	}
	return s
}

// put writes a record of partition p where it belongs, or into q.
func (s *spread) put(by partition.JobID, p int32, r record.Record, q int32) {
	if q < 0 {
		q = s.rule.Of(p, &r)
	}
	r.Headers = []record.Header{{Key: sink.OriginHeader, Value: fmt.Appendf(nil, "orders/%d/%d", p, r.Offset)}, {Key: sink.JobHeader, Value: []byte(by)}}
	s.target.Append(q, r)
}

// take takes a record out of a log, and leaves a hole.
func (s *spread) take(q int32, i int) record.Record {
	log := s.target.Logs[q]
	log.End = log.Records[len(log.Records)-1].Offset + 1
	r := log.Records[i]
	log.Records = slices.Delete(log.Records, i, i+1)
	return r
}

func (s *spread) compare(t *testing.T) ([]fsm.Comparison, error) {
	t.Helper()
	s.reads.Store(0)
	view, err := s.recipe.Target.Reshape.View(counting{s.target, &s.reads}, "orders")
	if err != nil {
		t.Fatal(err)
	}
	var out []fsm.Comparison
	for p := range int32(2) {
		all := partition.Ranges{{From: 0, To: int64(len(s.ref[p]))}}
		filled, then := all, int64(0)
		if s.filled != nil {
			filled = s.filled
		}
		for _, end := range s.recipe.Target.Reshape.Ends {
			then = max(then, 4*end)
		}
		c, err := verify.New(verify.DefaultConfig()).Compare(t.Context(), verify.Work{
			Slice: partition.Slice{
				ID: partition.SliceID{Job: job, N: 5 + uint32(p)}, Kind: partition.SliceVerify, Partition: p, Ranges: all, Filled: filled, TargetTo: then,
			},
			Recipe: s.recipe, Reference: &replaytest.Memory{Records: s.ref}, Target: view,
		})
		if err != nil {
			return nil, err
		}
		out = append(out, c.Comparison)
	}
	return out, nil
}

func TestOtherPartitionsAreProved(t *testing.T) {
	s := newSpread()
	s.recipe.Target.Reshape.Split = 3
	cs, err := s.compare(t)
	if err != nil {
		t.Fatal(err)
	}
	if v, e := fsm.Judge(cs, fsm.Writers{}); v != fsm.Pass || e != fsm.E3 {
		t.Errorf("got %s at %s, want a pass at E3: %+v", v, e, cs)
	}
	if n := s.reads.Load(); n != 4 {
		t.Errorf("partitions of the target were read %d times, want each once for both partitions of the reference", n)
	}
	for _, c := range cs {
		if c.Actual.Records != int64(len(s.ref[c.Partition])) || c.Expected.Chain != c.Actual.Chain {
			t.Errorf("partition %d: got %+v, want all of its records in its order", c.Partition, c)
		}
		if !slices.ContainsFunc(c.NotChecked, func(n string) bool { return strings.Contains(n, "those of 3 keys do") }) {
			t.Errorf("partition %d: not checked %q, want what the plan saw of keys in several partitions", c.Partition, c.NotChecked)
		}
	}
}

// Each case does to the target what could go wrong, and the proof fails with the place.
func TestWhatIsWrongInOtherPartitionsIsNamed(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(s *spread)
		want string
	}{
		"a record in a partition that is not its key's": {func(s *spread) {
			r := s.take(2, 5)
			s.target.Append(1, r)
		}, "orders-v2/p01 offset "},
		"one more in such a partition": {func(s *spread) { s.target.Append(3, s.target.Logs[2].Records[5]) }, "stands here and belongs in partition 2"},
		"no key, and in another partition": {func(s *spread) {
			i := slices.IndexFunc(s.target.Logs[0].Records, func(r record.Record) bool { return r.Key == nil })
			s.target.Append(1, s.take(0, i))
		}, "stands here and belongs in partition 0"},
		"two of one partition in each other's place": {func(s *spread) {
			rs := s.target.Logs[1].Records
			rs[3], rs[4] = rs[4], rs[3]
			rs[3].Offset, rs[4].Offset = 3, 4
		}, "orders-v2/p01 offset 4 is of reference offset "},
		"two of one key in each other's place, headers as they should be": {func(s *spread) {
			rs := s.target.Logs[2].Records
			j := 1 + slices.IndexFunc(rs[1:], func(r record.Record) bool { return string(r.Key) == string(rs[0].Key) })
			rs[0], rs[j] = rs[j], rs[0]
			rs[0].Offset, rs[j].Offset = 0, int64(j)
			rs[0].Headers, rs[j].Headers = rs[j].Headers, rs[0].Headers
		}, "not in the reference's order"},
		"one that is gone":          {func(s *spread) { s.take(2, 5) }, "is missing"},
		"one that was changed":      {func(s *spread) { s.target.Logs[2].Records[5].Value = []byte("x") }, "orders-v2/p02 offset 5: value differs from reference offset"},
		"one that is there twice":   {func(s *spread) { s.target.Append(2, s.target.Logs[2].Records[5]) }, "the job wrote this record twice"},
		"one of somebody else":      {func(s *spread) { s.put("bs-other", 1, s.ref[1][7], -1) }, "is not of this job"},
		"a header of another place": {func(s *spread) { s.target.Logs[2].Records[5].Headers[0].Value = []byte("orders/1/0") }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSpread()
			c.do(s)
			cs, err := s.compare(t)
			if err != nil {
				t.Fatal(err)
			}
			if v, _ := fsm.Judge(cs, fsm.Writers{}); v != fsm.Fail {
				t.Fatalf("got %s, want fail: %+v", v, cs)
			}
			if text := cs[0].Detail + cs[1].Detail; !strings.Contains(text, c.want) {
				t.Errorf("got %q, want %q", text, c.want)
			}
		})
	}
}

func TestAPartitionMoreIsNoProof(t *testing.T) {
	s := newSpread()
	s.target.Logs[4] = &gaptest.Log{}
	if _, err := s.compare(t); !errors.Is(err, sink.ErrReshaped) {
		t.Errorf("got %v, want %v", err, sink.ErrReshaped)
	}
}

// What was there before the job counts with what the job was to write, whatever order it is in: that is not the job's.
func TestWhatWasThereBeforeIsProvedInOtherPartitions(t *testing.T) {
	s := newSpread()
	s.recipe.Source.FromMs, s.recipe.Source.ToMs = 1000, 1200
	for q, log := range s.target.Logs {
		s.recipe.Target.Reshape.Ends[q] = int64(len(log.Records))
		for i := range log.Records {
			log.Records[i].Headers[1].Value = []byte("bs-before")
		}
	}
	old := record.Record{Offset: 5000, TimestampMs: 10, Key: []byte("out of the range")}
	s.put("bs-before", 0, old, -1)
	q := s.rule.Of(0, &old)
	s.recipe.Target.Reshape.Ends[q]++
	look := func() (fsm.Verdict, fsm.Evidence) {
		t.Helper()
		s.filled = partition.Ranges{}
		cs, err := s.compare(t)
		if err != nil {
			t.Fatal(err)
		}
		return fsm.Judge(cs, fsm.Writers{})
	}
	if v, e := look(); v != fsm.Pass || e != fsm.E3 || s.reads.Load() != 4 {
		t.Errorf("got %s at %s after %d readings, want a pass at E3 after 4", v, e, s.reads.Load())
	}
	rs := s.target.Logs[1].Records
	rs[3], rs[4] = rs[4], rs[3]
	rs[3].Offset, rs[4].Offset = 3, 4
	if v, e := look(); v != fsm.Pass || e != fsm.E2 {
		t.Errorf("in another order: got %s at %s, want a pass at E2", v, e)
	}
}
