package staging

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"backstitch/chaos/fault"
	"backstitch/chaos/scenario"
	"backstitch/cluster/inject"
)

func faults(texts ...string) []fault.Fault {
	var out []fault.Fault
	for _, text := range texts {
		out = append(out, fault.MustParse(text))
	}
	return out
}

func TestWhatNodesCanNotDoToThemselvesIsRefused(t *testing.T) {
	rows := []struct{ text, want string }{
		{"kill leader", ""},
		{"delay 50ms on leader", ""},
		{"for 1m partition minority", ""},
		{"delay 50ms±10ms on leader", "delays evenly"},
		{"delay 50ms loss 1% on leader", "can not lose packets"},
		{"loss 1% on leader", "can not"},
		{"partition broker", "not ours"},
		{"power loss on leader", "can not be done to a cluster that runs somewhere else"},
		{"for 10m pause leader", "at most"},
		{"disk slow 11s on leader", "by 10s at most"},
	}
	for _, row := range rows {
		err := can(fault.MustParse(row.text))
		if (err == nil) != (row.want == "") || (err != nil && (!errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), row.want))) {
			t.Errorf("%s: got %v, want %q", row.text, err, row.want)
		}
	}
}

// Every fault that passes has orders, and every order is one that a node takes: none is accepted and then left out.
func TestWhatPassesIsDone(t *testing.T) {
	all := []string{"node-a", "node-b", "node-c"}
	passed := 0
	for _, spec := range fault.Table {
		f := spec.Typical
		f.Kind, f.Target, f.Jitter, f.Percent = spec.Kind, "", 0, 0
		if can(f) != nil {
			continue
		}
		passed++
		list := orders(f, all[:1], all)
		if len(list) == 0 {
			t.Errorf("%s passes and nobody is told anything", f.Kind)
		}
		for _, o := range list {
			ttl, err := time.ParseDuration(o.fault.TTL)
			if err != nil {
				t.Fatal(err)
			}
			one := inject.Fault{Kind: inject.Kind(o.fault.Kind), Peers: o.fault.Peers, TTL: ttl}
			if o.fault.Delay != "" {
				one.Delay, _ = time.ParseDuration(o.fault.Delay)
			}
			if err := one.Validate(); err != nil {
				t.Errorf("%s: %v", f.Kind, err)
			}
		}
	}
	if passed < 9 {
		t.Errorf("only %d kinds pass", passed)
	}
}

func TestBothSidesOfAPartitionAreTold(t *testing.T) {
	all := []string{"node-a", "node-b", "node-c", "node-d", "node-e"}
	told := map[string][]string{}
	for _, o := range orders(fault.MustParse("partition minority"), all[:2], all) {
		if o.fault.Kind == string(inject.CutRPC) {
			told[o.node] = o.fault.Peers
		}
	}
	for _, from := range all {
		for _, to := range all {
			apart := slices.Contains(all[:2], from) != slices.Contains(all[:2], to)
			if slices.Contains(told[from], to) != apart {
				t.Errorf("%s cuts %s: got %t, want %t", from, to, !apart, apart)
			}
		}
	}
}

func TestNeverMoreThanTheClusterCanDoWithout(t *testing.T) {
	rows := []struct {
		nodes int
		want  int
		ok    bool
		plan  []fault.Fault
	}{
		{3, 1, true, faults("at 1s kill leader")},
		{3, 1, true, faults("at 1s for 5s pause leader", "at 6s for 5s pause leader")},
		{3, 2, false, faults("at 1s for 5s pause leader", "at 5s for 5s pause follower")},
		{5, 2, true, faults("at 1s for 5s pause leader", "at 5s for 5s pause follower")},
		{5, 2, true, faults("partition minority")},
		{5, 3, false, faults("partition majority")},
		{3, 3, false, faults("kill all")},
		{1, 1, false, faults("kill leader")},
		{3, 0, true, faults("at 1s step down", "at 1s step down", "at 1s step down")},
	}
	for _, row := range rows {
		if got := Blast(row.plan, row.nodes); got != row.want {
			t.Errorf("%v of %d: got %d, want %d", row.plan, row.nodes, got, row.want)
		}
		if err := allow(row.plan, row.nodes, time.Hour, false); (err == nil) != row.ok {
			t.Errorf("%v of %d: got %v, want allowed %t", row.plan, row.nodes, err, row.ok)
		}
		if err := allow(row.plan, row.nodes, time.Hour, true); err != nil {
			t.Errorf("%v of %d, meant: %v", row.plan, row.nodes, err)
		}
	}
	if err := allow(faults("for 20s pause leader"), 3, 10*time.Second, false); !errors.Is(err, ErrRefused) {
		t.Errorf("longer than the limit: got %v, want %v", err, ErrRefused)
	}
}

func TestTheLibraryHasStoriesForHere(t *testing.T) {
	n := 0
	for _, s := range scenario.Library() {
		if err := Can(s); err == nil {
			n++
		} else if s.Layers.Has(fault.Staging) {
			t.Logf("%s names staging: %v", s.Name, err)
		}
	}
	if n < 4 {
		t.Errorf("only %d stories can be told to a cluster that runs somewhere else", n)
	}
}
