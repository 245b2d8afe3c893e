package bubble

import (
	"flag"
	"fmt"
	"os"
	"runtime/debug"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"backstitch/chaos/check"
)

var (
	seeds  = flag.Int("bubble.seeds", 1, "how many seeds TestSeeds runs, from -bubble.first on")
	first  = flag.Uint64("bubble.first", 1, "the first seed of TestSeeds")
	only   = flag.Uint64("bubble.seed", 0, "run only this seed")
	repeat = flag.Int("bubble.repeat", 50, "how often a failing seed is run again")
	show   = flag.Bool("bubble.show", false, "show what happened also in runs that broke nothing")
)

// gcPercent trades memory, of which two seeds at a time need little, for the quarter of a run that collecting it would take.
// memoryLimit bounds what that may come to.
const (
	gcPercent   = 400
	memoryLimit = 2 << 30
)

func TestMain(m *testing.M) {
	debug.SetGCPercent(gcPercent)
	debug.SetMemoryLimit(memoryLimit)
	goleak.VerifyTestMain(m)
}

// runSeed runs one seed in a bubble of its own.
func runSeed(t *testing.T, seed uint64, root string) (r *Result) {
	p, err := NewPlan(seed)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) { r = Run(t, p, root) })
	return r
}

func TestSeeds(t *testing.T) {
	var total figures
	root := t.ArtifactDir()
	open, _ := check.Files(os.Getpid()) // nil where there is no /proc
	began := time.Now()
	from, to := *first, *first+uint64(*seeds)
	if *only != 0 {
		from, to = *only, *only+1
	}
	var broken []uint64
	t.Run("seeds", func(t *testing.T) {
		for seed := from; seed < to; seed++ {
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				t.Parallel()
				defer func() {
					if t.Failed() {
						total.breaks(&broken, seed)
					}
				}()
				r := runSeed(t, seed, root)
				total.add(r)
				if len(r.Violations) > 0 {
					t.Errorf("%s", r.Report())
				} else if *show {
					t.Logf("%s", r.Report())
				}
			})
		}
	})
	total.Seconds = time.Since(began).Seconds()
	for n, seed := range broken {
		if n == 3 {
			t.Logf("and %d more seeds", len(broken)-n)
			break
		}
		again(t, seed)
	}
	total.judge(t)
	if after, err := check.Files(os.Getpid()); err == nil {
		for _, f := range check.Leaks("open files", open, after) {
			t.Error(f)
		}
	}
	if err := total.publish(os.Stdout); err != nil {
		t.Error(err)
	}
}

// again tells how often a seed fails, since interleavings are not the seed's.
func again(t *testing.T, seed uint64) {
	failed := 0
	for n := range *repeat {
		ok := t.Run(fmt.Sprintf("again/%d/%d", seed, n), func(t *testing.T) {
			if r := runSeed(t, seed, ""); len(r.Violations) > 0 {
				t.Errorf("%q", r.Violations)
			}
		})
		if !ok {
			failed++
		}
	}
	t.Logf("seed %d: failed again in %d of %d runs; %s", seed, failed, *repeat, Command(seed))
}
