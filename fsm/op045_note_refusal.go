package fsm

import "cmp"

// NoteRefusal writes into the audit trail that somebody who is known was refused at the door. It changes nothing else: it is itself a command
// that is refused, with what he wanted and what it would have needed.
//
// Since: 8. Proposed by: the API, seldom enough that nobody can push the decisions out of the trail with it. Refused: always, NotAllowed or Invalid.
type NoteRefusal struct {
	Verb      string
	Namespace string
	Needs     AccessRole
}

// Op returns 45.
func (NoteRefusal) Op() uint16 { return 45 }

func (c NoteRefusal) subject() string { return c.Verb + " in " + c.Namespace }

func (c NoteRefusal) apply(t *tx) Result {
	if why := cmp.Or(named("verb", c.Verb), named("namespace", c.Namespace)); why != "" {
		return t.refuse(Invalid, why)
	}
	return t.refuse(NotAllowed, "needs "+c.Needs.String())
}
