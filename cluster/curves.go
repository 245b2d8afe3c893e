package cluster

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"backstitch/cluster/curve"
	"backstitch/cluster/maintenance"
	"backstitch/fsm"
	"backstitch/partition"

	"github.com/hashicorp/raft"
)

// This file remembers how jobs went and who led, for people who look. Each node does so for itself out of its own book, and forgets it when it ends.

const (
	maxLines   = 128 // jobs that a line is kept of, those that have ended last among them
	lineShare  = 100 // a job whose slices take so long to add up is measured that many times more seldom
	maxLeaders = 16
)

// lines are the courses of jobs.
type lines struct {
	mu   sync.Mutex
	jobs map[partition.JobID]*course // guarded by mu
}

// course is the line of one job, and when it is measured next.
type course struct {
	curve.Line
	next  time.Time
	ended bool
}

// Curve is how a job went as far as this node has seen it, oldest first; there is none for one that it has not seen.
func (n *Node) Curve(job partition.JobID) []curve.Point {
	n.lines.mu.Lock()
	defer n.lines.mu.Unlock()
	if c := n.lines.jobs[job]; c != nil {
		return c.Points()
	}
	return nil
}

// draw takes a point of each job that writes, and a last one of each that has ended since.
func (n *Node) draw() error {
	v := n.stores.machine.View()
	defer v.Close()
	active, err := v.ActiveJobs()
	if err != nil {
		return err
	}
	n.lines.mu.Lock()
	defer n.lines.mu.Unlock()
	if n.lines.jobs == nil {
		n.lines.jobs = map[partition.JobID]*course{}
	}
	going := map[partition.JobID]bool{}
	for _, j := range active {
		if j.FillSlices == 0 {
			continue
		}
		going[j.ID] = true
		c := n.lines.jobs[j.ID]
		if c == nil {
			c = &course{}
			n.lines.jobs[j.ID] = c
		}
		if c.ended = false; n.deps.Clock().Before(c.next) {
			continue
		}
		if err := n.point(v, j, c); err != nil {
			return err
		}
	}
	for id, c := range n.lines.jobs {
		if going[id] || c.ended {
			continue
		}
		j, ok, err := v.Job(id)
		if err != nil {
			return err
		}
		if c.ended = true; ok {
			if err := n.point(v, j, c); err != nil {
				return err
			}
		}
	}
	n.lines.forget()
	return nil
}

// point measures one job.
func (n *Node) point(v *fsm.View, j fsm.Job, c *course) error {
	began := n.deps.Clock()
	p := curve.Point{At: began, Rest: j.State == fsm.JobPaused}
	for s, err := range v.SliceStates(j.ID) {
		if err != nil {
			return err
		}
		if s.Kind == partition.SliceFill {
			p.Written += s.Checkpoint.Records
			p.Bytes += s.Checkpoint.Bytes
			p.Dealt += s.Checkpoint.Records + s.Checkpoint.Suppressed + s.Checkpoint.Quarantined
		}
	}
	if err := bounds(v, j, began, &p); err != nil {
		return err
	}
	c.Add(p)
	c.next = began.Add(lineShare * n.deps.Clock().Sub(began))
	return nil
}

// bounds are those of a job at a moment.
func bounds(v *fsm.View, j fsm.Job, now time.Time, p *curve.Point) error {
	least := func(bytes int64) {
		if bytes > 0 && (p.Cap == 0 || bytes < p.Cap) {
			p.Cap = bytes
		}
	}
	for _, scope := range j.Scopes() {
		b, ok, err := v.Budget(scope)
		if err != nil {
			return err
		}
		if ok {
			least(b.Rate.Bytes)
		}
	}
	x, _, err := v.Terms(j.ID)
	if err != nil {
		return err
	}
	windows, err := v.Maintenance()
	if err != nil {
		return err
	}
	cal, err := maintenance.Calendar(x.Calendar, maintenance.Concerning(windows, j.Scopes()))
	if err != nil || cal == nil { // one that can not be read lets nothing run
		p.Rest = p.Rest || err != nil
		return nil
	}
	at := cal.At(now)
	least(at.Rate.Bytes)
	p.Peak, p.Rest = !at.Peak.IsZero(), p.Rest || !at.Blackout.IsZero()
	return nil
}

// forget drops the lines of jobs that ended longest ago, where there are too many.
func (l *lines) forget() {
	if len(l.jobs) <= maxLines {
		return
	}
	var ended []partition.JobID
	for id, c := range l.jobs {
		if c.ended {
			ended = append(ended, id)
		}
	}
	slices.SortFunc(ended, func(a, b partition.JobID) int {
		return cmp.Or(l.jobs[a].Last().Compare(l.jobs[b].Last()), cmp.Compare(a, b))
	})
	for _, id := range ended[:min(len(ended), len(l.jobs)-maxLines)] {
		delete(l.jobs, id)
	}
}

// Led is a term in which somebody led, or nobody did.
type Led struct {
	Leader partition.NodeID // "" while there was none
	Term   uint64
	Since  time.Time
}

// leaders are those that this node has seen.
type leaders struct {
	mu  sync.Mutex
	led []Led // guarded by mu; oldest first
}

// see notes who leads.
func (l *leaders) see(now Led) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.led); n > 0 && l.led[n-1].Leader == now.Leader && l.led[n-1].Term == now.Term {
		return
	}
	if l.led = append(l.led, now); len(l.led) > maxLeaders {
		l.led = slices.Delete(l.led, 0, len(l.led)-maxLeaders)
	}
}

// Leaders are who led since this node was started, oldest first, as it has seen it.
func (n *Node) Leaders() []Led {
	n.leaders.mu.Lock()
	defer n.leaders.mu.Unlock()
	return slices.Clone(n.leaders.led)
}

// observeLeaders makes Raft tell who leads from now on. It is told on Raft's own loop, which waits for nobody there: the filter does all of the work
// and lets nothing through.
func (n *Node) observeLeaders() {
	n.raft.RegisterObserver(raft.NewObserver(nil, false, func(o *raft.Observation) bool {
		if led, ok := o.Data.(raft.LeaderObservation); ok {
			n.leaders.see(Led{Leader: partition.NodeID(led.LeaderID), Term: o.Raft.CurrentTerm(), Since: n.deps.Clock()})
		}
		return false
	}))
}
