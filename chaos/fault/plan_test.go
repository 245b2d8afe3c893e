package fault

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestPlansKeepTheirRules(t *testing.T) {
	mix := Mix{Kinds: Of(Kinds(0)...), Every: 2 * time.Second, Together: 2}
	const during = time.Minute
	seen := map[Kind]int{}
	for seed := range uint64(100) {
		plan, err := Plan(rand.New(rand.NewPCG(seed, 0)), mix, during)
		if err != nil {
			t.Fatal(err)
		}
		again, _ := Plan(rand.New(rand.NewPCG(seed, 0)), mix, during)
		if diff := cmp.Diff(plan, again); diff != "" {
			t.Fatalf("seed %d gave two plans:\n%s", seed, diff)
		}
		destroyed := 0
		for i, f := range plan {
			if err := f.Validate(); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			if got, err := Parse(f.String()); err != nil || got != f {
				t.Fatalf("seed %d: %q read back: %v", seed, f, err)
			}
			if f.Ends() > during {
				t.Fatalf("seed %d: %q ends after %s", seed, f, during)
			}
			active := 0
			for _, g := range plan[:i+1] {
				if g.Ends() > f.At {
					active++
				}
			}
			if active > 2 {
				t.Fatalf("seed %d: %d faults at once at %s", seed, active, f.At)
			}
			if f.Spec().Destroys {
				destroyed++
			}
			seen[f.Kind]++
		}
		if destroyed > 1 {
			t.Fatalf("seed %d: %d faults destroy data", seed, destroyed)
		}
	}
	for _, k := range Kinds(0) {
		if seen[k] == 0 {
			t.Errorf("100 plans have no %s", k)
		}
	}
}

func TestWeightsAndTargetsAreKept(t *testing.T) {
	mix := Mix{Kinds: []Weighted{{Kind: Kill, Weight: 9, Targets: []Target{Owner}}, {Kind: StepDown, Weight: 1}}, Every: time.Second, Together: 100}
	plan, err := Plan(rand.New(rand.NewPCG(7, 7)), mix, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	kills := 0
	for _, f := range plan {
		if f.Kind == Kill {
			kills++
			if f.Target != Owner {
				t.Fatalf("got %q, want only owners to be killed", f)
			}
		}
	}
	if share := float64(kills) / float64(len(plan)); len(plan) < 3000 || share < 0.87 || share > 0.93 {
		t.Errorf("%d of %d are kills, want nine of ten of about 3600", kills, len(plan))
	}
	if !slices.IsSortedFunc(plan, func(a, b Fault) int { return int(a.At - b.At) }) {
		t.Error("the plan is not in order")
	}
}

func TestAMixThatSaysNothingIsRefused(t *testing.T) {
	random := rand.New(rand.NewPCG(0, 0))
	for _, mix := range []Mix{
		{Every: time.Second},
		{Kinds: Of(Kill)},
		{Kinds: Of("burn"), Every: time.Second},
		{Kinds: []Weighted{{Kind: Kill}}, Every: time.Second},
		{Kinds: []Weighted{{Kind: Kill, Weight: 1, Targets: []Target{TheBroker}}}, Every: time.Second},
		{Kinds: Of(Kill), Every: time.Second, Together: -1},
	} {
		if plan, err := Plan(random, mix, time.Minute); err == nil {
			t.Errorf("%+v: got %v, want an error", mix, plan)
		}
	}
}
