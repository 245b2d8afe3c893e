package leader

import (
	"fmt"
	"strings"
	"time"

	"backstitch/cluster/vitals"
	"backstitch/fsm"
	"backstitch/partition"
)

// This file weighs hints. The trap in it: every hint alone is wrong often enough. Gossip calls a throttled node dead, a port
// refuses while a process restarts, and a garbage collector or a SIGSTOP makes a node silent. Two that agree are rarely
// wrong at once, and being wrong costs a lane some seconds.

// health is what the leader makes of one member.
type health struct {
	// takes is true when the member may get new leases: wanted by operators, with room on its disk, and under no suspicion at all.
	takes bool
	// loses says why the member's leases move, "" when it keeps them.
	loses string
}

// assess judges all members. An owner that is not in the result is unknown to the book; see lossOf.
func assess(in Input) map[partition.NodeID]health {
	out := make(map[partition.NodeID]health, len(in.Members))
	for _, m := range in.Members {
		h := health{takes: m.State == fsm.MemberActive && m.Weight > 0}
		switch m.State {
		case fsm.MemberDraining:
			h.loses = "is draining"
		case fsm.MemberLeft:
			h.loses = "has left the cluster"
		}
		switch in.Rumours[m.ID].Disk {
		case vitals.Soft:
			h.takes = false
		case vitals.Hard:
			h.takes = false
			if h.loses == "" {
				h.loses = "has a disk that is past its hard mark"
			}
		}
		if m.ID != in.Self {
			hints, lost := suspect(in, m.ID)
			h.takes = h.takes && len(hints) == 0
			if lost && h.loses == "" {
				h.loses = "is lost: " + strings.Join(hints, " and ")
			}
		}
		out[m.ID] = h
	}
	return out
}

// lossOf says why leases of owner move, "" when they do not.
func (d *decision) lossOf(owner partition.NodeID) string {
	h, ok := d.health[owner]
	if !ok {
		return "is not a member"
	}
	return h.loses
}

// suspect returns the hints against a node and whether they are enough.
func suspect(in Input, id partition.NodeID) (hints []string, lost bool) {
	r, heard := in.Rumours[id]
	if !heard {
		r.Silence = in.Now
	}
	silence := min(r.Silence, in.Now)
	if !r.GossipAlive {
		hints = append(hints, "gossip calls it dead")
	}
	if r.Refused {
		hints = append(hints, "its port refuses")
	}
	switch before := r.Before + silence; {
	case in.Now >= in.Limits.Grace && silence >= in.Limits.Silence:
		hints = append(hints, fmt.Sprintf("it has been silent for %s", silence.Round(10*time.Millisecond)))
	case r.Before > 0 && before >= in.Limits.Silence:
		hints = append(hints, fmt.Sprintf("it led and has not answered for %s", before.Round(10*time.Millisecond)))
	}
	return hints, len(hints) >= 2 || silence >= in.Limits.Lease
}
