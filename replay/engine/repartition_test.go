package engine_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"backstitch/replay/record"
	"backstitch/replay/repartition"
	"backstitch/replay/replaytest"
	"backstitch/replay/sink"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// lane is a partition of the reference that the target has none of that number.
const lane = 7

func newReshaped(t *testing.T) *bench {
	t.Helper()
	return reshaped(newBench(t), func([]record.Record) {})
}

func reshaped(b *bench, change func(rs []record.Record)) *bench {
	rs := b.records[:40]
	change(rs)
	b.use(rs)
	b.rule = &repartition.Rule{Partitions: replaytest.Partitions}
	b.memory.Records = map[int32][]record.Record{lane: b.records}
	b.slice = replaytest.FillSlice(job, 0, lane, b.records)
	return b
}

// wantReshaped checks that a reader of committed data sees in each partition exactly what of all belongs there, in order.
func (b *bench) wantReshaped(all []record.Record) {
	b.t.Helper()
	want := map[int32][]record.Record{}
	for _, r := range all {
		q := b.rule.Of(lane, &r)
		want[q] = append(want[q], r)
	}
	for q := range b.rule.Partitions {
		got, want := replaytest.Bare(b.kafka.Committed(topic, q)), replaytest.Bare(want[q])
		if len(want) == 0 {
			b.t.Fatalf("nothing belongs in partition %d, which proves little", q)
		}
		if replaytest.Same(got, want) {
			continue
		}
		if diff := cmp.Diff(got, want, cmpopts.EquateEmpty()); diff != "" {
			b.t.Errorf("partition %d (-got +want):\n%s", q, diff)
		}
	}
}

// A transaction reaches into all partitions of the target, and is there whole or not at all: its owner is given up after each number of
// steps in turn.
func TestOwnerOfSeveralPartitionsIsLostAfterEachStep(t *testing.T) {
	for n := 0; ; n++ {
		done := false
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			b := newReshaped(t)
			lost := b.engine(1)
			done = b.step(lost, n)
			next := b.engine(2)
			b.run(next)
			b.wantReshaped(b.records)
			b.wantCheckpoint(next, b.records, 0, 0)
		})
		if done {
			if n < 10 {
				t.Errorf("the slice took %d steps, too few to mean anything", n)
			}
			return
		}
	}
}

func TestZombieOfSeveralPartitionsWritesNothing(t *testing.T) {
	for _, n := range []int{0, 2, 5} {
		b := newReshaped(t)
		zombie := b.engine(1)
		b.step(zombie, 1+n)
		next := b.engine(2)
		b.step(next, 5)
		if err := zombie.Run(t.Context()); !errors.Is(err, sink.ErrFenced) {
			t.Errorf("after %d steps: got %v, want %v", n, err, sink.ErrFenced)
		}
		b.run(next)
		b.wantReshaped(b.records)
	}
}

func TestUnknownOutcomeInSeveralPartitions(t *testing.T) {
	for n := int64(1); n <= 2; n++ {
		for _, applied := range []bool{false, true} {
			b := newReshaped(t)
			b.endTxn(n, applied)
			e := b.engine(1)
			b.run(e)
			b.wantReshaped(b.records)
			b.wantCheckpoint(e, b.records, 0, 0)
		}
	}
}

// A record that the target refuses is left out alone, whatever stands in the same batch or was on its way to another partition.
func TestPoisonInSeveralPartitions(t *testing.T) {
	b := reshaped(newBench(t), func(rs []record.Record) {
		rs[17].Value = make([]byte, 3<<20)
		rs[33].TimestampMs = -62135596800000
	})
	e := b.engine(1)
	b.run(e)
	want := slices.Concat(b.records[:17], b.records[18:33], b.records[34:])
	b.wantReshaped(want)
	b.wantCheckpoint(e, want, 0, 2)
}
