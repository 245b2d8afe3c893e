package fsm

import (
	"fmt"

	"backstitch/fsm/flow"
)

// NoteStep writes down what an attempt has found out. Marks are kept from the first note of an attempt that has some: a leader that comes
// later goes on with those, and never with others. Text is always the newest.
//
// Since: 8. Proposed by: the leader. Refused: UnknownFlow, WrongState (another attempt, the step does not run, other marks than the attempt
// has), Invalid.
type NoteStep struct {
	Flow    FlowID
	Step    string
	Attempt uint32
	Marks   []byte // nil leaves them as they are
	Text    string
}

// Op returns 95.
func (NoteStep) Op() uint16 { return 95 }

func (c NoteStep) subject() string { return fmt.Sprintf("step %s of flow %s", c.Step, c.Flow) }

func (c NoteStep) apply(t *tx) Result {
	if len(c.Marks) > MaxMarksBytes {
		return t.refuse(Invalid, fmt.Sprintf("%s: marks of %d bytes, at most %d are kept", c.subject(), len(c.Marks), MaxMarksBytes))
	}
	return t.changeFlow(c.Flow, func(f Flow, g FlowGraph) Result {
		i, refusal := t.attempt(f, g, c.Step, c.Attempt)
		switch {
		case refusal != nil:
			return *refusal
		case f.State.Ended():
			return t.wrongFlow(f)
		case f.States[i].Status != flow.Running:
			return t.wrongStep(f, c.Step, f.States[i])
		}
		var old StepNote
		note := StepNote{Attempt: c.Attempt, Marks: c.Marks, Text: clip(c.Text, maxFlowWhy), UnixNanos: t.env.UnixNanos}
		if t.read(noteKey(f.ID, i), &old) && old.Attempt == c.Attempt && len(old.Marks) > 0 {
			if len(c.Marks) > 0 && string(c.Marks) != string(old.Marks) {
				return t.refuse(WrongState, fmt.Sprintf("%s holds itself to other marks", c.subject()))
			}
			note.Marks = old.Marks
		}
		t.write(noteKey(f.ID, i), &note)
		t.putFlow(f) // whoever watches the flow sees it
		return t.ok()
	})
}
