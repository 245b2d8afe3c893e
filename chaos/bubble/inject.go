package bubble

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"backstitch/chaos/fakes"
	"backstitch/chaos/fault"
	"backstitch/cluster"
	"backstitch/fsm"
)

// What a step of the fault plan does. Each fault that begins gives a function that heals it and says whether it hit something; one
// that finds nobody to hit when it begins, e.g. since nobody leads, is not injected.

type healer func() (hit bool)

// later is something to do at a time, e.g. the next crash of a crash loop.
type later struct {
	at time.Time
	do func()
}

func (w *world) after(d time.Duration, do func()) {
	w.laters = append(w.laters, later{time.Now().Add(d), do})
}

// begin starts fault i of the plan.
func (w *world) begin(i int, f fault.Fault) {
	nodes, err := w.pick(f)
	if err != nil {
		w.note("not injected: %s: %v", f, err)
		return
	}
	heal, err := w.inject(i, f, nodes)
	if err != nil {
		w.note("not injected: %s: %v", f, err)
		return
	}
	w.note("begins: %s %s", f, names(nodes))
	if f.Lasts() == 0 {
		w.tally(f, heal())
		return
	}
	w.healers[i] = heal
}

// heal ends fault i of the plan.
func (w *world) heal(i int, f fault.Fault) {
	heal := w.healers[i]
	if heal == nil {
		return
	}
	delete(w.healers, i)
	hit := heal()
	w.note("healed: %s hit=%t", f, hit)
	w.tally(f, hit)
}

func (w *world) tally(f fault.Fault, hit bool) { w.result.Faults.Add(f.Kind, hit) }

func names(agents []*agent) (out []string) {
	for _, a := range agents {
		out = append(out, a.m.Name)
	}
	return out
}

// pick looks up whom the fault's target stands for now.
func (w *world) pick(f fault.Fault) ([]*agent, error) {
	if f.Target == "" {
		return nil, nil
	}
	v := fault.View{Owned: map[string]int{}}
	var view *fsm.View
	for _, a := range w.agents {
		v.Nodes = append(v.Nodes, a.m.Name)
		if l := w.c.Leader(); l == a.m {
			v.Leader = l.Name
			view, _ = l.Node.View()
		}
	}
	if view != nil {
		defer view.Close()
		for _, a := range w.agents {
			if work, err := view.Assignment(a.m.Node.ID()); err == nil {
				v.Owned[a.m.Name] = len(work.Work)
			}
		}
	}
	chosen, err := f.Target.In(v, w.random)
	if err != nil {
		return nil, err
	}
	var out []*agent
	for _, a := range w.agents {
		for _, name := range chosen {
			if a.m.Name == name {
				out = append(out, a)
			}
		}
	}
	return out, nil
}

func (w *world) inject(i int, f fault.Fault, nodes []*agent) (healer, error) {
	switch f.Kind {
	case fault.Kill, fault.PowerLoss:
		return w.crash(nodes, vfs.CrashCloneCfg{}), nil
	case fault.TornWrite:
		return w.crash(nodes, vfs.CrashCloneCfg{UnsyncedDataPercent: 10 + w.random.IntN(80), RNG: rand.New(rand.NewPCG(w.random.Uint64(), 1))}), nil
	case fault.CrashLoop:
		return w.crashLoop(nodes, f.Count), nil
	case fault.Leave:
		return w.orderly(nodes), nil
	case fault.RollingRestart:
		return w.rolling(), nil
	case fault.Pause:
		return w.pause(i, f, nodes), nil
	case fault.ServerCut:
		if f.What == "broker" {
			return w.cutBroker(nodes), nil
		}
		if w.shelf == nil {
			return nil, fmt.Errorf("there is no %s here", f.What)
		}
		return w.cutShelf(nodes, fakes.StoreRule{Before: true})
	case fault.ClockSkew, fault.ClockJump, fault.ClockFreeze:
		return w.hurtClocks(f, nodes), nil
	case fault.Drain:
		return w.drain(nodes[0]), nil
	case fault.StepDown:
		return w.stepDown()
	case fault.Bridge:
		return w.shape(i, f, nodes, w.halves(nodes[0])), nil
	}
	switch f.Spec().Family {
	case fault.Network:
		return w.shape(i, f, nodes, nil), nil
	case fault.Broker:
		in, err := w.kafka.Apply(f, target)
		return stopped(in), err
	case fault.Store:
		in, err := w.shelf.Apply(f, shelfBucket)
		return stopped(in), err
	}
	return nil, fmt.Errorf("%s is not for this layer", f.Kind)
}

// crash kills processes that run. Once it is healed they are started again.
func (w *world) crash(nodes []*agent, torn vfs.CrashCloneCfg) healer {
	var hit []*agent
	for _, a := range nodes {
		a.down++
		if a.alive() {
			a.kill(torn)
			hit = append(hit, a)
		}
	}
	return func() bool {
		for _, a := range nodes {
			a.down--
		}
		return len(hit) > 0
	}
}

const crashEvery = 1200 * time.Millisecond

func (w *world) crashLoop(nodes []*agent, times int) healer {
	crashes := 0
	var again func()
	again = func() {
		for _, a := range nodes {
			if a.alive() {
				a.kill(vfs.CrashCloneCfg{})
				crashes++
			}
		}
		if times--; times > 0 {
			w.after(crashEvery, again)
		}
	}
	again()
	return func() bool { return crashes > 0 }
}

// orderly asks processes to end. Once it is healed they are started again.
func (w *world) orderly(nodes []*agent) healer {
	hit := false
	for _, a := range nodes {
		a.down++
		if a.alive() {
			a.stop()
			hit = true
		}
	}
	return func() bool {
		for _, a := range nodes {
			a.down--
		}
		return hit
	}
}

const rollEvery = 4 * time.Second

func (w *world) rolling() healer {
	for n, a := range w.agents {
		w.after(time.Duration(n)*rollEvery, func() {
			heal := w.orderly([]*agent{a})
			w.after(time.Second, func() { heal() })
		})
	}
	return func() bool { return true }
}

// shape is a fault of the network between nodes.
func (w *world) shape(i int, f fault.Fault, nodes []*agent, side map[string]int) healer {
	n := &networkFault{Fault: f, began: time.Now(), hit: map[string]bool{}, side: side}
	for _, a := range nodes {
		n.hit[a.m.Host] = true
	}
	w.paths.add(i, n)
	w.c.Net.Reshaped()
	return func() bool {
		hits := w.paths.remove(i)
		w.c.Net.Reshaped()
		return hits > 0
	}
}

// halves puts all but one node on two sides.
func (w *world) halves(over *agent) map[string]int {
	side := map[string]int{}
	n := w.random.IntN(2)
	for _, a := range w.agents {
		if a != over {
			side[a.m.Host] = 1 + n%2
			n++
		}
	}
	return side
}

// pause stops what processes see.
func (w *world) pause(i int, f fault.Fault, nodes []*agent) healer {
	network := w.shape(i, f, nodes, nil)
	broker := w.cutBroker(nodes)
	store := func() bool { return false }
	if w.shelf != nil {
		// What it asks for meanwhile arrives when it goes on.
		if heal, err := w.cutShelf(nodes, fakes.StoreRule{Delay: f.Lasts()}); err == nil {
			store = heal
		}
	}
	for _, a := range nodes {
		a.clock.freeze(true)
	}
	return func() bool {
		for _, a := range nodes {
			a.clock.freeze(false)
		}
		hit := broker()
		hit = store() || hit
		return network() || hit
	}
}

// cutShelf does what r says to all that nodes ask of the store.
func (w *world) cutShelf(nodes []*agent, r fakes.StoreRule) (healer, error) {
	var cuts []*fakes.Injected
	for _, a := range nodes {
		r.From = a.m.Name
		in, err := w.shelf.Inject(r)
		if err != nil {
			return nil, err
		}
		cuts = append(cuts, in)
	}
	return func() bool {
		hit := false
		for _, in := range cuts {
			in.Stop()
			hit = hit || in.Hits() > 0
		}
		return hit
	}, nil
}

func (w *world) cutBroker(nodes []*agent) healer {
	var cuts []*fakes.Injected
	for _, a := range nodes {
		if in, err := w.kafka.Cut(a.m.Name); err == nil { // else it is cut already
			cuts = append(cuts, in)
		}
	}
	return func() bool {
		hit := false
		for _, in := range cuts {
			in.Stop()
			hit = hit || in.Hits() > 0
		}
		return hit
	}
}

func stopped(in *fakes.Injected) healer {
	return func() bool {
		in.Stop()
		return in.Hits() > 0
	}
}

func (w *world) hurtClocks(f fault.Fault, nodes []*agent) healer {
	used := int64(0)
	for _, a := range nodes {
		used -= a.clock.uses()
		switch f.Kind {
		case fault.ClockSkew:
			if a.alive() { // from the start of the process
				a.kill(vfs.CrashCloneCfg{})
			}
			a.clock.set(f.Skew)
		case fault.ClockJump:
			a.clock.set(f.Skew)
		case fault.ClockFreeze:
			a.clock.stand(true)
		}
	}
	return func() bool {
		for _, a := range nodes {
			used += a.clock.uses()
			if f.Kind == fault.ClockFreeze {
				a.clock.stand(false)
			} else {
				a.clock.set(0)
			}
		}
		return used > 0
	}
}

// drain takes work from a node until it is healed.
func (w *world) drain(a *agent) healer {
	done := make(chan bool, 1)
	w.beside(func(ctx context.Context) { done <- w.setState(ctx, a, fsm.MemberDraining) > 0 })
	w.drained[a] = true
	return func() bool {
		hit := <-done
		w.beside(func(ctx context.Context) { w.setState(ctx, a, fsm.MemberActive) })
		return hit
	}
}

// setState returns the index at which the book took it, 0 when nobody said so in time.
func (w *world) setState(ctx context.Context, a *agent, state fsm.MemberState) (index uint64) {
	env := fsm.Envelope{Actor: "operator", RequestID: cluster.NewRequestID()}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	for _, by := range w.agents {
		if res, err := by.node.Load().SetState(ctx, env, a.m.Name, state); err == nil && res.Code == fsm.OK {
			return res.Index
		}
	}
	return 0
}

func (w *world) stepDown() (healer, error) {
	l := w.c.Leader()
	if l == nil {
		return nil, fmt.Errorf("nobody leads")
	}
	node := l.Node
	w.beside(func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		_, _ = node.TransferLeadership(ctx, "") // by right refused or in vain when the others are not well
	})
	return func() bool { return true }, nil
}
