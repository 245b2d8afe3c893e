package verify_test

import (
	"context"
	"fmt"
	"testing"

	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/replay/gap/gaptest"
	"backstitch/replay/record"
	"backstitch/replay/recovery"
	"backstitch/replay/replaytest"
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
