package sim

import (
	"slices"
	"time"

	"backstitch/chaos/fault"
)

// What hurts at the moment. Each fault that hits something is counted; one that hits nothing is vacuous and is counted as that.

type hurt struct {
	w       *World
	active  []*wound
	waiting int // steps of the timeline that are still to come
	downAt  []time.Duration
	slander []time.Duration // until when gossip takes a node for dead although it lives
}

// wound is a fault that has begun.
type wound struct {
	fault.Fault
	in    []bool // nodes that it hits
	half  []bool // of a bridge
	began time.Duration
	hits  int64
	heal  func()
	over  bool
}

func newHurt(w *World) *hurt {
	h := &hurt{w: w, downAt: make([]time.Duration, len(w.nodes)), slander: make([]time.Duration, len(w.nodes))}
	wounds := map[int]*wound{}
	for _, s := range fault.Steps(w.plan.Faults) {
		h.waiting++
		w.after(s.At, func() {
			h.waiting--
			if s.Heal {
				if k := wounds[s.Index]; k != nil {
					h.end(k)
				}
				return
			}
			wounds[s.Index] = h.begin(s.Fault)
		})
	}
	if w.plan.Rumours {
		w.after(w.between(0, 2*time.Second), h.gossip)
	}
	return h
}

// gossip calls somebody dead who is not.
func (h *hurt) gossip() {
	w := h.w
	h.slander[w.r.IntN(len(w.nodes))] = w.now + w.between(500*time.Millisecond, 3*time.Second)
	w.after(w.between(time.Second, 4*time.Second), h.gossip)
}

func (h *hurt) slandered(i int) bool { return h.w.now < h.slander[i] && h.w.now < during }

// begin starts a fault, nil when there was nobody to hit.
func (h *hurt) begin(f fault.Fault) *wound {
	w := h.w
	k := &wound{Fault: f, in: make([]bool, len(w.nodes)), half: make([]bool, len(w.nodes)), began: w.now}
	w.say(-1, "FAULT %s", f)
	if f.Target != "" && f.Target != fault.TheBroker && f.Target != fault.TheStore {
		names, err := f.Target.In(h.view(), w.r)
		if err != nil {
			w.tally.Add(f.Kind, false)
			return nil
		}
		for i, n := range w.nodes {
			k.in[i] = slices.Contains(names, string(n.id))
		}
	}
	for i := range k.half {
		k.half[i] = i%2 == 0
	}
	h.strike(k)
	if f.Lasts() == 0 {
		w.tally.Add(f.Kind, k.hits > 0)
		return nil
	}
	h.active = append(h.active, k)
	return k
}

func (h *hurt) view() fault.View {
	w := h.w
	v := fault.View{Owned: map[string]int{}}
	for _, n := range w.nodes {
		v.Nodes = append(v.Nodes, string(n.id))
		v.Owned[string(n.id)] = len(n.runs)
	}
	if w.raft.leader >= 0 {
		v.Leader = string(w.nodes[w.raft.leader].id)
	}
	return v
}

// strike does what happens once, and remembers how to take it back.
func (h *hurt) strike(k *wound) {
	w := h.w
	each := func(do func(n *node) (heal func())) {
		var heals []func()
		for i, n := range w.nodes {
			if k.in[i] {
				if heal := do(n); heal != nil {
					heals = append(heals, heal)
				}
			}
		}
		k.heal = func() {
			for _, heal := range heals {
				heal()
			}
		}
	}
	switch k.Kind {
	case fault.Kill, fault.PowerLoss:
		each(func(n *node) func() {
			k.hits++
			return h.kill(n, k.Kind == fault.PowerLoss)
		})
	case fault.CrashLoop:
		each(func(n *node) func() { k.hits++; h.loop(n, k.Count); return nil })
	case fault.Pause:
		each(func(n *node) func() {
			if !n.up {
				return nil
			}
			k.hits++
			n.pause()
			return n.resume
		})
	case fault.ClockSkew, fault.ClockJump:
		each(func(n *node) func() { k.hits++; n.skew += k.Skew; return func() { n.skew -= k.Skew } })
	case fault.ClockFreeze:
		each(func(n *node) func() {
			k.hits++
			if n.frozen++; n.frozen == 1 {
				n.froze = w.now
			}
			return func() { n.frozen-- }
		})
	case fault.StepDown:
		if w.raft.leader >= 0 {
			k.hits++
			w.election()
		}
	case fault.Retention, fault.UncleanElection:
		take := w.broker.expire
		if k.Kind == fault.UncleanElection {
			take = w.broker.forget
		}
		if n := take(k.Percent); n > 0 {
			k.hits += int64(n)
			w.rules.excuse = string(k.Kind)
		}
	}
}

// kill ends a process until the returned function is called. With its power a node loses what its book had not synced.
func (h *hurt) kill(n *node, power bool) func() {
	n.holds++
	if n.up {
		n.crash()
		h.downAt[n.i] = h.w.now
	}
	if power {
		n.applied -= min(n.applied, h.w.r.Uint64N(40))
	}
	return func() {
		if n.holds--; n.holds == 0 && !n.up {
			n.boot()
		}
	}
}

// loop kills a node as soon as it runs again.
func (h *hurt) loop(n *node, times int) {
	if times == 0 {
		return
	}
	up := h.kill(n, false)
	h.w.after(h.w.between(100*time.Millisecond, 400*time.Millisecond), func() {
		up()
		h.w.after(h.w.between(50*time.Millisecond, 400*time.Millisecond), func() { h.loop(n, times-1) })
	})
}

func (h *hurt) end(k *wound) {
	if k.over {
		return
	}
	k.over = true
	h.w.say(-1, "HEALED %s", k.Fault)
	h.active = slices.DeleteFunc(h.active, func(x *wound) bool { return x == k })
	if k.heal != nil {
		k.heal()
	}
	h.w.tally.Add(k.Kind, k.hits > 0)
}

// settle counts what has not ended when the run does.
func (h *hurt) settle() {
	for _, k := range h.active {
		h.w.tally.Add(k.Kind, k.hits > 0)
	}
}

// cuts says whether k cuts the way from a to b.
func (k *wound) cuts(now time.Duration, a, b int) bool {
	switch k.Kind {
	case fault.Partition:
		return k.Target != fault.TheBroker && k.Target != fault.TheStore && k.in[a] != k.in[b]
	case fault.Bridge:
		return !k.in[a] && !k.in[b] && k.half[a] != k.half[b]
	case fault.OneWay:
		if k.What == "in" {
			return !k.in[a] && k.in[b]
		}
		return k.in[a] && !k.in[b]
	case fault.Flap:
		return k.in[a] != k.in[b] && (now-k.began)%k.Every < k.Every/2
	}
	return false
}

// linked says whether what a sends to b arrives, as far as whole links are cut.
func (h *hurt) linked(a, b int) bool {
	for _, k := range h.active {
		if k.cuts(h.w.now, a, b) {
			k.hits++
			return false
		}
	}
	return true
}

// silent says whether a has heard nothing of b for that long.
func (h *hurt) silent(a, b int, d time.Duration) bool {
	w := h.w
	if n := w.nodes[b]; !n.awake() {
		// When it stopped answering is near enough when the fault began.
		for _, k := range h.active {
			if (k.Kind == fault.Pause || k.Kind == fault.Kill || k.Kind == fault.PowerLoss) && k.in[b] {
				return w.now-k.began > d
			}
		}
		return !n.up && w.now-h.downAt[b] > d
	}
	for _, k := range h.active {
		if w.now-k.began > d && (k.cuts(w.now, a, b) || k.cuts(w.now, b, a)) {
			return true
		}
	}
	return false
}

// on says whether k is about messages between a and b.
func (k *wound) on(a, b int) bool { return k.in[a] || k.in[b] }

// passes says whether one message gets through.
func (h *hurt) passes(a, b int) bool {
	if !h.linked(a, b) {
		return false
	}
	for _, k := range h.active {
		if (k.Kind == fault.Loss || k.Kind == fault.Delay) && k.on(a, b) && h.w.chance(k.Percent) {
			k.hits++
			return false
		}
	}
	return true
}

// doubles says whether one message is doubled.
func (h *hurt) doubles(a, b int) bool {
	for _, k := range h.active {
		if k.Kind == fault.Duplicate && k.on(a, b) && h.w.chance(k.Percent) {
			k.hits++
			return true
		}
	}
	return false
}

// delay is how much longer one message takes.
func (h *hurt) delay(a, b int) (d time.Duration) {
	for _, k := range h.active {
		switch {
		case !k.on(a, b):
		case k.Kind == fault.Delay:
			k.hits++
			d += h.w.between(max(0, k.Delay-k.Jitter), k.Delay+k.Jitter)
		case k.Kind == fault.Reorder && h.w.chance(k.Percent):
			k.hits++
			d += h.w.between(5*time.Millisecond, 200*time.Millisecond)
		}
	}
	return d
}

// broker is the fate of one request of node i.
func (h *hurt) broker(i int) fate {
	for _, k := range h.active {
		f := fateOK
		switch k.Kind {
		case fault.BrokerRestart:
			f = fateRefused
		case fault.Partition:
			if k.Target == fault.TheBroker {
				f = fateRefused
			}
		case fault.ServerCut:
			if k.What == "broker" && k.in[i] {
				f = fateRefused
			}
		case fault.BrokerError:
			if h.w.chance(k.Percent) {
				if f = fateRefused; k.What == "fenced" {
					f = fateFenced
				}
			}
		case fault.Loss, fault.BrokerCut:
			if (k.Kind == fault.BrokerCut || k.Target == fault.TheBroker) && h.w.chance(k.Percent) {
				f = fateRefused
			}
		case fault.BrokerAmbiguous:
			if h.w.chance(k.Percent) {
				f = fateLost
			}
		}
		if f != fateOK {
			k.hits++
			return f
		}
	}
	return fateOK
}

// store says whether one request of node i to the store fails.
func (h *hurt) store(i int) bool {
	for _, k := range h.active {
		bad := false
		switch k.Kind {
		case fault.Partition:
			bad = k.Target == fault.TheStore
		case fault.ServerCut:
			bad = k.What == "store" && k.in[i]
		case fault.Loss:
			bad = k.Target == fault.TheStore && h.w.chance(k.Percent)
		case fault.StoreSlowdown, fault.StoreError, fault.StoreTruncated, fault.StoreChecksum:
			bad = h.w.chance(k.Percent)
		}
		if bad {
			k.hits++
			return true
		}
	}
	return false
}

// slow is how much longer a step takes on node i.
func (h *hurt) slow(int) (d time.Duration) {
	for _, k := range h.active {
		server := k.Target == fault.TheBroker || k.Target == fault.TheStore
		if k.Kind == fault.BrokerSlow || k.Kind == fault.StoreSlow || k.Kind == fault.Delay && server {
			k.hits++
			d += h.w.between(max(0, k.Delay-k.Jitter), k.Delay+k.Jitter)
		}
	}
	return d
}

// aborted says whether somebody else's transaction is aborted, and whether others write transactions at all.
func (h *hurt) aborted() (aborts, writes bool) {
	for _, k := range h.active {
		if k.Kind == fault.AbortedTx {
			k.hits++
			return h.w.chance(k.Percent), true
		}
	}
	return false, false
}
