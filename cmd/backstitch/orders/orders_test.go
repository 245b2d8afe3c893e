package orders

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

var small = Set{Records: 6000, Day: time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)}

func broker(t *testing.T) []string {
	t.Helper()
	c, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c.ListenAddrs()
}

func deadline(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func judge(t *testing.T, ctx context.Context, brokers []string, l Loss, survivors map[int32]int64) Verdict {
	t.Helper()
	v, err := Judge(ctx, brokers, small, l, survivors)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// refill writes lost records back by hand; change may spoil one, the order is that of numbers.
func refill(t *testing.T, ctx context.Context, brokers []string, numbers []int64, change func(*kgo.Record)) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.DefaultProduceTopic(Topic), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	for _, n := range numbers {
		r := &kgo.Record{Partition: int32(n % Partitions), Timestamp: small.Time(n), Key: small.Key(n), Value: small.Value(n)}
		change(r)
		if err := cl.ProduceSync(ctx, r).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
}

func lost(l Loss) []int64 {
	var out []int64
	for n := range small.Records {
		if l.Lost(small, n) {
			out = append(out, n)
		}
	}
	return out
}

func TestACompleteTopicHasNothingWrong(t *testing.T) {
	ctx, brokers := deadline(t), broker(t)
	if err := Fill(ctx, brokers, small); err != nil {
		t.Fatal(err)
	}
	survivors, err := Survivors(ctx, brokers)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(judge(t, ctx, brokers, Loss{}, survivors), Verdict{}); diff != "" {
		t.Errorf("verdict (-got +want):\n%s", diff)
	}
}

func TestTheJudgeSeesWhatIsWrong(t *testing.T) {
	ctx, brokers, l := deadline(t), broker(t), DefaultLoss(small)
	if err := Fill(ctx, brokers, small); err != nil {
		t.Fatal(err)
	}
	if err := Break(ctx, brokers, small, l); err != nil {
		t.Fatal(err)
	}
	survivors, err := Survivors(ctx, brokers)
	if err != nil {
		t.Fatal(err)
	}
	v := judge(t, ctx, brokers, l, survivors)
	if v.Missing != l.Total(small) || v.Missing == 0 || v.Duplicates != 0 {
		t.Fatalf("broken topic: got %+v, want %d missing", v, l.Total(small))
	}
	gone := lost(l)
	refill(t, ctx, brokers, gone, func(*kgo.Record) {})
	v = judge(t, ctx, brokers, l, survivors)
	v.LastRefilled = Place{}
	if diff := cmp.Diff(v, Verdict{}); diff != "" {
		t.Errorf("repaired topic (-got +want):\n%s", diff)
	}
	refill(t, ctx, brokers, gone[:1], func(r *kgo.Record) { r.Value[0] = '?' })
	v = judge(t, ctx, brokers, l, survivors)
	if v.Duplicates != 1 || v.OrderViolations != 1 || v.Changed != 1 {
		t.Errorf("one record again, late and changed: got %+v", v)
	}
}

func TestFoundTellsLossFromFalseAlarm(t *testing.T) {
	l := Loss{Holes: []Hole{{Partitions: []int32{1}, From: 0, To: time.Hour}}}
	lostHere := int64(0)
	for o := range small.Count(1) {
		if l.Lost(small, small.Number(1, o)) {
			lostHere++
		}
	}
	found, wrong := l.Found(small, 1, 0, lostHere+3)
	if found != lostHere || wrong != 3 {
		t.Errorf("got %d found and %d wrong, want %d and 3", found, wrong, lostHere)
	}
}

func TestCountsAddUp(t *testing.T) {
	for _, records := range []int64{1, 11, 12, 13, 6000} {
		var sum int64
		for p := range int32(Partitions) {
			sum += Set{Records: records}.Count(p)
		}
		if sum != records {
			t.Errorf("%d records: partitions hold %d", records, sum)
		}
	}
}
