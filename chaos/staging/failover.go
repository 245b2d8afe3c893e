package staging

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"backstitch/chaos/fault"
	"backstitch/cluster/client"
)

// This file measures from outside how long the lanes of a lost owner stand still: from its loss to the next commit in one of them.
// What is seen is the book, in which an advance need not be a commit: a last report of the lost owner may be on its way, and
// whoever opens the lane first reports what is in the target already, which the lost one may have committed and never reported.
// Only an advance after those is a commit that was made since. So the figure is a bound: it was made by then.

// takes lists the kinds after which somebody else has to go on.
var takes = []fault.Kind{fault.Kill, fault.Pause, fault.Partition, fault.RaftCut}

// leastLoss is the shortest fault that counts as a loss: before that a node is back before anybody has to take over.
const leastLoss = 3 * time.Second

// loss is an owner that was lost.
type loss struct {
	node   string
	at     time.Time
	lanes  map[int32]bool
	slices map[string]*sight // of those lanes

	took time.Duration // 0 until somebody else has committed
}

// sight is what was seen of a slice.
type sight struct {
	epoch  uint64 // newest
	cursor int64
	spare  int // how many more advances may be of what was done before the loss
}

// How many advances may come of what was done before the loss.
const (
	foundOnOpening = 1
	onItsWay       = 1
)

// newLoss remembers the lanes of a node, nil when it has none.
func newLoss(node string, states []client.SliceState, at time.Time) *loss {
	l := &loss{node: node, at: at, lanes: map[int32]bool{}, slices: map[string]*sight{}}
	for _, s := range states {
		if s.Kind == "fill" && s.Status == "leased" && s.OwnerName == node {
			l.lanes[s.Partition] = true
		}
	}
	if len(l.lanes) == 0 {
		return nil
	}
	for _, s := range states {
		if s.Kind == "fill" && l.lanes[s.Partition] {
			l.slices[s.ID] = newSight(s)
		}
	}
	return l
}

// look says whether another owner has committed in one of the lanes.
func (l *loss) look(states []client.SliceState) bool {
	for _, s := range states {
		if had := l.slices[s.ID]; had != nil && had.look(s) {
			return true
		}
	}
	return false
}

func newSight(s client.SliceState) *sight {
	h := &sight{epoch: s.Epoch, cursor: s.Cursor}
	if s.Epoch > 0 { // otherwise nobody had begun it
		h.spare = onItsWay + foundOnOpening // a node that is back at once goes on under the same lease
	}
	return h
}

func (h *sight) look(s client.SliceState) bool {
	advanced := s.Cursor > h.cursor
	h.cursor = max(h.cursor, s.Cursor)
	if s.Epoch > h.epoch && h.epoch > 0 {
		h.epoch, h.spare = s.Epoch, foundOnOpening // a report of the lost one is refused from now on
		return false
	}
	if !advanced {
		return false
	}
	h.spare--
	return h.spare < 0
}

// losing remembers what targets own at the moment at which f is going to take it from them.
func (r *run) losing(ctx context.Context, f fault.Fault, targets []string) ([]*loss, error) {
	if !slices.Contains(takes, f.Kind) || f.Lasts() < leastLoss || len(targets) > (len(r.m.voters())-1)/2 {
		return nil, nil
	}
	states, _, err := r.cfg.Client.Slices(ctx, r.cfg.Job, client.Blocking{})
	if err != nil {
		return nil, fmt.Errorf("slices of %s: %w", r.cfg.Job, err)
	}
	var out []*loss
	for _, name := range targets {
		if l := newLoss(name, states, time.Now()); l != nil {
			out = append(out, l)
		}
	}
	return out, nil
}

// takeovers watches what becomes of lost lanes, beside the run.
type takeovers struct {
	stop   context.CancelFunc
	group  sync.WaitGroup
	losses []*loss
}

// watch follows the losses of one fault until each is taken over or stop is called. It asks the others only: a node that is
// cut off answers from an old book.
func (t *takeovers) watch(ctx context.Context, r *run, losses []*loss) {
	if len(losses) == 0 {
		return
	}
	t.losses = append(t.losses, losses...)
	var others []*node
	for _, n := range r.m.nodes {
		if !slices.ContainsFunc(losses, func(l *loss) bool { return l.node == n.Name }) {
			others = append(others, n)
		}
	}
	t.group.Go(func() { follow(ctx, others, r.cfg.Job, losses, r.patience.tick) })
}

// follow asks one node at a time, the next one when it does not answer.
func follow(ctx context.Context, nodes []*node, job string, losses []*loss, tick time.Duration) {
	open := slices.Clone(losses)
	var index uint64
	for turn := 0; len(open) > 0 && len(nodes) > 0 && ctx.Err() == nil; {
		states, newer, err := nodes[turn%len(nodes)].api.Slices(ctx, job, client.Blocking{Index: index, Wait: answer})
		if err != nil {
			turn, index = turn+1, 0
			_ = pause(ctx, tick) // the loop looks at it
			continue
		}
		index = newer
		open = slices.DeleteFunc(open, func(l *loss) bool {
			if l.look(states) {
				l.took = time.Since(l.at)
			}
			return l.took > 0
		})
	}
}

// end stops watching and returns what was seen.
func (t *takeovers) end() []*loss {
	t.stop()
	t.group.Wait()
	return t.losses
}

// failover says what the losses have cost, and holds it against the story.
func (r *run) failover(losses []*loss) {
	bar := r.cfg.Scenario.Expects.Failover
	late := false
	for _, l := range losses {
		stood := time.Since(l.at)
		switch {
		case l.took > 0:
			took := l.took.Round(time.Millisecond)
			r.figures.FailoverMs = append(r.figures.FailoverMs, took.Milliseconds())
			r.notef("%s was lost with %d lanes; work in them went on after %s at most", l.node, len(l.lanes), took)
			if bar > 0 && l.took > bar {
				r.violate("failover of %s took %s at most, want within %s", l.node, took, bar)
			}
		case bar > 0 && stood > bar:
			late = true
			r.violate("nobody was seen to commit in a lane of %s for %s after it was lost, want within %s", l.node, stood.Round(time.Second), bar)
		default:
			r.notef("%s was lost with %d lanes; nobody was seen to commit in one of them", l.node, len(l.lanes))
		}
	}
	if bar > 0 && len(r.figures.FailoverMs) == 0 && !late {
		r.unshown("no failover was seen, and the story expects one within %s: let the job last longer", bar)
	}
}
