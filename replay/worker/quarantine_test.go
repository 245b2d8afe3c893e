package worker_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/replay/open"
	"backstitch/replay/record"
	"backstitch/replay/recovery"
	"backstitch/replay/replaytest"
	kafkasink "backstitch/replay/sink/kafka"
	"backstitch/replay/throttle"
	"backstitch/replay/verify"
	"backstitch/replay/worker"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// kafkaEnds opens a reference in memory and a real topic.
type kafkaEnds struct {
	kafka  *replaytest.Kafka
	memory *replaytest.Memory
}

func (k *kafkaEnds) Open(context.Context, partition.JobID, []byte, *throttle.Meter) (*open.Ends, error) {
	cfg := kafkasink.DefaultConfig()
	cfg.Client, cfg.Cluster, cfg.Topic, cfg.SourceTopic, cfg.OriginHeaders = k.kafka.Opts(), "test", "orders", "orders", true
	s, err := kafkasink.New(cfg)
	if err != nil {
		return nil, err
	}
	r := recovery.Recipe{Version: 1, Target: recovery.Target{Topic: "orders"}, Write: recovery.Write{OriginHeaders: true, MaxQuarantine: 5}}
	return &open.Ends{Recipe: r, Source: k.memory, Sink: s, Targets: s}, nil
}

// A record that the target will not take is set aside by the fill slice, and the proof expects it to be absent and passes. What is
// absent without having been set aside still fails it.
func TestProofOfAJobWithQuarantine(t *testing.T) {
	rs := replaytest.Records(replaytest.Seed(t), 0, 40)
	rs[17].Value = make([]byte, 3<<20)
	rs[18].TimestampMs = -62135596800000
	memory := &replaytest.Memory{Records: map[int32][]record.Record{0: rs}}
	kafka := replaytest.NewKafka(t, "orders")
	kafka.Produce("orders", 0, rs[:10]...)
	left := rs[10:]
	fill := replaytest.FillSlice(job, 0, 0, left)
	fill.TargetTo = 10
	check := partition.Slice{
		ID: partition.SliceID{Job: job, N: 1}, Kind: partition.SliceVerify, Ranges: partition.Ranges{{From: 0, To: 40}},
		Filled: fill.Ranges, TargetTo: 10,
	}

	control := replaytest.NewControl()
	w, err := worker.New(config("n1"), worker.Deps{
		Control: control.Node("n1"), Opener: &kafkaEnds{kafka, memory}, Verifier: verify.New(verify.DefaultConfig()), Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	for _, s := range []partition.Slice{fill, check} {
		control.Grant("n1", s, nil)
		if err := control.Wait(ctx, isDone(s.ID)); err != nil {
			t.Fatal(err, control.Slot(s.ID).Failures)
		}
	}
	cancel()
	<-done

	var set []string
	for _, q := range control.Slot(fill.ID).Finished.Quarantine {
		set = append(set, q.Code)
	}
	if diff := cmp.Diff(set, []string{"BST-Q201", "BST-Q202"}); diff != "" {
		t.Errorf("set aside (-got +want):\n%s", diff)
	}
	c := control.Slot(check.ID).Finished.Comparison
	if c.Verdict != fsm.Pass || c.Evidence != fsm.E3 || c.Quarantined != 2 || c.Expected.Records != 38 || c.Actual != c.Expected {
		t.Errorf("got %+v, want a pass at E3 of 38 records with 2 set aside", c)
	}
	if verdict, _ := fsm.Judge([]fsm.Comparison{*c}, fsm.Writers{}); verdict != fsm.Pass {
		t.Errorf("judged %s, want pass", verdict)
	}
	want := append(append([]record.Record(nil), rs[:17]...), rs[19:]...)
	if diff := cmp.Diff(replaytest.Bare(kafka.Committed("orders", 0)), replaytest.Bare(want), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("visible records (-got +want):\n%s", diff)
	}

	ends, err := (&kafkaEnds{kafka, memory}).Open(t.Context(), job, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ends.Close()
	again, _, err := verify.New(verify.DefaultConfig()).Verify(t.Context(), check, nil, ends)
	if err != nil || again.Verdict != fsm.Fail || again.Missing != 2 {
		t.Errorf("without the list: got %+v, %v, want a fail with 2 missing", again, err)
	}
}

// The limit is of the job: the slice that makes it one too many fails for good, although each is within it alone.
func TestTheLimitOfAQuarantineIsOfTheJob(t *testing.T) {
	const most = 5 // of kafkaEnds
	memory := &replaytest.Memory{Records: map[int32][]record.Record{}}
	kafka := replaytest.NewKafka(t, "orders")
	control := replaytest.NewControl()
	w, err := worker.New(config("n1"), worker.Deps{
		Control: control.Node("n1"), Opener: &kafkaEnds{kafka, memory}, Verifier: verify.New(verify.DefaultConfig()), Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	var slices []partition.Slice
	for part := range int32(2) {
		rs := replaytest.Records(replaytest.Seed(t), 0, 20)
		for i := range 3 {
			rs[5*i].TimestampMs = -62135596800000
		}
		memory.Records[part] = rs
		slices = append(slices, replaytest.FillSlice(job, uint32(part), part, rs))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	control.Grant("n1", slices[0], nil)
	if err := control.Wait(ctx, isDone(slices[0].ID)); err != nil {
		t.Fatal(err)
	}
	control.Grant("n1", slices[1], nil)
	failed := func(at func(partition.SliceID) replaytest.Slot) bool {
		return len(at(slices[1].ID).Failures) > 0 || at(slices[1].ID).Done
	}
	if err := control.Wait(ctx, failed); err != nil {
		t.Fatal(err)
	}
	cancel()
	<-done
	slot := control.Slot(slices[1].ID)
	if slot.Done || len(slot.Failures) != 1 || slot.Failures[0].Retry || !strings.HasPrefix(slot.Failures[0].Err, "BST-E5105: 6 of at most 5") {
		t.Errorf("got done %t, failures %v, want BST-E5105 at %d", slot.Done, slot.Failures, most)
	}
}
