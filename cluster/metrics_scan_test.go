package cluster

import (
	"testing"

	"backstitch/fsm"
	"backstitch/fsm/fsmtest"
	"backstitch/partition"
)

// The metrics are of the newest scan that succeeded: one that failed later neither hides it nor counts, and scans of people and of
// schedules are told apart.
func TestGoodScans(t *testing.T) {
	book := fsmtest.At(t, 3)
	now := int64(1000)
	do := func(cmd fsm.Command) {
		t.Helper()
		now++
		book.Must(fsm.Envelope{UnixNanos: now}, cmd)
	}
	run := func(id partition.JobID, missing, compared int64) {
		t.Helper()
		slice := func(n uint32) partition.SliceID { return partition.SliceID{Job: id, N: n} }
		do(fsm.GrantLeases{Grants: []fsm.Grant{{Slice: slice(0), Owner: "a"}}})
		do(fsm.FinishScanSlice{Slice: slice(0), Owner: "a", Epoch: 1, Checkpoint: fsm.Checkpoint{Epoch: 1},
			Survey: &fsm.Survey{Partitions: []fsm.SurveyPart{{Partition: 0}}, Header: []byte("{}")}})
		do(fsm.GrantLeases{Grants: []fsm.Grant{{Slice: slice(1), Owner: "a"}}})
		do(fsm.FinishScanSlice{Slice: slice(1), Owner: "a", Epoch: 1, Checkpoint: fsm.Checkpoint{Epoch: 1}, Part: &fsm.ScanPart{
			Body: []byte("x"), Counts: fsm.ScanCounts{Comparable: 1, Compared: compared, Matched: compared, Missing: missing}}})
		do(fsm.FinishScan{ID: id})
	}
	order := &fsm.ScanOrder{Pair: "p", Recipe: []byte("{}")}
	for i, id := range []partition.JobID{"bs-a", "bs-b", "bs-c"} {
		do(fsm.SubmitScan{ID: id, Order: order})
		run(id, int64(i), []int64{9, 9, 0}[i]) // the last one compared nothing
	}
	do(fsm.PutSchedule{Name: "s", Order: order, EveryNanos: int64(fsm.MinEvery), NextUnixNanos: now + 2})
	due := now + 1
	now += 10
	do(fsm.SubmitScan{ID: fsm.ScanID("s", due), Schedule: "s", DueUnixNanos: due, NextUnixNanos: now + 1000})
	run(fsm.ScanID("s", due), 7, 9)

	v := book.Machine.View()
	defer v.Close()
	got := goodScans(v)
	if len(got) != 2 || got[[2]string{"", "p"}].Counts.Missing != 1 || got[[2]string{"s", ""}].Counts.Missing != 7 {
		t.Errorf("got %+v, want one missing of the pair, and seven of the schedule", got)
	}
}
