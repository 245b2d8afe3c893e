package leader

import (
	"cmp"
	"fmt"
	"slices"

	"backstitch/fsm"
	"backstitch/partition"
)

// This file takes leases away from owners that live: for a blackout, and for a job of higher priority. They are asked for, and given back behind
// a checkpoint, so that nothing is cut off between the beginning of a transaction and its commit; only who does not answer is not waited for.

// rests says why nothing of j runs now.
func (j Job) rests() (why string, rests bool) {
	switch {
	case j.Unread != nil:
		return "its calendar can not be read", true
	case j.Calendar.Closure != "":
		return "maintenance " + j.Calendar.Closure + " until " + j.Calendar.Blackout.UTC().Format("2006-01-02T15:04Z"), true
	case !j.Calendar.Blackout.IsZero():
		return "a blackout until " + j.Calendar.Blackout.UTC().Format("2006-01-02T15:04Z"), true
	}
	return "", false
}

// rest keeps a lane of a job from running that is in a blackout, or asks for it.
func (d *decision) rest(p *pool, l lane, why string) {
	if l.head.Status != fsm.SliceLeased {
		return
	}
	switch lost := cmp.Or(d.lossOf(l.head.Owner), d.overdue(l)); {
	case lost != "":
		d.taken = append(d.taken, fsm.Lease{Slice: l.slice(), Owner: l.head.Owner, Epoch: l.head.Epoch})
	case l.head.Asked:
		p.running = append(p.running, l)
	default:
		p.running = append(p.running, l)
		if d.asks == nil {
			d.asks = map[string][]fsm.Lease{}
		}
		d.asks[why] = append(d.asks[why], fsm.Lease{Slice: l.slice(), Owner: l.head.Owner, Epoch: l.head.Epoch})
	}
}

// overdue says that a lease was asked for and not given back in time.
func (d *decision) overdue(l lane) string {
	if l.head.Asked && l.head.Waits >= d.in.Limits.Yield {
		return "did not give the lease back"
	}
	return ""
}

// askFor proposes what rest has collected.
func (d *decision) askFor() {
	for _, why := range sortedKeys(d.asks) {
		for part := range slices.Chunk(d.asks[why], d.in.Limits.MaxGrants) {
			d.propose(Proposal{Command: fsm.YieldLeases{Leases: part}, Reason: why})
		}
	}
	for part := range slices.Chunk(d.taken, d.in.Limits.MaxGrants) {
		d.propose(Proposal{Command: fsm.RevokeLeases{Leases: part}, Reason: "its owner does not answer, and nothing of the job runs now"})
	}
}

// preempt asks for one lane of the lowest priority when a job that stands well above it waits and no slot is free. A verify slice has no checkpoint, so all
// its work would be lost: it neither takes a lane nor loses one. What is asked for already will be free soon, and counts as that.
func (d *decision) preempt(p *pool, owners map[partition.Lane]partition.NodeID) {
	if since, ok := fsm.Since(fsm.YieldLeases{}.Op()); !ok || d.in.Version < since {
		return
	}
	if last := d.in.LastPreempt; last != nil && d.in.Now-*last < d.in.Limits.PreemptEvery {
		return
	}
	jobs := make(map[partition.JobID]Job, len(d.in.Jobs))
	for _, j := range d.in.Jobs {
		jobs[j.ID] = j
	}
	var first *lane // of those that wait, by the priority that people gave
	waiting := 0
	for i := range p.wanted {
		l := &p.wanted[i]
		if owners[l.Lane] != "" || l.head.Kind != partition.SliceFill {
			continue
		}
		if waiting++; first == nil || jobs[l.Job].Priority > jobs[first.Job].Priority {
			first = l
		}
	}
	var victim *lane
	for i := range p.running {
		l := &p.running[i]
		switch {
		case l.head.Asked:
			waiting--
		case l.head.Kind != partition.SliceFill || !d.health[l.head.Owner].takes:
		case victim == nil || jobs[l.Job].turn().Compare(jobs[victim.Job].turn()) > 0:
			victim = l
		}
	}
	if first == nil || victim == nil || waiting <= 0 || d.freeSlots(p) > len(owners) {
		return
	}
	high, low := jobs[first.Job].Priority, jobs[victim.Job].Priority
	if int(high) < int(low)+int(d.in.Limits.PreemptMargin) {
		return
	}
	d.propose(Proposal{
		Command:  fsm.YieldLeases{Leases: []fsm.Lease{{Slice: victim.slice(), Owner: victim.head.Owner, Epoch: victim.head.Epoch}}},
		Reason:   fmt.Sprintf("job %s of priority %d waits, and this one has %d", first.Job, high, low),
		Preempts: true,
	})
}
