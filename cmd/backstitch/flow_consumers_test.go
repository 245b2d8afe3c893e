package main

import (
	"errors"
	"testing"

	"backstitch/cluster/conductor"
	"backstitch/cmd/backstitch/config"
	"backstitch/replay/klog"
	"backstitch/replay/replaytest"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// A wait holds on to the marks that it is given, also when another node looks, and refuses a topic that is another one by now.
func TestFlowConsumersAgainstABroker(t *testing.T) {
	k := replaytest.NewKafkaWith(t, kfake.SeedTopics(1, "orders"))
	write := func() {
		t.Helper()
		if err := k.Client().ProduceSync(t.Context(), &kgo.Record{Topic: "orders", Value: []byte("v")}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	write()
	write()
	agent := &flowConsumers{cfg: map[string]config.Connection{"main": {Kafka: &config.Kafka{Brokers: []string{"b:9092"}}}}, env: func(string) (string, bool) { return "", false }, more: k.Opts()}
	look := func(w conductor.Wait, marks []byte) ([]conductor.Standing, []byte, error) {
		t.Helper()
		watch, err := agent.Watch(t.Context(), w, marks)
		if err != nil {
			return nil, nil, err
		}
		defer watch.Close()
		got, err := watch.Look(t.Context())
		return got, watch.Marks(), err
	}
	w := conductor.Wait{Kafka: "main", Topic: "orders", Groups: []string{"billing"}, Until: conductor.UntilBegun}
	got, marks, err := look(w, nil)
	if err != nil || len(got) != 1 || got[0] != (conductor.Standing{Group: "billing", Behind: 2, Apart: 1, None: true}) {
		t.Fatalf("got %+v, %v, want a group that was never there", got, err)
	}
	offs := kadm.Offsets{}
	offs.AddOffset("orders", 0, 2, -1)
	if err := kadm.NewClient(k.Client()).CommitAllOffsets(t.Context(), "billing", offs); err != nil {
		t.Fatal(err)
	}
	write()
	if got, _, err = look(w, marks); err != nil || got[0].Behind != 0 {
		t.Errorf("up to where it began: got %+v, %v, want nothing left", got, err)
	}
	w.Until = conductor.UntilEnd
	if got, _, err = look(w, marks); err != nil || got[0].Behind != 1 {
		t.Errorf("up to its end: got %+v, %v, want one left", got, err)
	}
	for name, bad := range map[string]conductor.Wait{
		"a topic that is not there":      {Kafka: "main", Topic: "nowhere", Groups: w.Groups, Until: w.Until},
		"a connection that is not there": {Kafka: "other", Topic: "orders", Groups: w.Groups, Until: w.Until},
	} {
		if _, _, err := look(bad, nil); !errors.Is(err, conductor.ErrRefused) {
			t.Errorf("%s: got %v, want refused", name, err)
		}
	}
	if _, err := kadm.NewClient(k.Client()).DeleteTopics(t.Context(), "orders"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := look(w, marks); !errors.Is(err, conductor.ErrRefused) || !errors.Is(err, klog.ErrUnknownTopic) {
		t.Errorf("deleted: got %v, want refused", err)
	}
	if _, err := kadm.NewClient(k.Client()).CreateTopic(t.Context(), 1, 1, nil, "orders"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := look(w, marks); !errors.Is(err, conductor.ErrRefused) {
		t.Errorf("made anew: got %v, want refused", err)
	}
}
