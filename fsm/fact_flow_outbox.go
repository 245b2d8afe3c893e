package fsm

import (
	"fmt"
	"strings"

	"backstitch/partition"
)

// FlowOutbox is who hears of a flow, and what they want to know besides. It is apart from the flow, since it may have to outlive it: a flow is forgotten
// when enough others have ended, and its notices are not before they were told or given up.
type FlowOutbox struct {
	// Name is under which its notices and deliveries are, as those of a dataset are under its name.
	Name        DatasetName
	Flow        string // name of the flow
	Namespace   string
	Annotations []Annotation // by key
	Endpoints   []Endpoint
}

// OutboxOf is the name of a flow's outbox. It has no slash, so no dataset is called like it.
func OutboxOf(id FlowID) DatasetName { return DatasetName(id) }

// OutboxOfRuns is the name of the outbox that all runs of a schedule have together. It begins with a slash, so no dataset is called like it.
func OutboxOfRuns(schedule string) DatasetName { return DatasetName("/" + schedule) }

// ofFlow reports whether a name is that of an outbox of flows, and not of a dataset.
func (n DatasetName) ofFlow() bool {
	return !strings.Contains(string(n), "/") || strings.HasPrefix(string(n), "/")
}

// OfRuns reports whether the outbox is that of the runs of a schedule.
func (o FlowOutbox) OfRuns() bool { return strings.HasPrefix(string(o.Name), "/") }

func outboxKey(n DatasetName) []byte { return key(kindFlowOutbox, []byte(n)) }

func (t *tx) flowOutbox(n DatasetName) (o FlowOutbox, ok bool) {
	ok = t.read(outboxKey(n), &o)
	return o, ok
}

func (o FlowOutbox) audience() audience { return audience{o.Name, o.Endpoints} }

// invalid says what contradicts itself.
func (o FlowOutbox) invalid() string {
	if len(o.Endpoints) == 0 || len(o.Endpoints) > MaxEndpoints {
		return fmt.Sprintf("%d endpoints, want 1 to %d", len(o.Endpoints), MaxEndpoints)
	}
	if why := invalidAnnotations(o.Annotations); why != "" {
		return why
	}
	return invalidEndpoints(o.Endpoints, flowKinds)
}

// sameOutbox reports whether those who hear of a flow are the ones that o says, nil for nobody.
func (t *tx) sameOutbox(id FlowID, o *FlowOutbox) bool {
	have, ok := t.flowOutbox(t.outboxOf(id))
	if o == nil || !ok {
		return o == nil && !ok
	}
	return t.hash(&have) == t.hash(o)
}

// putOutbox writes an outbox that is valid, of a flow that begins with this command: that is the first of which its endpoints hear.
func (t *tx) putOutbox(o FlowOutbox) {
	t.write(outboxKey(o.Name), &o)
	for _, e := range o.Endpoints {
		t.write(deliveryKey(o.Name, e.Name), &Delivery{Dataset: o.Name, Endpoint: e.Name, Settled: t.index - 1, UnixNanos: t.env.UnixNanos})
	}
}

// matchOutbox writes the outbox of a schedule's runs, with or without endpoints. One that stays goes on where it was, a new one hears of the next thing.
func (t *tx) matchOutbox(o FlowOutbox) {
	if len(o.Endpoints) == 0 {
		t.forgetOutbox(o.Name)
		return
	}
	t.write(outboxKey(o.Name), &o)
	t.matchDeliveries(o.audience())
	t.forgetSettled(o.audience())
}

// forgetOutbox removes an outbox with what is owed.
func (t *tx) forgetOutbox(n DatasetName) {
	if _, ok := t.flowOutbox(n); !ok {
		return
	}
	for _, k := range append(t.keys(key(kindNotice, ended(n))), t.keys(key(kindDelivery, ended(n)))...) {
		t.remove(k)
	}
	t.remove(outboxKey(n))
}

// tellFlow writes down what happened to a flow, or to a step of it, if somebody wants to hear of it.
func (t *tx) tellFlow(f Flow, k NoticeKind, step, why string) {
	if o, ok := t.flowOutbox(t.outboxOf(f.ID)); ok {
		t.putNotice(o.audience(), Notice{Dataset: o.Name, Index: t.index, UnixNanos: t.env.UnixNanos, Kind: k, Job: partition.JobID(f.ID), JobName: step, Why: why})
	}
}

// tellAnswered writes it down when a step waits no more, and no other one does.
func (t *tx) tellAnswered(f Flow, step, why string) {
	if !f.waits() {
		t.tellFlow(f, NoticeAnswered, step, why)
	}
}

// leaveOutbox forgets an outbox once its flow is forgotten, or its schedule with all of its runs, and nobody waits for a notice of it.
func (t *tx) leaveOutbox(n DatasetName) {
	if !n.ofFlow() || len(t.keys(key(kindNotice, ended(n)))) > 0 {
		return
	}
	if schedule, ofRuns := strings.CutPrefix(string(n), "/"); ofRuns {
		if _, there := t.flowSchedule(schedule); there || t.runsOf(schedule) {
			return
		}
	} else if t.read(flowKey(kindFlow, FlowID(n)), &Flow{}) {
		return
	}
	t.forgetOutbox(n)
}

// FlowOutbox returns who hears of a flow by the name of the outbox; ok is false when nobody does.
func (v *View) FlowOutbox(n DatasetName) (o FlowOutbox, ok bool, err error) {
	ok, err = v.read(outboxKey(n), &o)
	return o, ok, err
}
