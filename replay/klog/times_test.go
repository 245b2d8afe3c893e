package klog_test

import (
	"math/rand/v2"
	"testing"

	"backstitch/replay/klog"
	"backstitch/replay/klog/klogtest"

	"github.com/twmb/franz-go/pkg/kgo"
)

func TestNewestUpToIsTheRunningMaximum(t *testing.T) {
	c, cl := klogtest.Cluster(t, topic, 2)
	writer := klogtest.Client(t, c, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	const now = 1_790_000_000_000
	var times []int64
	for i := range 60 {
		ms := now - 3_600_000*int64(60-i) + rng.Int64N(3*3_600_000) // some late by hours
		if i == 40 {
			ms = now + 9_000_000 // a clock that is ahead
		}
		times = append(times, ms)
	}
	at(t, writer, 0, times...)
	newest := int64(0)
	for o, ms := range times {
		newest = max(newest, ms)
		got, err := klog.NewestUpTo(t.Context(), cl, topic, map[int32]int64{0: int64(o)}, now)
		if err != nil {
			t.Fatal(err)
		}
		if got[0] > newest || got[0] < newest-1000 {
			t.Fatalf("up to offset %d: got %d, want %d or up to a second less", o, got[0], newest)
		}
	}
	got, err := klog.NewestUpTo(t.Context(), cl, topic, map[int32]int64{0: 3, 1: 0}, now)
	if err != nil || got[1] != klog.NoTime || got[0] == klog.NoTime {
		t.Errorf("an empty partition: got %v, %v, want no time there", got, err)
	}
}
