package fsm

// SetUpgrade says who switches a new cluster version on: the leader, as soon as every member can apply it, or a person.
//
// Since: 8. Proposed by: the API. Refused: nothing. What holds already is OK and changes nothing.
type SetUpgrade struct {
	ByHand bool
}

// Op returns 100.
func (SetUpgrade) Op() uint16 { return 100 }

func (SetUpgrade) subject() string { return "upgrades" }

func (c SetUpgrade) apply(t *tx) Result {
	if t.upgrade().ByHand == c.ByHand {
		return t.ok()
	}
	t.write(key(kindUpgrade), &Upgrade{ByHand: c.ByHand, PutBy: t.env.Actor, Why: t.env.Reason, PutUnixNanos: t.env.UnixNanos, ModifyIndex: t.index})
	return t.ok()
}
