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
