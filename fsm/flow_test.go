package fsm

import (
	"fmt"
	"testing"

	"backstitch/fsm/flow"
)

// The book keeps FlowsKept flows that have ended, the newest, and every one that has not.
func TestEndedFlowsAreForgotten(t *testing.T) {
	n := newNode(t)
	n.apply(Envelope{}, PutMember{testMember("a")})
	if r := n.apply(Envelope{}, RaiseVersion{7}); r.Code != OK {
		t.Fatal(r)
	}
	id := func(i int) FlowID { return FlowID(fmt.Sprintf("fl-%c%c", 'a'+i/26, 'a'+i%26)) }
	submit := func(id FlowID) {
		t.Helper()
		if r := n.apply(Envelope{}, SubmitFlow{ID: id, Name: "f", Steps: []flow.Step{{Name: "a", Kind: "manual"}}}); r.Code != OK {
			t.Fatal(r)
		}
	}
	submit("fl-runs")
	for i := range FlowsKept + 3 {
		submit(id(i))
		if r := n.apply(Envelope{}, CancelFlow{id(i)}); r.Code != OK {
			t.Fatal(r)
		}
	}
	n.view(func(v *View) {
		all, err := v.Flows()
		if err != nil || len(all) != FlowsKept+1 {
			t.Errorf("got %d flows, %v, want %d that have ended and one that runs", len(all), err, FlowsKept)
		}
		for i := range FlowsKept + 3 {
			if _, _, ok, err := v.Flow(id(i)); err != nil || ok != (i >= 3) {
				t.Errorf("flow %s: got %t, %v, want only the three oldest forgotten", id(i), ok, err)
			}
		}
		if active, err := v.ActiveFlows(); err != nil || len(active) != 1 {
			t.Errorf("active: got %v, %v", active, err)
		}
	})
}

// What is owed about a flow is owed when the flow itself is forgotten; then its outbox goes with the last notice.
func TestNoticesOutliveTheirFlow(t *testing.T) {
	n := newNode(t)
	do := func(cmd Command) {
		t.Helper()
		if r := n.apply(Envelope{}, cmd); r.Code != OK {
			t.Fatal(r)
		}
	}
	do(PutMember{testMember("a")})
	do(RaiseVersion{LatestVersion})
	steps := []flow.Step{{Name: "a", Kind: "manual"}}
	do(BeginFlow{Flow: SubmitFlow{ID: "fl-old", Name: "f", Steps: steps}, Endpoints: []Endpoint{{Name: "bus", Format: FormatCloudEvents, URL: "https://bus", On: flowKinds}}})
	do(CancelFlow{"fl-old"})
	for i := range FlowsKept {
		id := FlowID(fmt.Sprintf("fl-%c%c", 'a'+i/26, 'a'+i%26))
		do(SubmitFlow{ID: id, Name: "f", Steps: steps})
		do(CancelFlow{id})
	}
	var last uint64
	look := func(flows, notices int, told bool) {
		t.Helper()
		n.view(func(v *View) {
			_, _, kept, err := v.Flow("fl-old")
			if err != nil || kept != (flows == 1) {
				t.Errorf("the flow is kept: %t, %v", kept, err)
			}
			owed, err := v.Notices(OutboxOf("fl-old"))
			if err != nil || len(owed) != notices {
				t.Errorf("%v are owed, %v; want %d", owed, err, notices)
			}
			if len(owed) > 0 {
				last = owed[len(owed)-1].Index
			}
			_, there, err := v.FlowOutbox(OutboxOf("fl-old"))
			deliveries, listErr := v.Deliveries(OutboxOf("fl-old"))
			if err != nil || listErr != nil || there != told || (len(deliveries) == 1) != told {
				t.Errorf("outbox: %t, %v, deliveries %v, %v; want %t", there, err, deliveries, listErr, told)
			}
		})
	}
	look(0, 2, true)
	do(SettleNotices{Dataset: OutboxOf("fl-old"), Endpoint: "bus", UpTo: last, Sent: 2})
	look(0, 0, false)
}
