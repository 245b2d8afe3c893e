package quota

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/partition/share"
)

const lease = 2500 * time.Millisecond

func budget(n int64) []fsm.Budget {
	return []fsm.Budget{{Scope: fsm.ScopeCluster, Rate: partition.Rate{Bytes: n}}}
}

func bytesOf(n int64) share.Share { return share.Share{n * share.Milli, share.More, share.More} }

func want(has, wants share.Share) []share.Want {
	return []share.Want{{Scope: string(fsm.ScopeCluster), Has: has, Wants: wants, Lanes: 1}}
}

var hungry = share.Share{share.More, share.More, share.More}

func none(partition.NodeID) bool { return false }

func TestTheSecondWaitsForTheFirst(t *testing.T) {
	at := time.Unix(1000, 0)
	d := New(lease, at)
	at = at.Add(lease)
	ask := func(node partition.NodeID, seq uint64, has share.Share) share.Share {
		t.Helper()
		at = at.Add(time.Millisecond)
		g, _ := d.Renew(at, Request{Node: node, Seq: seq, Wants: want(has, hungry)}, budget(100), none)
		if len(g) != 1 {
			t.Fatalf("%d grants", len(g))
		}
		return g[0].Share
	}
	for i, step := range []struct {
		node partition.NodeID
		has  int64
		want int64
	}{
		{"a", 0, 100}, // it is alone
		{"b", 0, 0},   // all is given away
		{"a", 100, 50},
		{"b", 0, 0}, // a has not said that it has the smaller one
		{"a", 50, 50},
		{"b", 0, 50},
	} {
		if got := ask(step.node, uint64(i+1), bytesOf(step.has)); got != bytesOf(step.want) {
			t.Fatalf("step %d: %s gets %d, want %d", i, step.node, got, bytesOf(step.want))
		}
	}
}

func TestWhatIsNotBounded(t *testing.T) {
	d := New(lease, time.Unix(0, 0))
	r := Request{Node: "a", Seq: 1, Wants: []share.Want{{Scope: "job/bs-a", Wants: hungry, Lanes: 1}}}
	if g, _ := d.Renew(time.Unix(10, 0), r, budget(100), none); len(g) != 0 {
		t.Errorf("grants for what has no budget: %v", g)
	}
}

func TestADeadNodeGivesItsShareBack(t *testing.T) {
	at := time.Unix(1000, 0)
	for _, c := range []struct {
		name string
		at   time.Time
		gone bool
		want int64
	}{
		{"it may live", at.Add(lease + lease/2), false, 0},
		{"its process is gone", at.Add(lease + lease/2), true, 100},
		{"its lease is over", at.Add(2 * lease), false, 100},
	} {
		d := New(lease, at)
		d.Renew(at.Add(lease), Request{Node: "a", Seq: 1, Wants: want(bytesOf(0), hungry)}, budget(100), none)
		g, _ := d.Renew(c.at, Request{Node: "b", Seq: 1, Wants: want(bytesOf(0), hungry)}, budget(100), func(partition.NodeID) bool { return c.gone })
		if g[0].Share != bytesOf(c.want) {
			t.Errorf("%s: %d, want %d", c.name, g[0].Share, bytesOf(c.want))
		}
	}
}

// world is nodes and a leader with a network that is slow, loses answers, and delivers a request twice.
type world struct {
	r      *rand.Rand
	now    time.Time
	d      *Divider
	budget int64
	nodes  []*spender
}

type spender struct {
	id    partition.NodeID
	boot  [16]byte
	seq   uint64
	share share.Share
	until time.Time // then the share is worth nothing
	wants share.Share
	dead  bool
	stale []Request // overtaken requests that may still arrive
}

func (s *spender) spends(now time.Time) int64 {
	if s.dead || !now.Before(s.until) {
		return 0
	}
	return s.share[0]
}

func (w *world) step() {
	w.now = w.now.Add(time.Duration(w.r.Int64N(int64(60 * time.Millisecond))))
	s := w.nodes[w.r.IntN(len(w.nodes))]
	gone := func(id partition.NodeID) bool {
		for _, n := range w.nodes {
			if n.id == id {
				return n.dead
			}
		}
		return true
	}
	switch n := w.r.IntN(200); {
	case n == 0:
		w.d = New(lease, w.now) // another leader, which knows nothing
	case n == 1:
		s.dead = true
	case n < 4 && s.dead: // it comes back and has nothing
		s.dead, s.seq, s.share, s.stale = false, 0, share.Share{0, share.More, share.More}, nil
		s.boot[0]++
	case n < 20 && len(s.stale) > 0 && !s.dead:
		w.d.Renew(w.now, s.stale[w.r.IntN(len(s.stale))], budget(w.budget), gone)
	case s.dead:
	default:
		if s.spends(w.now) == 0 {
			s.share[0] = 0
		}
		if w.r.IntN(4) == 0 {
			s.wants[0] = []int64{0, 5 * share.Milli, 1000 * share.Milli, share.More}[w.r.IntN(4)]
		}
		s.seq++
		req := Request{Node: s.id, Boot: s.boot, Seq: s.seq, Wants: want(s.share, s.wants)}
		s.stale = append(s.stale, req)
		sent := w.now
		w.now = w.now.Add(time.Duration(w.r.Int64N(int64(20 * time.Millisecond))))
		g, _ := w.d.Renew(w.now, req, budget(w.budget), gone)
		w.now = w.now.Add(time.Duration(w.r.Int64N(int64(20 * time.Millisecond))))
		if len(g) == 1 && w.r.IntN(10) > 0 { // or the answer is lost
			s.share, s.until = g[0].Share, sent.Add(lease)
		}
	}
}

// TestSharesNeverExceedTheBudget hurts the protocol in every way that it has to bear.
func TestSharesNeverExceedTheBudget(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	for round := range uint64(60) {
		w := &world{r: rand.New(rand.NewPCG(seed, round)), now: time.Unix(1000, 0), budget: 100}
		w.d = New(lease, w.now)
		for i := range 2 + w.r.IntN(8) {
			w.nodes = append(w.nodes, &spender{id: partition.NodeID(fmt.Sprint("n", i)), share: share.Share{0, share.More, share.More}, wants: hungry})
		}
		var most int64
		for i := range 2000 {
			w.step()
			var sum int64
			for _, s := range w.nodes {
				sum += s.spends(w.now)
			}
			if most = max(most, sum); sum > w.budget*share.Milli {
				t.Fatalf("seed %d, round %d, step %d: %d of %d thousandths may be spent", seed, round, i, sum, w.budget*share.Milli)
			}
		}
		if most < w.budget*share.Milli*9/10 {
			t.Errorf("seed %d, round %d: never more than %d of %d was given away", seed, round, most, w.budget*share.Milli)
		}
	}
}

// TestALoweredBudgetBindsWithTheNextRenewal also holds for a budget that is new.
func TestALoweredBudgetBindsWithTheNextRenewal(t *testing.T) {
	at := time.Unix(1000, 0)
	d := New(lease, at.Add(-lease))
	has := map[partition.NodeID]share.Share{"a": hungry, "b": hungry, "c": hungry}
	for round, n := range []int64{900, 900, 900, 90} {
		var sum int64
		for _, id := range []partition.NodeID{"a", "b", "c"} {
			at = at.Add(time.Millisecond)
			g, _ := d.Renew(at, Request{Node: id, Seq: uint64(round + 1), Wants: want(has[id], hungry)}, budget(n), none)
			has[id] = g[0].Share
			sum += g[0].Share[0]
		}
		if sum > n*share.Milli {
			t.Errorf("round %d: %d of %d", round, sum, n*share.Milli)
		}
		if round == 2 && (has["a"] != has["b"] || has["b"] != has["c"]) {
			t.Errorf("after three rounds: %v", has)
		}
	}
}

func TestPacesAreToldForAsLongAsALease(t *testing.T) {
	at := time.Unix(1000, 0)
	d := New(lease, at)
	told := func(now time.Time) (out []string) {
		for _, p := range d.Paces(now) {
			out = append(out, p.Pace.Job+" on "+string(p.Node))
		}
		return out
	}
	tell := func(node partition.NodeID, seq uint64, jobs ...string) {
		r := Request{Node: node, Seq: seq}
		for _, j := range jobs {
			r.Paces = append(r.Paces, share.Pace{Job: j})
		}
		d.Renew(at, r, nil, none)
	}
	tell("b", 1, "bs-1", "bs-2")
	tell("a", 1, "bs-2")
	if got := fmt.Sprint(told(at)); got != "[bs-1 on b bs-2 on a bs-2 on b]" {
		t.Error(got)
	}
	tell("b", 2)
	tell("b", 1, "bs-3") // overtaken
	if got := fmt.Sprint(told(at)); got != "[bs-2 on a]" {
		t.Error(got)
	}
	if got := told(at.Add(lease)); len(got) != 0 {
		t.Errorf("told after its lease: %s", got)
	}
}
