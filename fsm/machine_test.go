package fsm

import (
	"testing"

	"backstitch/partition"
)

func testMember(id partition.NodeID) Member {
	return Member{ID: id, Name: "name-" + string(id), Instance: [16]byte{1}, Role: RoleVoter, Weight: 1, MaxOp: MaxOp}
}

func fillSlice(job partition.JobID, n uint32, part int32, from, to int64) partition.Slice {
	return partition.Slice{ID: partition.SliceID{Job: job, N: n}, Kind: partition.SliceFill, Partition: part,
		Ranges: partition.Ranges{{From: from, To: to}}, Records: to - from}
}

func TestSmoke(t *testing.T) {
	n := newNode(t)
	for _, cmd := range []Command{
		PutMember{Member: testMember("a")},
		SubmitJob{ID: "bs-a", Slices: 1, Locks: []string{"kafka:c/t/0"}, Recipe: []byte("{}")},
		AddSlices{Job: "bs-a", Slices: []partition.Slice{fillSlice("bs-a", 0, 0, 0, 10)}},
		StartJob{ID: "bs-a"},
		GrantLeases{Grants: []Grant{{Slice: partition.SliceID{Job: "bs-a"}, Owner: "a"}}},
	} {
		if r := n.apply(Envelope{Actor: "test"}, cmd); r.Code != OK || len(r.Refused) > 0 {
			t.Fatalf("%T: %+v", cmd, r)
		}
	}
	n.view(func(v *View) {
		a, err := v.Assignment("a")
		if err != nil || len(a.Work) != 1 || a.Work[0].Epoch != 1 || string(a.Work[0].Recipe) != "{}" {
			t.Errorf("assignment: got %+v, %v", a, err)
		}
	})
	before := n.dump()
	n.restart()
	if got := n.dump(); got != before {
		t.Errorf("after restart: got\n%s\nwant\n%s", got, before)
	}
}
