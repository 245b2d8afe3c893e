package check

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"backstitch/fsm"
	"backstitch/fsm/fsmtest"
	"backstitch/partition"
)

// The model is written from the promise. This test lets the real book answer, so that a promise that the product does not make
// shows, and so does a book that forgets.
func TestTheBookKeepsItsPromises(t *testing.T) {
	real := fsmtest.Empty(t)
	const seed = 1
	random := rand.New(rand.NewPCG(seed, 0))
	var now time.Duration
	h := NewHistory(func() time.Duration { now++; return now })
	var acks []Ack
	var log []Entry
	requests := uint64(0)
	apply := func(cmd fsm.Command) fsm.Result {
		t.Helper()
		requests++
		env := fsm.Envelope{Actor: "test", UnixNanos: 1, RequestID: [16]byte{byte(requests >> 8), byte(requests), 1}}
		r, err := real.Propose(t.Context(), env, cmd)
		if err != nil {
			t.Fatal(err)
		}
		log = append(log, Entry{r.Index, cmd, r})
		acks = append(acks, Ack{RequestID: env.RequestID, Index: r.Index, What: fsm.OpName(cmd.Op())})
		return r
	}
	apply(fsm.PutMember{Member: fsm.Member{ID: "a", Name: "a", MaxOp: 1000, Instance: [16]byte{1}, Role: fsm.RoleVoter}})
	for range 300 {
		id := partition.JobID(fmt.Sprintf("bs-%d", 2+random.IntN(6)))
		lock := []string{"kafka:c/t/" + string(id)}
		plan := byte(random.IntN(8) / 7)
		var cmd fsm.Command
		verb := []Verb{Submit, Submit, Pause, Pause, Resume, Get, Get, Get, Get, "start", "start", "start", "start", Cancel}[random.IntN(14)]
		switch verb {
		case Submit:
			cmd = fsm.SubmitJob{ID: id, Recipe: []byte("{}"), PlanHash: [32]byte{plan}, Locks: lock, Records: 1, Bytes: 1, Slices: 2}
		case Pause:
			cmd = fsm.PauseJob{ID: id}
		case Resume:
			cmd = fsm.ResumeJob{ID: id}
		case Cancel:
			cmd = fsm.CancelJob{ID: id}
		case "start":
			all := partition.Ranges{{From: 0, To: 1}}
			apply(fsm.AddSlices{Job: id, Slices: []partition.Slice{
				{ID: partition.SliceID{Job: id, N: 0}, Kind: partition.SliceFill, Ranges: all, Records: 1, Bytes: 1},
				{ID: partition.SliceID{Job: id, N: 1}, Kind: partition.SliceVerify, Ranges: all, Filled: all},
			}})
			apply(fsm.StartJob{ID: id})
			apply(fsm.GrantLeases{Grants: []fsm.Grant{{Slice: partition.SliceID{Job: id, N: 0}, Owner: "a", Seen: partition.Epoch(random.IntN(2))}}})
			continue
		}
		if verb != Get {
			answer := h.Begin(0, verb, string(id), fmt.Sprint(plan))
			answer(Outcome{Known: true, Code: apply(cmd).Code.String()})
			continue
		}
		v := real.Machine.View()
		j, ok, err := v.Job(id)
		if err != nil {
			t.Fatal(err)
		}
		if ok {
			h.Begin(0, Get, string(id), fmt.Sprint(j.PlanHash[0]))(Outcome{Known: true, Code: "ok", State: j.State.String()})
		} else {
			h.Begin(0, Get, string(id), "")(Outcome{Known: true, Code: fsm.UnknownJob.String()})
		}
		if err := v.Close(); err != nil {
			t.Fatal(err)
		}
	}
	codes := map[string]int{}
	states := map[string]int{}
	for _, r := range h.Requests() {
		codes[r.Outcome.Code]++
		states[r.Outcome.State]++
	}
	for _, code := range []string{"ok", "exists", "wrong-state", "unknown-job"} {
		if codes[code] == 0 {
			t.Errorf("seed %d never got %s: %v", seed, code, codes)
		}
	}
	for _, state := range []string{"planned", "running", "paused", "cancelled"} {
		if states[state] == 0 {
			t.Errorf("seed %d never saw %s: %v", seed, state, states)
		}
	}
	if found, err := Linearizable(h.Requests()); err != nil || len(found) != 0 {
		t.Errorf("got %v, %v, want every answer explained", found, err)
	}
	if found, grants, err := Leases(log); err != nil || len(found) != 0 || grants < 3 {
		t.Errorf("leases: got %v, %d grants, %v, want no finding and some grants", found, grants, err)
	}
	v := real.Machine.View()
	defer v.Close()
	book, err := BookOf(v)
	if err != nil {
		t.Fatal(err)
	}
	if found, err := Acked(acks, map[string]Book{"a": book}); err != nil || len(found) != 0 {
		t.Errorf("acknowledged: got %v, %v, want all kept", found, err)
	}
	delete(book.Requests, acks[7].RequestID)
	if found, err := Acked(acks, map[string]Book{"a": book}); err != nil || found.Count(Kept) != 1 {
		t.Errorf("one forgotten: got %v, %v, want one finding", found, err)
	}
}
