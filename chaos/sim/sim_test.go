package sim

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"backstitch/chaos/fault"
	"backstitch/chaos/report"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

var (
	seeds  = flag.Int("sim.seeds", 50, "how many seeds TestSeeds runs")
	seed   = flag.Uint64("sim.seed", 0, "run this seed alone, with its trace; 0 runs from -sim.from on")
	from   = flag.Uint64("sim.from", 1, "the first seed")
	faults = flag.String("sim.faults", "", "instead of the seed's own faults: these, one a line or parted by semicolons; \"none\" for none")
)

func TestMain(m *testing.M) {
	flag.Parse()
	goleak.VerifyTestMain(m)
}

// planOf is the plan of a seed, with other faults when -sim.faults says so.
func planOf(t testing.TB, seed uint64) Plan {
	t.Helper()
	p, err := NewPlan(seed)
	if err != nil {
		t.Error(err)
		return p
	}
	if *faults == "" {
		return p
	}
	p.Faults = nil
	for _, text := range strings.FieldsFunc(*faults, func(r rune) bool { return r == ';' || r == '\n' }) {
		if text = strings.TrimSpace(text); text == "" || text == "none" {
			continue
		}
		f, err := fault.Parse(text)
		if err != nil {
			t.Error(err)
			return p
		}
		p.Faults = append(p.Faults, f)
	}
	return p
}

func mustRun(t testing.TB, p Plan, shelf *Shelf, keep bool) Result {
	t.Helper()
	res, err := Run(p, shelf, keep)
	if err != nil {
		t.Fatalf("seed %d: %v", p.Seed, err)
	}
	return res
}

// TestSeeds runs seeds and wants every promise kept. Every fiftieth runs twice and has to be the same run.
func TestSeeds(t *testing.T) {
	if *seed != 0 {
		one(t, *seed)
		return
	}
	began := time.Now()
	var next, count atomic.Uint64
	next.Store(*from)
	var mu sync.Mutex
	all := newFigures()
	var broken []Result
	var group sync.WaitGroup
	for range 2 {
		group.Go(func() {
			shelf := &Shelf{}
			defer func() {
				if err := shelf.Close(); err != nil {
					t.Error(err)
				}
			}()
			for {
				s := next.Add(1) - 1
				if s >= *from+uint64(*seeds) {
					return
				}
				p := planOf(t, s)
				res, err := Run(p, shelf, false)
				if err == nil && s%50 == 0 {
					var again Result
					if again, err = Run(p, shelf, false); again.Hash != res.Hash {
						err = fmt.Errorf("another run of the same seed: %x and %x after %d and %d steps", res.Hash, again.Hash, res.Steps, again.Steps)
					}
				}
				mu.Lock()
				if err != nil {
					t.Errorf("seed %d: %v", s, err)
				}
				all.add(res)
				if res.Violation != nil {
					broken = append(broken, res)
				}
				stop := len(broken) >= 5
				mu.Unlock()
				count.Add(1)
				if stop || err != nil {
					return
				}
			}
		})
	}
	group.Wait()
	all.Seconds = time.Since(began).Seconds()
	if err := report.Publish(os.Stdout, all); err != nil {
		t.Error(err)
	}
	for i, res := range broken {
		if i == 0 {
			explain(t, res)
			continue
		}
		t.Errorf("seed %d: %v", res.Plan.Seed, res.Violation)
	}
	if missed := all.Faults.Missed(); len(missed) > 0 && *seeds >= 200 {
		t.Errorf("kinds that never hit anything: %v", missed)
	}
}

// one runs a seed with its trace.
func one(t *testing.T, s uint64) {
	shelf := &Shelf{}
	defer shelf.Close() //nolint:errcheck // it is thrown away
	res := mustRun(t, planOf(t, s), shelf, true)
	fmt.Print(res.Plan)
	fmt.Println(strings.Join(res.Trace, "\n"))
	fmt.Printf("hash %x, %d steps, %d commands, %.1f s, jobs %v\n", res.Hash, res.Steps, res.Commands, res.Virtual.Seconds(), res.Ends)
	if res.Violation != nil {
		explain(t, res)
	}
}

// explain shrinks a broken run and prints how it can be seen again.
func explain(t *testing.T, broken Result) {
	t.Helper()
	shelf := &Shelf{}
	defer shelf.Close() //nolint:errcheck // it is thrown away
	small, runs, err := Shrink(broken, shelf, 200)
	if err != nil {
		t.Error(err)
	}
	kept := mustRun(t, small.Plan, shelf, true)
	var texts []string
	for _, f := range small.Plan.Faults {
		texts = append(texts, f.String())
	}
	if len(texts) == 0 {
		texts = []string{"none"}
	}
	tail := kept.Trace[max(0, len(kept.Trace)-60):]
	t.Errorf("seed %d: %v\n%sshrunk in %d runs to:\n%s%v\nthe last lines of its trace:\n%s\nagain: go test ./chaos/sim -run TestSeeds -sim.seed %d\nsmaller, where nothing but faults was left out: -sim.faults %q",
		broken.Plan.Seed, broken.Violation, broken.Plan, runs, small.Plan, small.Violation, strings.Join(tail, "\n"), broken.Plan.Seed, strings.Join(texts, "; "))
}

// TestSameSeedSameRun compares whole traces, and that another seed gives another one.
func TestSameSeedSameRun(t *testing.T) {
	shelf := &Shelf{}
	defer shelf.Close() //nolint:errcheck // it is thrown away
	for s := uint64(1); s <= 3; s++ {
		p := planOf(t, s)
		a, b := mustRun(t, p, shelf, true), mustRun(t, p, shelf, true)
		if diff := cmp.Diff(a.Trace, b.Trace); diff != "" {
			t.Fatalf("seed %d:\n%s", s, diff)
		}
		if a.Hash != b.Hash {
			t.Errorf("seed %d: equal traces with hashes %x and %x", s, a.Hash, b.Hash)
		}
		if c := mustRun(t, planOf(t, s+100), shelf, false); c.Hash == a.Hash {
			t.Errorf("seeds %d and %d are one run", s, s+100)
		}
	}
}

// TestQuietRunsHurtNobody: without faults every job ends well, soon, and nothing is fenced, lost or late.
func TestQuietRunsHurtNobody(t *testing.T) {
	shelf := &Shelf{}
	defer shelf.Close() //nolint:errcheck // it is thrown away
	for s := uint64(1); s <= 6; s++ {
		p := planOf(t, s)
		p.Faults, p.Operator, p.Rumours = nil, "", false
		res := mustRun(t, p, shelf, false)
		if res.Violation != nil {
			t.Fatalf("seed %d: %v", s, res.Violation)
		}
		if res.Ends["succeeded"] != p.Jobs || res.Virtual > during+patience/3 {
			t.Errorf("seed %d: %v after %s, want %d succeeded", s, res.Ends, res.Virtual, p.Jobs)
		}
		if e := res.Events; e.Elections != 1 || e.Fenced+e.Lapsed+e.Zombies+e.Unknown+e.Late+e.Ambiguous+e.Failures > 0 {
			t.Errorf("seed %d: %+v in a run without faults", s, e)
		}
	}
}
