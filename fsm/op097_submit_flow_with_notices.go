package fsm

import (
	"fmt"

	"backstitch/fsm/flow"
)

// SubmitFlowWithNotices makes a flow that runs, of which steps may undo others, and whose endpoints hear of it: that it has begun is the first
// notice in its outbox.
//
// Since: 8. Proposed by: the API. Refused: Exists (same id, another flow), Invalid. The same flow again under its id is OK and changes nothing.
type SubmitFlowWithNotices struct {
	Flow        SubmitFlow
	Undo        []flow.Undo
	Annotations []Annotation // by key
	Endpoints   []Endpoint
}

// Op returns 97.
func (SubmitFlowWithNotices) Op() uint16 { return 97 }

func (c SubmitFlowWithNotices) subject() string { return c.Flow.subject() }

func (c SubmitFlowWithNotices) apply(t *tx) Result {
	o := FlowOutbox{Name: OutboxOf(c.Flow.ID), Flow: c.Flow.Name, Namespace: c.Flow.Namespace, Annotations: c.Annotations, Endpoints: c.Endpoints}
	if why := o.invalid(); why != "" {
		return t.refuse(Invalid, fmt.Sprintf("%s: %s", c.subject(), why))
	}
	return c.Flow.submit(t, c.Undo, &o)
}
