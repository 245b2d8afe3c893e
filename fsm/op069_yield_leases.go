package fsm

import "fmt"

// YieldLeases asks the owners of leases to give them back at their next checkpoint. The leases stay theirs until then: nothing is taken
// away between the beginning of a transaction and its commit.
//
// Since: 7. Proposed by: the leader (a blackout, a job of higher priority). Refused per entry: UnknownSlice, StaleEpoch, WrongState. Asking twice is
// OK and changes nothing.
type YieldLeases struct {
	Leases []Lease
}

// Op returns 69.
func (YieldLeases) Op() uint16 { return 69 }

func (c YieldLeases) subject() string { return fmt.Sprintf("%d leases", len(c.Leases)) }

func (c YieldLeases) apply(t *tx) Result {
	r := t.ok()
	for _, l := range c.Leases {
		s, ok := t.state(l.Slice)
		code := UnknownSlice
		if ok {
			code = held(s, l.Owner, l.Epoch)
		}
		var y yielded
		switch {
		case code != OK:
			r.Refused = append(r.Refused, Refusal{Slice: l.Slice, Code: code})
		case t.read(sliceKey(kindYield, l.Slice), &y) && y.Epoch == l.Epoch:
		default:
			t.write(sliceKey(kindYield, l.Slice), &yielded{Epoch: l.Epoch})
		}
	}
	return r
}
