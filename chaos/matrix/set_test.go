//go:build linux

package matrix

import (
	"testing"

	"backstitch/chaos/fault"
	"backstitch/chaos/netns"

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
		if err := Missing(s, []Injector{Processes{}, Network{}, Servers{}}); err != nil {
			t.Errorf("%s: %v", s.Name, err)
		}
	}
}

func TestARuleIsWhatItsFaultSays(t *testing.T) {
	all := []string{"node-a", "node-b", "node-c"}
	rows := []struct {
		text    string
		targets []string
		match   netns.Match
		effect  netns.Effect
	}{
		{"partition leader", all[:1], netns.Match{From: all[:1], To: all[1:], Both: true}, netns.Effect{Lose: 1}},
		{"one-way in on leader", all[:1], netns.Match{From: all[1:], To: all[:1]}, netns.Effect{Lose: 1}},
		{"bridge over node-b", all[1:2], netns.Match{From: all[:1], To: all[2:], Both: true}, netns.Effect{Lose: 1}},
		{"cut raft on leader", all[:1], netns.Match{From: all[:1], To: all[1:], Both: true, Proto: netns.TCP, Port: 7421}, netns.Effect{Lose: 1}},
		{"cut gossip on leader", all[:1], netns.Match{From: all[:1], To: all[1:], Both: true, Port: 7422}, netns.Effect{Lose: 1}},
		{"cut store on leader", all[:1], netns.Match{From: all[:1], To: []string{"store"}, Both: true}, netns.Effect{Lose: 1}},
		{"partition broker", nil, netns.Match{From: []string{"broker"}, To: all, Both: true}, netns.Effect{Lose: 1}},
		{"bandwidth 1MiB/s on leader", all[:1], netns.Match{From: all[:1], To: []string{"node-a", "node-b", "node-c", "broker", "store"}}, netns.Effect{Rate: 1 << 20}},
	}
	for _, row := range rows {
		m, e, err := rule(fault.MustParse(row.text), row.targets, all)
		if err != nil {
			t.Errorf("%s: %v", row.text, err)
		}
		if diff := cmp.Diff(row.match, m) + cmp.Diff(row.effect, e); diff != "" {
			t.Errorf("%s (-want +got):\n%s", row.text, diff)
		}
	}
	if _, _, err := rule(fault.Fault{Kind: fault.Partition}, all, all); err == nil {
		t.Error("a partition of all from nobody: got nil error")
	}
}
