package check

import (
	"fmt"

	"backstitch/fsm"
	"backstitch/partition"
)

// Entry is one entry of the log with what applying it gave.
type Entry struct {
	Index   uint64
	Command fsm.Command
	Result  fsm.Result
}

// Leases goes through the log and keeps a table of its own: a slice has one owner at any index. Each grant takes the next epoch and
// no epoch is granted twice; a word of an owner (checkpoint, finish, fail, giving back) that was accepted is one of the newest
// grant. grants counts what it looked at. A request that came twice is one: the book answered the second from memory, with the index of
// the first, and did nothing.
func Leases(log []Entry) (found Findings, grants int, err error) {
	type lease struct {
		owner partition.NodeID
		epoch partition.Epoch
	}
	now := map[partition.SliceID]lease{}
	index := uint64(0)
	word := func(what string, id partition.SliceID, owner partition.NodeID, epoch partition.Epoch) {
		if l := now[id]; l.epoch != epoch || l.owner != owner {
			found.add(OneOwner, fmt.Sprintf("slice %s index %d", id, index), "a %s of %s under epoch %d was accepted, the owner is %s under %d", what, owner, epoch, l.owner, l.epoch)
		}
	}
	for _, e := range log {
		if e.Index <= index {
			return nil, 0, unfit("index %d comes after %d", e.Index, index)
		}
		index = e.Index
		if again := e.Result.Index != 0 && e.Result.Index < e.Index; again || e.Result.Code != fsm.OK {
			continue
		}
		refused := map[partition.SliceID]bool{}
		for _, r := range e.Result.Refused {
			refused[r.Slice] = true
		}
		switch c := e.Command.(type) {
		case fsm.GrantLeases:
			for _, g := range c.Grants {
				if refused[g.Slice] {
					continue
				}
				grants++
				if before := now[g.Slice]; g.Seen != before.epoch {
					found.add(OneOwner, fmt.Sprintf("slice %s index %d", g.Slice, index), "a grant to %s replaces epoch %d, the newest is %d of %s", g.Owner, g.Seen, before.epoch, before.owner)
				}
				now[g.Slice] = lease{g.Owner, max(g.Seen, now[g.Slice].epoch) + 1}
			}
		case fsm.RevokeLeases:
			for _, l := range c.Leases {
				if !refused[l.Slice] {
					word("revocation", l.Slice, l.Owner, l.Epoch)
				}
			}
		case fsm.SaveCheckpoints:
			for _, s := range c.Entries {
				if !refused[s.Slice] {
					word("checkpoint", s.Slice, c.Owner, s.Checkpoint.Epoch)
				}
			}
		case fsm.FinishSlice:
			word("finish", c.Slice, c.Owner, c.Epoch)
		case fsm.FinishSliceWithin:
			word("finish", c.Finish.Slice, c.Finish.Owner, c.Finish.Epoch)
		case fsm.FailSlice:
			word("failure", c.Slice, c.Owner, c.Epoch)
		}
	}
	if grants == 0 {
		return found, 0, unfit("a log without grants")
	}
	return found, grants, nil
}
