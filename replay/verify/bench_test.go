package verify_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

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

// BenchmarkCompare reads, hashes, matches and counts per window, both sides from memory: what a verify slice costs beside its I/O.
func BenchmarkCompare(b *testing.B) {
	const n = 2_000 // the target of gaptest is slow with many
	var all []record.Record
	value := make([]byte, 1024)
	for i := range int64(n) {
		all = append(all, record.Record{Offset: i, TimestampMs: i, Key: fmt.Appendf(nil, "k%d", i), Value: value})
	}
	target := gaptest.New(1)
	target.Append(0, all...)
	work := verify.Work{
		Slice: partition.Slice{
			ID: partition.SliceID{Job: job}, Kind: partition.SliceVerify, Ranges: partition.Ranges{{From: 0, To: n}}, TargetTo: n,
		},
		Recipe:    recovery.Recipe{Target: recovery.Target{Topic: "x"}, Write: recovery.Write{OriginHeaders: true}},
		Reference: &replaytest.Memory{Records: map[int32][]record.Record{0: all}}, Target: target,
	}
	v := verify.New(verify.Config{})
	for b.Loop() {
		if c, err := v.Compare(context.Background(), work); err != nil || c.Verdict != fsm.Pass {
			b.Fatal(c.Verdict, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/record")
}

// BenchmarkOtherPartitions proves the same records, 8 partitions of 20,000 with values of 200 bytes, in a topic of 8 under the same numbers and
// in one of 12 under a rule, in turn, and once more there with a record that is gone. Figures are ratios of times; both sides are in memory.
func BenchmarkOtherPartitions(b *testing.B) {
	const n, size = 8, 20_000
	rule := repartition.Rule{Partitions: 12}
	ref := &replaytest.Memory{Records: map[int32][]record.Record{}, Batch: size}
	same, other := gaptest.New(n), gaptest.New(rule.Partitions)
	same.Batch, other.Batch = size, size
	for p := range int32(n) {
		for i := range int64(size) {
			r := record.Record{Offset: i, TimestampMs: i, Key: fmt.Appendf(nil, "key-%d", i*n+int64(p)), Value: bytes.Repeat(fmt.Appendf(nil, "%5d", i), 40)}
			ref.Records[p] = append(ref.Records[p], r)
			same.AppendOurs(job, "orders", p, r)
			to := same.Logs[p].Records[i]
			other.Append(rule.Of(p, &r), to)
		}
	}
	recipe := recovery.Recipe{Source: recovery.Source{Topic: "orders"}, Target: recovery.Target{Topic: "orders"}, Write: recovery.Write{OriginHeaders: true}}
	ruled := recipe
	ruled.Target.Reshape = &recovery.Reshape{Partitioner: recovery.Murmur2, Ends: make([]int64, rule.Partitions)}
	prove := func(recipe recovery.Recipe, targets sink.Targets, want fsm.Verdict) time.Duration {
		begin := time.Now()
		verdict := fsm.Pass
		for p := range int32(n) {
			all := partition.Ranges{{From: 0, To: size}}
			c, err := verify.New(verify.DefaultConfig()).Compare(b.Context(), verify.Work{
				Slice:  partition.Slice{ID: partition.SliceID{Job: job}, Kind: partition.SliceVerify, Partition: p, Ranges: all, Filled: all},
				Recipe: recipe, Reference: ref, Target: targets,
			})
			if err != nil {
				b.Fatal(err)
			}
			if c.Verdict != fsm.Pass {
				verdict = c.Verdict
			}
		}
		if verdict != want {
			b.Fatalf("got %s, want %s", verdict, want)
		}
		return time.Since(begin)
	}
	view := func() sink.Targets {
		v, err := ruled.Target.Reshape.View(other, "orders")
		if err != nil {
			b.Fatal(err)
		}
		return v
	}
	var plain, counted, matched time.Duration
	for b.Loop() {
		plain += prove(recipe, same, fsm.Pass)
		counted += prove(ruled, view(), fsm.Pass)
		gone := other.Logs[3].Records
		other.Logs[3].Records = append(append([]record.Record(nil), gone[:7]...), gone[8:]...)
		matched += prove(ruled, view(), fsm.Fail)
		other.Logs[3].Records = gone
	}
	b.ReportMetric(float64(counted)/float64(plain), "counted/same")
	b.ReportMetric(float64(matched)/float64(plain), "one-missing/same")
}
