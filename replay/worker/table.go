package worker

import (
	"errors"
	"time"

	"backstitch/fsm"
	"backstitch/partition"
)

// The table decides which slices run. It is a pure step function: the time is an argument, and whatever is to be done comes back
// as a value, so that a simulation can drive it. The trap: a renewal that was sent long ago and answered just now proves the
// lease at the time it was sent, not of now.

// Lease names a lease of this node.
type Lease struct {
	Slice partition.SliceID
	Epoch partition.Epoch
}

type state uint8

const (
	waiting state = iota // for a lane
	running
	fenced  // until the book confirms the lease
	stopped // by ourselves for want of a renewal, or because the book refused a checkpoint; until it confirms the lease
	ended   // finished or failed; kept until the assignment forgets it
)

// task is one lease and what became of it.
type task struct {
	work     fsm.Work
	state    state
	began    bool // a run was started
	stopping bool // the one that runs was told to stop
	reported bool // the book knows the outcome
	asked    bool // the book was asked about it since it was fenced or stopped
	// known is the furthest progress that any run of this lease has told. A run that was stopped before its target opened
	// knows none, and the book refuses a cursor that falls.
	known fsm.Checkpoint
	// yield says that the lease is to be given back; giving that it is being.
	yield, giving bool
	// gone says that the lease is not ours any more, and that only the run's end is waited for.
	gone bool
}

// Table is which leases a node holds and what became of each. One goroutine uses it.
type Table struct {
	lanes     int
	scans     int // lanes of scans, beside the others
	leaseTime time.Duration

	tasks    map[Lease]*task
	order    []Lease // by slice
	renewed  time.Time
	lapsed   bool // no renewal for the lease time
	draining bool
	attempts map[partition.SliceID]int
}

// Why a run has to stop.
var (
	ErrMoved   = errors.New("the lease is not ours any more")
	ErrRefused = errors.New("the book refused a checkpoint")
	ErrLapsed  = errors.New("the lease was not renewed in time")
	ErrYield   = errors.New("the lease is to be given back")
)

// Stop is a run that has to stop. It is over only when Over was told.
type Stop struct {
	Lease Lease
	Why   error // ErrMoved, ErrRefused, ErrLapsed, or ErrYield: then it commits what it has first
}

// End is how a run ended.
type End uint8

// How a run ended. Of several that apply, the first counts.
const (
	EndHalted   End = iota // it was stopped for ErrRefused or ErrLapsed
	EndFenced              // a newer owner has the target
	EndFinished            // the book answered a success
	EndFailed              // the book answered a failure
	EndQuit                // drained, moved, or the worker ends
)

// Progress is what the run of a lease knows to be durable, false when it knows nothing yet.
type Progress func(Lease) (fsm.Checkpoint, bool)

// NewTable makes an empty table of a node that runs so many slices at a time, and so many of scans beside them, and counts as renewed now.
func NewTable(lanes, scans int, leaseTime time.Duration, now time.Time) *Table {
	return &Table{
		lanes: lanes, scans: scans, leaseTime: leaseTime, renewed: now,
		tasks: make(map[Lease]*task), attempts: make(map[partition.SliceID]int),
	}
}

// Assign makes the leases those of a. Those that are not ours any more are forgotten, once their runs are gone.
func (t *Table) Assign(a fsm.Assignment) (stops []Stop) {
	before := t.order
	held := make(map[Lease]bool, len(a.Work))
	t.order = make([]Lease, 0, len(a.Work))
	for _, work := range a.Work {
		id := Lease{work.Slice.ID, work.Epoch}
		held[id] = true
		t.order = append(t.order, id)
		k := t.tasks[id]
		if k == nil {
			t.tasks[id] = &task{work: work, known: work.Seen, yield: work.Yield}
			continue
		}
		if work.Yield && !k.yield {
			k.yield = true
			if k.state == running && !k.stopping {
				stops = append(stops, Stop{id, ErrYield}) // not stopping: whatever else comes still has to stop it at once
			}
		}
		// The book that the first assignment was read from may have been behind: that of a node that has just come back.
		if work.Seen.Cursor > k.known.Cursor {
			k.known = work.Seen
		}
	}
	for _, id := range before {
		k := t.tasks[id]
		switch {
		case k == nil || held[id]:
		case k.state != running:
			delete(t.tasks, id)
		default:
			k.gone, k.stopping = true, true
			stops = append(stops, Stop{id, ErrMoved})
		}
	}
	return stops
}

// Start returns what has to be started now, and counts it as running. Of one lane, one slice runs at a time.
func (t *Table) Start() (work []fsm.Work) {
	if t.Resting() {
		return nil
	}
	// A scan may take hours. It must not keep a repair waiting, so the two do not share lanes.
	free := map[bool]int{false: t.lanes, true: t.scans} // by whether the slice is of a scan
	lanes := make(map[partition.Lane]bool)
	for _, k := range t.tasks {
		if k.state == running {
			free[k.work.Slice.Kind.Reads()]--
			lanes[k.work.Slice.Lane()] = true
		}
	}
	for _, id := range t.order {
		k := t.tasks[id]
		if k == nil || k.state != waiting || k.yield || lanes[k.work.Slice.Lane()] || free[k.work.Slice.Kind.Reads()] <= 0 {
			continue
		}
		free[k.work.Slice.Kind.Reads()]--
		lanes[k.work.Slice.Lane()] = true
		k.state, k.began, k.stopping = running, true, false
		work = append(work, k.work)
	}
	return work
}

// Running reports whether a run of the lease was started and is not over.
func (t *Table) Running(id Lease) bool {
	k := t.tasks[id]
	return k != nil && k.state == running
}

// Knows reports whether the lease is ours, or has a run that is not over.
func (t *Table) Knows(id Lease) bool { return t.tasks[id] != nil }

// Resting reports whether nothing may start: the lease time is over, or the worker drains.
func (t *Table) Resting() bool { return t.draining || t.lapsed }

// Jobs are those that have something left to do here.
func (t *Table) Jobs() map[partition.JobID]bool {
	jobs := make(map[partition.JobID]bool)
	for id, k := range t.tasks {
		if k.state != ended {
			jobs[id.Slice.Job] = true
		}
	}
	return jobs
}

// Attempts is how often the slice failed on this node since it last succeeded here.
func (t *Table) Attempts(slice partition.SliceID) int { return t.attempts[slice] }

// Over takes the end of a run.
func (t *Table) Over(id Lease, end End) {
	k := t.tasks[id]
	if k == nil || k.state != running {
		return
	}
	switch {
	case k.gone:
		delete(t.tasks, id)
	case end == EndHalted:
		k.state, k.asked = stopped, false
	case end == EndFenced:
		k.state, k.asked = fenced, false
	case end == EndFinished:
		k.state, k.reported = ended, true
		delete(t.attempts, id.Slice)
	case end == EndFailed:
		k.state, k.reported = ended, true
		t.attempts[id.Slice]++
	default:
		k.state = ended
	}
}

// Entries are the checkpoints of what runs, and of what waits for its lease to be confirmed.
func (t *Table) Entries(progress Progress) []fsm.SliceCheckpoint {
	var out []fsm.SliceCheckpoint
	for _, id := range t.order {
		k := t.tasks[id]
		if k == nil || k.gone || k.state == waiting || k.state == ended {
			continue
		}
		c, ok := progress(id)
		if !ok && k.state == running {
			continue
		}
		if !ok || c.Cursor < k.known.Cursor {
			c = k.known
		}
		c.Epoch = k.work.Epoch
		k.known, k.asked = c, true
		out = append(out, fsm.SliceCheckpoint{Slice: id.Slice, Checkpoint: c})
	}
	return out
}

// Renewed takes the answer to entries that were sent at sent.
func (t *Table) Renewed(sent, now time.Time, entries []fsm.SliceCheckpoint, refusals []fsm.Refusal) (stops []Stop) {
	t.renewed = sent
	refused := make(map[partition.SliceID]bool, len(refusals))
	for _, r := range refusals {
		refused[r.Slice] = true
	}
	for _, e := range entries {
		id := Lease{e.Slice, e.Checkpoint.Epoch}
		k := t.tasks[id]
		switch {
		case k == nil:
		case refused[e.Slice]:
			// Mostly it has moved or is finished, and the assignment will say so. Until then we ask again: a slice that the
			// book calls ours and that nobody works on would stand still for ever.
			if k.state == running && !k.stopping {
				k.stopping = true
				stops = append(stops, Stop{id, ErrRefused})
			}
		case !k.asked:
			// It was fenced or stopped while these entries were under way: the book has confirmed the lease of before.
		case k.state == fenced, k.state == stopped:
			k.state = waiting
		}
	}
	return append(stops, t.Lapse(now)...)
}

// Lapse stops everything when the lease time is over.
func (t *Table) Lapse(now time.Time) (stops []Stop) {
	t.lapsed = now.Sub(t.renewed) >= t.leaseTime
	if !t.lapsed {
		return nil
	}
	for _, id := range t.order {
		if k := t.tasks[id]; k != nil && k.state == running && !k.stopping {
			k.stopping = true
			stops = append(stops, Stop{id, ErrLapsed})
		}
	}
	return stops
}

// GiveBack returns what is to be given back and does not run, with what it saves for the last time. They count as being given back until Given.
func (t *Table) GiveBack(node partition.NodeID, progress Progress) (entries []fsm.SliceCheckpoint, leases []fsm.Lease) {
	if t.draining {
		return nil, nil // Rest has them
	}
	for _, id := range t.order {
		k := t.tasks[id]
		if k == nil || !k.yield || k.giving || k.gone || k.reported || k.state == running {
			continue
		}
		k.giving = true
		leases = append(leases, fsm.Lease{Slice: id.Slice, Owner: node, Epoch: id.Epoch})
		if c, ok := progress(id); ok && k.began && c.Cursor >= k.known.Cursor {
			c.Epoch = id.Epoch
			entries = append(entries, fsm.SliceCheckpoint{Slice: id.Slice, Checkpoint: c})
		}
	}
	return entries, leases
}

// Given says that leases were offered. Those that are still ours after that, since nobody took them, are offered again.
func (t *Table) Given(leases []fsm.Lease) {
	for _, l := range leases {
		if k := t.tasks[Lease{l.Slice, l.Epoch}]; k != nil {
			k.giving = false
		}
	}
}

// Drain lets nothing start any more.
func (t *Table) Drain() { t.draining = true }

// Drained reports whether the worker drains and nothing runs any more.
func (t *Table) Drained() bool {
	if !t.draining {
		return false
	}
	for _, k := range t.tasks {
		if k.state == running {
			return false
		}
	}
	return true
}

// Rest is what a drained node saves for the last time, and the leases that it gives back.
func (t *Table) Rest(node partition.NodeID, progress Progress) (entries []fsm.SliceCheckpoint, leases []fsm.Lease) {
	for _, id := range t.order {
		k := t.tasks[id]
		if k == nil || k.gone || k.reported {
			continue
		}
		leases = append(leases, fsm.Lease{Slice: id.Slice, Owner: node, Epoch: id.Epoch})
		if !k.began {
			continue
		}
		if c, ok := progress(id); ok {
			entries = append(entries, fsm.SliceCheckpoint{Slice: id.Slice, Checkpoint: c})
		}
	}
	return entries, leases
}
