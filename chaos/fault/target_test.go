package fault

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRolesAreLookedUp(t *testing.T) {
	view := View{Nodes: []string{"c", "a", "e", "b", "d"}, Leader: "b", Owned: map[string]int{"a": 2, "e": 7, "d": 7}}
	for seed := range uint64(200) {
		pick := func(target Target) []string {
			got, err := target.In(view, rand.New(rand.NewPCG(seed, 0)))
			if err != nil {
				t.Fatalf("%s: %v", target, err)
			}
			again, _ := target.In(view, rand.New(rand.NewPCG(seed, 0)))
			if diff := cmp.Diff(got, again); diff != "" {
				t.Fatalf("%s: the same seed picked others:\n%s", target, diff)
			}
			return got
		}
		if got := pick(Leader); !slices.Equal(got, []string{"b"}) {
			t.Fatalf("leader: got %v", got)
		}
		if got := pick(Follower); len(got) != 1 || got[0] == "b" {
			t.Fatalf("follower: got %v", got)
		}
		if got := pick(Owner); len(got) != 1 || view.Owned[got[0]] == 0 {
			t.Fatalf("owner: got %v", got)
		}
		if got := pick(Busiest); !slices.Equal(got, []string{"d"}) {
			t.Fatalf("busiest: got %v", got)
		}
		if got := pick(Minority); len(got) != 2 || slices.Contains(got, "b") || !slices.IsSorted(got) {
			t.Fatalf("minority: got %v", got)
		}
		if got := pick(Majority); len(got) != 3 || slices.Contains(got, "b") || !slices.IsSorted(got) {
			t.Fatalf("majority: got %v", got)
		}
		if got := pick(All); !slices.Equal(got, []string{"a", "b", "c", "d", "e"}) {
			t.Fatalf("all: got %v", got)
		}
		if got := pick("c"); !slices.Equal(got, []string{"c"}) {
			t.Fatalf("c: got %v", got)
		}
	}
}

func TestRolesThatNobodyHasAreErrors(t *testing.T) {
	random := rand.New(rand.NewPCG(0, 0))
	idle := View{Nodes: []string{"a", "b", "c"}}
	for _, target := range []Target{Leader, Owner, Busiest, "d", TheBroker} {
		if got, err := target.In(idle, random); err == nil {
			t.Errorf("%s: got %v, want an error", target, got)
		}
	}
	alone := View{Nodes: []string{"a"}, Leader: "a"}
	for _, target := range []Target{Follower, Minority} {
		if got, err := target.In(alone, random); err == nil {
			t.Errorf("%s of one: got %v, want an error", target, got)
		}
	}
	if _, err := All.In(View{}, random); err == nil {
		t.Error("no nodes: got no error")
	}
}
