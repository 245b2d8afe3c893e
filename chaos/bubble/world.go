package bubble

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"backstitch/chaos/fakes"
	"backstitch/chaos/fault"
	"backstitch/chaos/report"
	"backstitch/cluster"
	"backstitch/cluster/clustertest"
	"backstitch/fsm"
	"backstitch/partition"
)

// Bounds after the last fault is healed, in virtual time.
const (
	leaderWithin = 5 * time.Second
	// A slice that failed often enough waits for up to a minute before it is tried again.
	doneWithin = 3 * time.Minute
)

// How Raft replicates when nobody asks anything. In production a leader sends an empty request every few milliseconds, so that a burst
// of 100,000 commands is not slowed down; here that would be most of what a run costs. These are the library's own defaults.
const (
	commitEvery = 50 * time.Millisecond
	maxAppend   = 64
)

const turn = 50 * time.Millisecond // how often the world looks for something to do

// Result is what one run has shown.
type Result struct {
	Plan       Plan
	Violations []string
	Events     []string // what happened when, for people
	Faults     fault.Tally
	Virtual    time.Duration // length of the run
	Leader     time.Duration // from the last healing until somebody leads
	Recovered  time.Duration // from the last healing until every job is done
	Operations int           // of clients of the job API
	Unknown    int           // of those without an answer
	Records    int           // that were put back
	Takeovers  int           // a lane got another writer
	Grants     int           // of leases
	Truth      string        // what was lost
	Evidence   string        // directory, of a run that broke something
}

// world is everything in one bubble. Its own goroutine drives it; what others use is guarded or does not change.
type world struct {
	t      *testing.T
	plan   Plan
	random *rand.Rand
	began  time.Time
	kafka  *fakes.Kafka
	shelf  *shelf // nil when the target is a topic
	truth  *truth
	c      *clustertest.Cluster
	agents []*agent
	paths  paths

	healers map[int]healer
	laters  []later
	drained map[*agent]bool

	ctx    context.Context // ends with the run
	others sync.WaitGroup  // what runs beside
	healed atomic.Bool     // the last fault is over
	jobs   []*job

	answers *answers
	watch   watch
	final   struct { // of all books in the end
		index  uint64
		digest [32]byte
	}
	evidence *evidence

	mu     sync.Mutex
	result Result
}

// Run does what a plan says and judges it. It has to be called in a bubble; t fails for what can not even be run, and what is
// broken is in the result. Evidence goes below root, unless that is "".
func Run(t *testing.T, p Plan, root string) *Result { return newWorld(t, p).run(root) }

func newWorld(t *testing.T, p Plan) *world {
	w := &world{
		t: t, plan: p, random: rand.New(rand.NewPCG(p.Seed, 0xface)), began: time.Now(),
		paths: paths{active: map[int]*networkFault{}}, healers: map[int]healer{}, drained: map[*agent]bool{},
		truth: newTruth(p), answers: newAnswers(), watch: watch{told: map[string]uint64{}, seen: map[partition.Lane]progress{}},
		result: Result{Plan: p, Faults: fault.Tally{}},
	}
	w.result.Truth = w.truth.String()
	return w
}

func (w *world) run(root string) *Result {
	var end context.CancelFunc
	w.ctx, end = context.WithCancel(context.Background())
	defer w.others.Wait()
	defer end()
	if err := w.setUp(root); err != nil {
		w.t.Fatalf("set up: %v", err)
	}
	defer w.kafka.Close()
	defer w.tearDown()
	if w.evidence != nil {
		defer w.evidence.Guard()
	}
	w.hurt()
	w.recover()
	end()
	w.others.Wait()
	w.judge()
	w.tearDown()
	w.judgeLog()
	w.result.Virtual = time.Since(w.began)
	if err := w.evidence.conclude(w); err != nil {
		w.t.Errorf("evidence: %v", err)
	}
	return &w.result
}

// setUp makes the data and a cluster that serves.
func (w *world) setUp(root string) error {
	var err error
	parts := int32(w.plan.Partitions)
	w.kafka, err = fakes.NewKafka(fakes.KafkaConfig{Seed: w.plan.Seed, Topics: map[string]int32{reference: parts, target: parts}})
	if err != nil {
		return err
	}
	if err := w.produce(); err != nil {
		w.kafka.Close()
		return err
	}
	w.c = clustertest.New(w.t, w.plan.Nodes)
	w.c.Configure = func(_ int, c *cluster.Config) { c.Raft.Commit, c.Raft.MaxAppend = commitEvery, maxAppend }
	w.c.Net.Shape(w.plan.Seed, w.paths.between)
	for _, m := range w.c.Members() {
		w.agents = append(w.agents, newAgent(w, m))
	}
	if err := w.gather(root); err != nil {
		w.kafka.Close()
		return err
	}
	for _, a := range w.agents {
		a.start()
	}
	w.c.WaitServing(w.c.Members()...)
	return nil
}

// produce writes the reference, and what survived into the target.
func (w *world) produce() error {
	if err := w.truth.produce(w.ctx, w.kafka, !w.plan.Shelf); err != nil || !w.plan.Shelf {
		return err
	}
	var err error
	if w.shelf, err = newShelf(w.plan.Seed); err != nil {
		return err
	}
	return w.shelf.produce(w.ctx, w.truth)
}

// hurt runs the fault plan, with jobs and clients beside.
func (w *world) hurt() {
	pace, err := w.kafka.Inject(fakes.Rule{Delay: w.plan.Pace, Jitter: w.plan.Pace / 2})
	if err != nil {
		w.t.Fatalf("pace: %v", err)
	}
	defer pace.Stop()
	w.jobs = newJobs(w.plan, w.truth, w.kafka.Addrs()[0])
	for n := range w.plan.Clients {
		random := rand.New(rand.NewPCG(w.plan.Seed, uint64(n)))
		w.beside(func(ctx context.Context) { w.client(ctx, n, random) })
	}
	for _, j := range w.jobs {
		w.beside(func(ctx context.Context) { w.submit(ctx, j) })
	}
	began := time.Now()
	for _, s := range fault.Steps(w.plan.Faults) {
		w.until(began.Add(s.At))
		if s.Heal {
			w.heal(s.Index, s.Fault)
		} else {
			w.begin(s.Index, s.Fault)
		}
	}
	w.until(began.Add(w.plan.During))
}

// until turns the world until a time.
func (w *world) until(at time.Time) {
	for {
		w.turn()
		wait := time.Until(at)
		if wait <= 0 {
			return
		}
		time.Sleep(min(wait, turn))
	}
}

// turn does what is due.
func (w *world) turn() {
	now := time.Now()
	for n := 0; n < len(w.laters); {
		if l := w.laters[n]; !l.at.After(now) {
			w.laters = append(w.laters[:n], w.laters[n+1:]...)
			l.do()
			continue
		}
		n++
	}
	for _, a := range w.agents {
		a.supervise(now)
	}
	if w.paths.flaps() {
		w.c.Net.Reshaped()
	}
	w.look(now)
}

// recover ends what was still to come, and waits until everything that was asked for is done.
func (w *world) recover() {
	for i, f := range w.plan.Faults {
		w.heal(i, f)
	}
	for len(w.laters) > 0 {
		w.until(time.Now().Add(turn))
	}
	w.healed.Store(true)
	healed := time.Now()
	if !w.eventually(leaderWithin, w.led) {
		w.violate("nobody leads %s after the last fault was healed", leaderWithin)
	}
	w.result.Leader = time.Since(healed)
	for a := range w.drained {
		if !w.eventually(doneWithin, func() bool { return w.setState(w.ctx, a, fsm.MemberActive) > 0 }) {
			w.violate("%s can not be made active again", a.m.Name)
		}
	}
	if !w.eventually(doneWithin, func() bool { w.endPauses(); return w.allDone() }) {
		w.violate("%s after the last fault was healed: %s", doneWithin, w.openJobs())
		w.evidence.stacks(w)
	}
	w.result.Recovered = time.Since(healed)
}

// led says whether a node leads that is not on its way out: the last fault may have killed the leader a moment ago.
func (w *world) led() bool {
	m := w.c.Leader()
	return slices.ContainsFunc(w.agents, func(a *agent) bool { return a.m == m && a.alive() })
}

// eventually turns the world until cond holds.
func (w *world) eventually(within time.Duration, cond func() bool) bool {
	for end := time.Now().Add(within); !cond(); {
		if time.Now().After(end) {
			return false
		}
		w.until(time.Now().Add(turn))
	}
	return true
}

// tearDown ends all processes, in order.
func (w *world) tearDown() {
	for _, a := range w.agents {
		if a.alive() {
			a.stop()
		}
	}
	for _, a := range w.agents {
		a.finishStop()
		<-a.working
	}
}

// beside runs f beside the world until it returns or the run ends.
func (w *world) beside(f func(ctx context.Context)) { w.others.Go(func() { f(w.ctx) }) }

func (w *world) note(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	text := fmt.Sprintf(format, args...)
	w.result.Events = append(w.result.Events, fmt.Sprintf("%8.3fs %s", time.Since(w.began).Seconds(), text))
	if w.evidence != nil {
		w.evidence.Event(report.Event{What: report.Note, Text: text})
	}
}

func (w *world) violate(format string, args ...any) {
	w.note("VIOLATION "+format, args...)
	w.mu.Lock()
	defer w.mu.Unlock()
	text := fmt.Sprintf(format, args...)
	w.result.Violations = append(w.result.Violations, text)
	if w.evidence != nil {
		w.evidence.Break(text)
	}
}

// Report is all that is worth keeping of a run that broke something.
func (r *Result) Report() string {
	return fmt.Sprintf("%s%s\n%s\nviolations:\n%s\nevidence: %s\n", r.Plan, r.Truth, strings.Join(r.Events, "\n"), strings.Join(r.Violations, "\n"), r.Evidence)
}
