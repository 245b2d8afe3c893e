//go:build linux

package matrix

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"backstitch/chaos/fault"
	"backstitch/chaos/netns"
	"backstitch/chaos/rule"

	"github.com/google/go-cmp/cmp"
)

func TestEveryStoryOfTheSetIsThereAndSomebodyCanActIt(t *testing.T) {
	set, err := Set("ci")
	if err != nil {
		t.Fatal(err)
	}
	if len(set) < 12 {
		t.Errorf("the CI set has %d scenarios, want at least 12", len(set))
	}
	if netns.Available() != nil {
		t.Skip("NOT TESTED: this machine can not make networks")
	}
	for _, s := range set {
		if err := Missing(s, All(false)); err != nil {
			t.Errorf("%s: %v", s.Name, err)
		}
	}
}

// data are the kinds that are done to records by chaos/stories, before a plan is made or between a plan and its run.
var data = []fault.Kind{fault.Retention, fault.TopicRecreated, fault.StoreMissing, fault.PoisonRecord, fault.SchemaBreak}

func TestEveryKindOfTheTableHasItsInjectorAndNoOtherHasOne(t *testing.T) {
	did := slices.Clone(data)
	for _, i := range All(false) {
		for _, k := range i.Kinds() {
			if slices.Contains(did, k) {
				t.Errorf("two inject %s", k)
			}
			did = append(did, k)
		}
	}
	for _, s := range fault.Table {
		if s.Where == 0 {
			t.Errorf("nobody can do %s anywhere: it must not be in the table", s.Kind)
		}
		if said, done := s.Where.Has(fault.RealProcess), slices.Contains(did, s.Kind); said != done {
			t.Errorf("%s: the table says that real processes can be given it: %t, and there is an injector: %t", s.Kind, said, done)
		}
	}
}

func TestARuleIsWhatItsFaultSays(t *testing.T) {
	all := []string{"node-a", "node-b", "node-c"}
	rows := []struct {
		text    string
		targets []string
		match   rule.Match
		effect  rule.Effect
	}{
		{"partition leader", all[:1], rule.Match{From: all[:1], To: all[1:], Both: true}, rule.Effect{Lose: 1}},
		{"one-way in on leader", all[:1], rule.Match{From: all[1:], To: all[:1]}, rule.Effect{Lose: 1}},
		{"bridge over node-b", all[1:2], rule.Match{From: all[:1], To: all[2:], Both: true}, rule.Effect{Lose: 1}},
		{"cut raft on leader", all[:1], rule.Match{From: all[:1], To: all[1:], Both: true, Proto: rule.TCP, Port: 7421}, rule.Effect{Lose: 1}},
		{"cut gossip on leader", all[:1], rule.Match{From: all[:1], To: all[1:], Both: true, Port: 7422}, rule.Effect{Lose: 1}},
		{"cut store on leader", all[:1], rule.Match{From: all[:1], To: []string{"store"}, Both: true}, rule.Effect{Lose: 1}},
		{"partition broker", nil, rule.Match{From: []string{"broker"}, To: all, Both: true}, rule.Effect{Lose: 1}},
		{"bandwidth 1MiB/s on leader", all[:1], rule.Match{From: all[:1], To: []string{"node-a", "node-b", "node-c", "broker", "store"}}, rule.Effect{Rate: 1 << 20}},
	}
	for _, row := range rows {
		m, e, err := ruleOf(fault.MustParse(row.text), row.targets, all)
		if err != nil {
			t.Errorf("%s: %v", row.text, err)
		}
		if diff := cmp.Diff(row.match, m) + cmp.Diff(row.effect, e); diff != "" {
			t.Errorf("%s (-want +got):\n%s", row.text, diff)
		}
	}
	if _, _, err := ruleOf(fault.Fault{Kind: fault.Partition}, all, all); err == nil {
		t.Error("a partition of all from nobody: got nil error")
	}
}

func TestShardsAreAllOfTheSetAndNothingTwice(t *testing.T) {
	full, err := Set("full")
	if err != nil {
		t.Fatal(err)
	}
	if len(full) < 230 {
		t.Errorf("the full set has %d scenarios, want at least 230", len(full))
	}
	seen, raced := map[string]int{}, 0
	for k := 1; k <= 8; k++ {
		part, err := Shard(full, fmt.Sprintf("%d/8", k))
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range part {
			seen[s.Name]++
			if Raced(s.Name) {
				raced++
			}
		}
	}
	for _, s := range full {
		if seen[s.Name] != 1 {
			t.Errorf("%s is in %d of 8 shards, want 1", s.Name, seen[s.Name])
		}
	}
	if share := raced * 100 / len(full); share < 40 || share > 60 {
		t.Errorf("%d %% of the agents have the race detector, want about half", share)
	}
	for _, text := range []string{"0/8", "9/8", "1", "1/8x", "a/b"} {
		if _, err := Shard(full, text); err == nil {
			t.Errorf("shard %q: got nil error", text)
		}
	}
}

func TestASetGoesOnWhereItWasInterrupted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "done")
	for _, name := range []string{"kill-owner", "pause.n3.idle"} {
		d, err := OpenDone(path)
		if err != nil {
			t.Fatal(err)
		}
		if d.Has(name) {
			t.Errorf("%s is done before it was run", name)
		}
		if err := d.Add(name); err != nil {
			t.Fatal(err)
		}
	}
	d, err := OpenDone(path)
	if err != nil {
		t.Fatal(err)
	}
	if !d.Has("kill-owner") || !d.Has("pause.n3.idle") || d.Has("kill") {
		t.Errorf("done: got kill-owner %t, pause.n3.idle %t, kill %t, want true, true, false", d.Has("kill-owner"), d.Has("pause.n3.idle"), d.Has("kill"))
	}
}

func TestASummaryJudgesTheWhole(t *testing.T) {
	var s Summary
	for i, ms := range []int64{1000, 1000, 1000, 5000, 7000} {
		s.Add(Verdict{Scenario: fmt.Sprintf("s%d", i), Kept: i > 0, FailoverMs: []int64{ms}, losses: 1})
	}
	var out strings.Builder
	missed, err := s.Print(&out)
	if err != nil || len(missed) != 1 || missed[0].Name != "failover-p99" {
		t.Errorf("got %v (%v), want one missed bar: failover-p99", missed, err)
	}
	if !strings.Contains(out.String(), `"runs":5,"kept":4,"broken":["s0"]`) || !strings.Contains(out.String(), `"failover_median_ms":1000`) {
		t.Errorf("got %s", out.String())
	}
}
