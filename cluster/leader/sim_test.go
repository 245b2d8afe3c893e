package leader

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"backstitch/fsm"
	"backstitch/partition"
)

// The simulation runs Decide and the cache against the fake book in steps of simStep, with workers that are killed, come
// back, pause and go on as zombies, and with leaders that are replaced.
const (
	simStep  = 100 * time.Millisecond
	simRenew = 500 * time.Millisecond
)

type simNode struct {
	id      partition.NodeID
	killed  bool
	since   time.Duration // when it was killed or paused
	paused  time.Duration // until when
	contact time.Duration // last renewal
	work    map[fsm.Lease]int
}

type sim struct {
	t     *rapid.T
	book  *fakeBook
	cache *cache
	began time.Duration // of the present leader
	now   time.Duration
	nodes []*simNode // nodes[0] leads and is left alone
}

func newSim(t *rapid.T, nodes int) *sim {
	s := &sim{t: t, book: newFakeBook(t, nodes)}
	s.book.strict = true
	s.cache = newCache(s.book)
	for _, m := range s.book.members {
		s.nodes = append(s.nodes, &simNode{id: m.ID, work: map[fsm.Lease]int{}})
	}
	return s
}

func (n *simNode) stopped(now time.Duration) bool { return n.killed || now < n.paused }

func (s *sim) step() {
	s.now += simStep
	for _, n := range s.nodes {
		if n.stopped(s.now) {
			continue
		}
		if s.now%simRenew == 0 {
			n.contact = s.now
		}
		for _, l := range s.book.leases() {
			if _, ok := n.work[l]; !ok && l.Owner == n.id {
				n.work[l] = rapid.IntRange(1, 20).Draw(s.t, "steps of work")
			}
		}
		for l := range n.work {
			if n.work[l]--; n.work[l] <= 0 {
				s.book.finish(l.Slice, l.Owner, l.Epoch) // a zombie's is refused
				delete(n.work, l)
			}
		}
	}
	over, _ := s.book.Overview()
	jobs, err := s.cache.refresh(over.Jobs, s.now-s.began)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, p := range Decide(Input{
		Now: s.now - s.began, Wall: time.Unix(1000, 0), Self: s.nodes[0].id, Jobs: jobs, Members: over.Members,
		Rumours: s.rumours(), Limits: DefaultLimits(), Version: 1, Applied: over.Applied, LastDigest: DigestMark{At: s.now},
	}) {
		if _, err := s.book.Propose(context.Background(), fsm.Envelope{Reason: p.Reason}, p.Command); err != nil {
			s.t.Fatal(err)
		}
		if g, ok := p.Command.(fsm.GrantLeases); ok {
			for _, g := range g.Grants {
				s.cache.held(g)
			}
		}
	}
}

func (s *sim) rumours() map[partition.NodeID]Rumour {
	out := map[partition.NodeID]Rumour{}
	for _, n := range s.nodes {
		down := n.stopped(s.now) && s.now-n.since > 2400*time.Millisecond
		out[n.id] = Rumour{GossipAlive: !down, Silence: s.now - max(n.contact, s.began), Refused: n.killed}
	}
	return out
}

func (s *sim) kill(n *simNode) {
	n.killed, n.since, n.work = true, s.now, map[fsm.Lease]int{}
}

func (s *sim) restart(n *simNode) { n.killed, n.contact = false, s.now }

func (s *sim) pause(n *simNode, d time.Duration) { n.paused, n.since = s.now+d, s.now }

func (s *sim) running() bool {
	over, _ := s.book.Overview()
	return len(over.Jobs) > 0
}

// Whatever is killed, paused or elected: no slice has two leases at one epoch, no decision is refused, a dead owner's leases
// are gone soon after the second hint, and all jobs succeed.
func TestSimulatedFaults(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newSim(t, rapid.IntRange(2, 5).Draw(t, "nodes"))
		for i := range rapid.IntRange(1, 3).Draw(t, "jobs") {
			s.book.addJob(partition.JobID(fmt.Sprintf("bs-%c", 'a'+i)), rapid.IntRange(1, 10).Draw(t, "lanes"), rapid.IntRange(1, 4).Draw(t, "slices"))
		}
		for range 3000 {
			victim := s.nodes[rapid.IntRange(1, len(s.nodes)-1).Draw(t, "victim")]
			switch rapid.IntRange(0, 40).Draw(t, "fault") {
			case 0:
				if !victim.stopped(s.now) {
					s.kill(victim)
				}
			case 1:
				if victim.killed {
					s.restart(victim)
				}
			case 2:
				if !victim.stopped(s.now) {
					s.pause(victim, time.Duration(rapid.IntRange(1, 60).Draw(t, "pause"))*simStep)
				}
			case 3: // another leader, which has seen nothing yet
				s.began, s.cache = s.now, newCache(s.book)
			}
			s.step()
			for _, n := range s.nodes {
				lostFor := s.now - max(n.since, s.began)
				if !n.killed || lostFor < DefaultLimits().Grace+2*simStep {
					continue
				}
				for _, l := range s.book.leases() {
					if l.Owner == n.id {
						t.Fatalf("%s was killed %s ago and still holds %s", n.id, lostFor, l.Slice)
					}
				}
			}
			if !s.running() {
				break
			}
		}
		for id, j := range s.book.jobs {
			if j.State != fsm.JobSucceeded {
				t.Fatalf("job %s is %s after %s", id, j.State, s.now)
			}
			for _, c := range s.book.proofs[j.Proof].Comparisons {
				wrote := s.book.wrote[partition.Lane{Job: id, Partition: c.Partition}]
				if (c.Evidence == fsm.E4) == slices.Contains(wrote, c.ReadBy) {
					t.Fatalf("job %s partition %d, written by %v and read by %s: got %s", id, c.Partition, wrote, c.ReadBy, c.Evidence)
				}
			}
		}
	})
}

// A pause of up to a second moves no lease, whatever the renewal's phase, also when several nodes pause at once.
func TestSimulatedPausesMoveNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newSim(t, 4)
		s.book.addJob("bs-a", 12, 3)
		for range 600 {
			if rapid.IntRange(0, 5).Draw(t, "fault") == 0 {
				n := s.nodes[rapid.IntRange(1, 3).Draw(t, "victim")]
				if s.now > n.paused+simRenew {
					s.pause(n, time.Duration(rapid.IntRange(1, 10).Draw(t, "pause"))*simStep)
				}
			}
			s.step()
		}
		if s.book.stolen > 0 || s.book.state("bs-a") != fsm.JobSucceeded {
			t.Fatalf("%d leases were moved, job is %s; want 0 and succeeded", s.book.stolen, s.book.state("bs-a"))
		}
	})
}
