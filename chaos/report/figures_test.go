package report

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"backstitch/chaos/fault"
)

// enough is what all suites have to count, and not one more.
func enough() []Figures {
	names := func(n int) (out []string) {
		for i := range n {
			out = append(out, string(rune('A'+i/26))+string(rune('a'+i%26)))
		}
		return out
	}
	return []Figures{
		{Suite: "sim", Seeds: 20_000, Faults: fault.Tally{fault.Kill: {Injected: 15_000, Vacuous: 1000}}},
		{Suite: "crash", CrashPoints: 2_000},
		{Suite: "bubble", Seeds: 1_000, VirtualHours: 25, Faults: fault.Tally{fault.Kill: {Injected: 6_000}}},
		{Suite: "process", Scenarios: 12, FailoverMs: []int64{2999, 2999, 5999}, Rework: []float64{1, 0.2}},
		{Suite: "failpoints", FailpointsReached: names(30), FailpointsTotal: 40},
		{Suite: "process", FailpointsReached: names(40), FailpointsTotal: 40},
		{Suite: "mutants", MutantsCaught: names(20), MutantsTotal: 20},
	}
}

func TestEnoughIsEnough(t *testing.T) {
	if missed, err := Missed(Bars(enough())); err != nil || len(missed) != 0 {
		t.Errorf("got %v, %v, want every bar reached", missed, err)
	}
}

// Every bar is missed by a little, so that none of them can not fail.
func TestEveryBarCanBeMissed(t *testing.T) {
	rows := map[string]func([]Figures){
		"sim-seeds":       func(f []Figures) { f[0].Seeds-- },
		"bubble-seeds":    func(f []Figures) { f[2].Seeds-- },
		"virtual-hours":   func(f []Figures) { f[2].VirtualHours -= 0.1 },
		"crash-points":    func(f []Figures) { f[1].CrashPoints-- },
		"scenarios":       func(f []Figures) { f[3].Scenarios-- },
		"faults":          func(f []Figures) { f[0].Faults[fault.Kill] = fault.Count{Injected: 15_000, Vacuous: 1001} },
		"failpoints":      func(f []Figures) { f[5].FailpointsReached = f[5].FailpointsReached[:39] },
		"mutants":         func(f []Figures) { f[6].MutantsTotal = 21 },
		"violations":      func(f []Figures) { f[1].Violations = 1 },
		"failover-median": func(f []Figures) { f[3].FailoverMs[1] = 3000 },
		"failover-p99":    func(f []Figures) { f[3].FailoverMs[2] = 6000 },
		"rework":          func(f []Figures) { f[3].Rework[1] = 1.01 },
	}
	for _, bar := range Bars(enough()) {
		spoil := rows[bar.Name]
		if spoil == nil {
			t.Errorf("nothing spoils %s", bar.Name)
			continue
		}
		list := enough()
		spoil(list)
		missed, err := Missed(Bars(list))
		if err != nil || len(missed) != 1 || missed[0].Name != bar.Name {
			t.Errorf("%s: got %v, %v, want it missed and no other", bar.Name, missed, err)
		}
	}
}

func TestNothingReachesNothing(t *testing.T) {
	bars := Bars(nil)
	if missed, err := Missed(bars); err != nil || len(missed) != len(bars) {
		t.Errorf("got %v, %v, want all %d missed", missed, err, len(bars))
	}
	if missed, err := Missed(bars, "rework"); err != nil || len(missed) != 1 {
		t.Errorf("got %v, %v, want only rework", missed, err)
	}
	if _, err := Missed(bars, "rewrok"); err == nil {
		t.Error("a bar that there is not: got no error")
	}
}

func TestTheSumIsTheSameInAnyOrder(t *testing.T) {
	var want Figures
	for _, f := range enough() {
		want.Merge(f)
	}
	for seed := range uint64(20) {
		list := enough()
		rand.New(rand.NewPCG(seed, 0)).Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		var got Figures
		for _, f := range list {
			got.Merge(f)
		}
		if diff := cmp.Diff(got, want); diff != "" {
			t.Fatalf("seed %d (-got +want):\n%s", seed, diff)
		}
	}
	list := enough()
	var twice Figures
	for _, f := range append(list, list...) {
		twice.Merge(f)
	}
	if diff := cmp.Diff(list, enough()); diff != "" {
		t.Errorf("merging changed what was merged:\n%s", diff)
	}
}

func TestFiguresArePublishedAndRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "figures.jsonl")
	t.Setenv(FiguresEnv, path)
	var out bytes.Buffer
	type more struct {
		Figures
		Steps int `json:"steps"`
	}
	for _, v := range []any{enough()[0], more{Figures: enough()[2], Steps: 5}} {
		if err := Publish(&out, v); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil || string(text) != out.String() {
		t.Fatalf("got %q and %q, %v, want the same in both", text, out.String(), err)
	}
	got, err := ReadFigures(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got, []Figures{enough()[0], enough()[2]}); diff != "" {
		t.Errorf("(-got +want):\n%s", diff)
	}
	for _, bad := range []string{"{", "{}\n", "violations: 0\n"} {
		if got, err := ReadFigures(strings.NewReader(bad)); err == nil {
			t.Errorf("%q: got %v, want an error", bad, got)
		}
	}
}
