package fsm

import (
	"fmt"

	"backstitch/partition"
)

// ClaimBaseline says that a node counts a topic's new hours, so that others do not read the same. It is no lease: what two have counted is learned once
// all the same (SaveBaseline), so a claim that outlives its node costs a while, and one that is late costs reading.
//
// Since: 8. Proposed by: the node that is going to look. Refused: UnknownDataset (also for a target that is not counted), WrongState (another node
// has said so, or a look has failed just now), Invalid. A node's own claim is made longer.
type ClaimBaseline struct {
	Dataset  DatasetName
	Target   uint32
	Node     partition.NodeID
	ForNanos int64 // at most MaxClaim
}

// Op returns 59.
func (ClaimBaseline) Op() uint16 { return 59 }

func (c ClaimBaseline) subject() string {
	return fmt.Sprintf("hours of target %d of dataset %s", c.Target+1, c.Dataset)
}

func (c ClaimBaseline) apply(t *tx) Result {
	w, watched := t.watch(c.Dataset)
	x, has := w.of(c.Target)
	if !watched || !has {
		return t.refuse(UnknownDataset, c.subject())
	}
	if c.Node == "" || len(c.Node) > maxIDBytes || c.ForNanos <= 0 || c.ForNanos > MaxClaim {
		return t.refuse(Invalid, fmt.Sprintf("%s: node %q claims them for %d ns", c.subject(), c.Node, c.ForNanos))
	}
	b := t.baseline(c.Dataset, x)
	if until := b.waits(c.Node); until > t.env.UnixNanos {
		return t.refuse(WrongState, fmt.Sprintf("%s are left alone until %d", c.subject(), until))
	}
	b.Claimant, b.ClaimedUnixNanos, b.ModifyIndex = c.Node, t.env.UnixNanos+c.ForNanos, t.index
	t.write(baselineKey(c.Dataset, c.Target), &b)
	return t.ok()
}
