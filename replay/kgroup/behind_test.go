package kgroup_test

import (
	"testing"

	"backstitch/replay/kgroup"
	"backstitch/replay/klog"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// A group is where it is waited for once no record is left before it: the marker behind a transaction is none, and what a topic got later does
// not count.
func TestBehind(t *testing.T) {
	k := kafka(t)
	cl, err := kgo.NewClient(append(k.Opts(), kgo.TransactionalID("t"), kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	write := func(n int) {
		t.Helper()
		if err := cl.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		for i := range n {
			if err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: "orders", Partition: int32(i % 2), Value: []byte("v")}).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		if err := cl.EndTransaction(t.Context(), kgo.TryCommit); err != nil {
			t.Fatal(err)
		}
	}
	write(10) // 5 records and a marker in each partition
	look := func(group string, ends map[int32]int64) (kgroup.Standing, map[int32]int64) {
		t.Helper()
		marks, err := klog.Watermarks(t.Context(), k.Client(), "orders")
		if err != nil {
			t.Fatal(err)
		}
		now := map[int32]int64{0: marks.Partitions[0].LSO, 1: marks.Partitions[1].LSO}
		if ends == nil {
			ends = now
		}
		s, err := kgroup.Behind(t.Context(), k.Client(), marks, ends, group)
		if err != nil {
			t.Fatal(err)
		}
		return s, ends
	}
	commit := func(part int32, at int64) {
		t.Helper()
		offs := kadm.Offsets{}
		offs.AddOffset("orders", part, at, -1)
		if err := kadm.NewClient(k.Client()).CommitAllOffsets(t.Context(), "billing", offs); err != nil {
			t.Fatal(err)
		}
	}
	got, begun := look("billing", nil)
	if want := (kgroup.Standing{Group: "billing", Behind: 12, Apart: 2, None: true}); got != want || begun[0] != 6 {
		t.Errorf("a group that was never there: got %+v up to %v, want %+v", got, begun, want)
	}
	commit(0, 5)
	commit(1, 3)
	if got, _ = look("billing", nil); got != (kgroup.Standing{Group: "billing", Behind: 3, Apart: 1}) {
		t.Errorf("one partition read up to its marker: got %+v, want 3 behind in the other", got)
	}
	commit(1, 5)
	write(4)
	if got, _ = look("billing", begun); got != (kgroup.Standing{Group: "billing"}) {
		t.Errorf("up to the first ends: got %+v, want nothing", got)
	}
	if got, _ = look("billing", nil); got.Behind != 8 || got.Apart != 2 {
		t.Errorf("up to the newest ends: got %+v, want 8 behind in 2", got)
	}
	if err := klogDelete(t, k.Client(), 8); err != nil {
		t.Fatal(err)
	}
	if got, _ = look("billing", begun); got.Behind != 0 {
		t.Errorf("what retention has taken: got %+v, want that nobody waits for it", got)
	}
}

// klogDelete makes the log of partition 0 begin at an offset.
func klogDelete(t *testing.T, cl *kgo.Client, at int64) error {
	t.Helper()
	offs := kadm.Offsets{}
	offs.AddOffset("orders", 0, at, -1)
	got, err := kadm.NewClient(cl).DeleteRecords(t.Context(), offs)
	if err != nil {
		return err
	}
	return got.Error()
}
