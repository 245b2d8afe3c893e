package recovery

import (
	"strings"
	"testing"
	"time"

	"backstitch/replay/feedback"
	"backstitch/replay/spec"

	"github.com/google/go-cmp/cmp"
)

func TestWhatARecipeSaysOfFeedback(t *testing.T) {
	for name, c := range map[string]struct {
		spec    *spec.Throttle
		rules   feedback.Rules
		version int
		floor   int64
	}{
		"nothing": {nil, feedback.Rules{}, RecipeVersion, feedback.DefaultFloor},
		// A program that does not know feedback has none, which is what is asked for.
		"off":     {&spec.Throttle{Feedback: "off"}, feedback.Rules{Off: true}, RecipeVersion, 0},
		"on":      {&spec.Throttle{Feedback: "on", Floor: "256KiB/s"}, feedback.Rules{}, RecipeVersion, feedback.DefaultFloor},
		"more":    {&spec.Throttle{Feedback: "on", Floor: "1MiB/s"}, feedback.Rules{FloorBytes: 1 << 20}, SpareVersion, 1 << 20},
		"brokers": {&spec.Throttle{Feedback: "on", Spare: &spec.Spare{Brokers: true}}, feedback.Rules{}, BrokersVersion, feedback.DefaultFloor},
		"lags":    {&spec.Throttle{Floor: "1MiB/s", Spare: &spec.Spare{Groups: []string{"g"}, MaxLagIncrease: "1 record", ProduceLatency: "2s"}}, feedback.Rules{MaxLagIncrease: 1, ProduceLatency: 2 * time.Second, FloorBytes: 1 << 20}, SpareVersion, 1 << 20},
	} {
		f, err := newFeedback(c.spec)
		if err != nil {
			t.Fatal(err)
		}
		r := Recipe{Feedback: f}
		if diff := cmp.Diff(f.Rules(), c.rules); diff != "" || r.Needs() != c.version || f.floor() != c.floor {
			t.Errorf("%s: version %d, floor %d, rules (-got +want):\n%s", name, r.Needs(), f.floor(), diff)
		}
	}
}

func TestMuchForBrokersThatNobodySparesIsSaid(t *testing.T) {
	for name, c := range map[string]struct {
		f     *Feedback
		kind  string
		bytes int64
		want  bool
	}{
		"much": {nil, "kafka", 2 << 30, true}, "little": {nil, "kafka", 1<<30 - 1, false}, "files": {nil, "dir", 2 << 30, false},
		"off": {&Feedback{Off: true}, "kafka", 2 << 30, false}, "a floor": {&Feedback{FloorBytes: 1 << 20}, "kafka", 2 << 30, true},
		"brokers": {&Feedback{Brokers: true}, "kafka", 2 << 30, false}, "latency": {&Feedback{LatencyMs: 10}, "kafka", 2 << 30, false},
		"groups": {&Feedback{Groups: []string{"billing"}}, "kafka", 2 << 30, false}, "replicas": {&Feedback{Replicas: true}, "kafka", 2 << 30, true},
	} {
		p := &Plan{Target: State{Kind: c.kind}, Totals: Totals{Bytes: c.bytes}, Recipe: Recipe{Feedback: c.f}}
		(&preflight{p: p}).spared()
		if said := len(p.Notes) == 1 && p.Notes[0].Code == NoteNobodySpared; said != c.want {
			t.Errorf("%s: notes %+v", name, p.Notes)
		}
	}
}

func TestAnEstimateIncludesLimits(t *testing.T) {
	p := &Plan{Spec: (&spec.Recovery{}).WithDefaults(), Totals: Totals{Records: 100_000, Bytes: 100 << 20, LowSeconds: 2, HighSeconds: 15}}
	p.Slices = []Slice{{Kind: "fill", Bytes: 100 << 20, Records: 100_000}, {Kind: "verify", Bytes: 500 << 20, Records: 500_000}}
	for _, c := range []struct {
		limits []Limit
		want   string
	}{
		{nil, "Estimate     2-15 s; "},
		{[]Limit{{"cluster", 1 << 30, 0}}, "Estimate     2-15 s; "}, // it does not bind
		{[]Limit{{"cluster", 100 << 20, 0}}, "Estimate     6-15 s under the limit of 100.0 MiB/s of cluster; "},
		{[]Limit{{"cluster", 100 << 20, 0}, {"namespace/shop", 0, 10_000}}, "Estimate     60-61 s under the limit of 10,000 records/s of namespace/shop; "},
	} {
		var b strings.Builder
		p.writeSums(&b, RenderOptions{Limits: c.limits})
		if !strings.Contains(b.String(), c.want) || !strings.Contains(b.String(), "at its floor of 256.0 KiB/s one node takes 40 min\n") {
			t.Errorf("want %q:\n%s", c.want, b.String())
		}
	}
}
