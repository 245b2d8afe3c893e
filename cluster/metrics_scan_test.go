package cluster

import (
	"testing"

	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/storage"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hashicorp/raft"
)

// The metrics are of the newest scan that succeeded: one that failed later neither hides it nor counts, and scans of people and of
// schedules are told apart.
func TestGoodScans(t *testing.T) {
	db, err := storage.Open("node", storage.Options{FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	m, err := fsm.Open(db)
	if err != nil {
		t.Fatal(err)
	}
	now, index := int64(1000), uint64(0)
	do := func(cmd fsm.Command) {
		t.Helper()
		now, index = now+1, index+1
		data, err := fsm.Encode(fsm.Envelope{UnixNanos: now}, cmd)
		if err != nil {
			t.Fatal(err)
		}
		r, ok := m.Apply(&raft.Log{Index: index, Term: 1, Type: raft.LogCommand, Data: data}).(*fsm.Result)
		if !ok || r.Code != fsm.OK || len(r.Refused) > 0 {
			t.Fatalf("%T: %+v", cmd, r)
		}
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
	do(fsm.PutMember{Member: fsm.Member{ID: "a", Name: "a", Instance: [16]byte{1}, Role: fsm.RoleVoter, Weight: 1, MaxOp: fsm.MaxOp}})
	do(fsm.RaiseVersion{Version: 3})
	for i, id := range []partition.JobID{"bs-a", "bs-b", "bs-c"} {
		do(fsm.SubmitScan{ID: id, Order: order})
		run(id, int64(i), []int64{9, 9, 0}[i]) // the last one compared nothing
	}
	do(fsm.PutSchedule{Name: "s", Order: order, EveryNanos: int64(fsm.MinEvery), NextUnixNanos: now + 2})
	due := now + 1
	now += 10
	do(fsm.SubmitScan{ID: fsm.ScanID("s", due), Schedule: "s", DueUnixNanos: due, NextUnixNanos: now + 1000})
	run(fsm.ScanID("s", due), 7, 9)

	v := m.View()
	defer v.Close()
	got := goodScans(v)
	if len(got) != 2 || got[[2]string{"", "p"}].Counts.Missing != 1 || got[[2]string{"s", ""}].Counts.Missing != 7 {
		t.Errorf("got %+v, want one missing of the pair, and seven of the schedule", got)
	}
}
