package replica

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"backstitch/replay/klog"
	"backstitch/replay/synth"
)

func broker(t *testing.T) (context.Context, *kgo.Client) {
	t.Helper()
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.BrokerConfigs(map[string]string{"auto.create.topics.enable": "false"}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	cl, err := kgo.NewClient(append(ClientOptions(), kgo.SeedBrokers(c.ListenAddrs()...))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return ctx, cl
}

// real fills a topic of two partitions by hand.
func real(t *testing.T, ctx context.Context, cl *kgo.Client) {
	t.Helper()
	if _, err := kadm.NewClient(cl).CreateTopic(ctx, 2, 1, nil, "orders"); err != nil {
		t.Fatal(err)
	}
	var all []*kgo.Record
	for i := range 3000 {
		all = append(all, &kgo.Record{
			Topic: "orders", Partition: int32(i % 2), Timestamp: time.Date(2026, 11, 20, i/125, 0, 0, 0, time.UTC),
			Key: fmt.Appendf(nil, "customer-%d", i%40), Value: fmt.Appendf(nil, `{"order":%d}`, i),
			Headers: []kgo.RecordHeader{{Key: "trace", Value: fmt.Appendf(nil, "%d", i)}},
		})
	}
	if err := cl.ProduceSync(ctx, all...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

func TestAReplicaIsJudgedByWhatIsInIt(t *testing.T) {
	ctx, cl := broker(t)
	real(t, ctx, cl)
	p, err := Learn(ctx, cl, "orders", Range{}, synth.Options{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if p.Records != 3000 || p.Values.Format != synth.FormatJSON || p.Partitions[1].Records != 1500 || p.Partitions[0].Distinct != 20 {
		t.Errorf("profile: got %d records of %s, %+v", p.Records, p.Values.Format, p.Partitions)
	}
	if err := cl.ProduceSync(ctx, &kgo.Record{Topic: "orders", Timestamp: time.UnixMilli(1), Value: []byte("x")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if _, err := Learn(ctx, cl, "orders", Range{}, synth.Options{}, nil); !errors.Is(err, synth.ErrSpan) {
		t.Errorf("with a record of 1970: got %v, want ErrSpan", err)
	}
	half, err := Learn(ctx, cl, "orders", Range{
		FromMs: time.Date(2026, 11, 20, 6, 0, 0, 0, time.UTC).UnixMilli(), ToMs: time.Date(2026, 11, 20, 18, 0, 0, 0, time.UTC).UnixMilli(),
	}, synth.Options{}, nil)
	if err != nil || half.Records != 1500 || half.From.Hour() != 6 || half.To.Hour() != 18 {
		t.Errorf("half a day: got %+v, %v, want 1500 records", half, err)
	}
	g, err := synth.NewGenerator(p, 2000, 5)
	if err != nil {
		t.Fatal(err)
	}
	fates, err := synth.NewPlanter(g, synth.Loss{Windows: []synth.Window{{Partition: 1, From: 2 * time.Hour, To: 5 * time.Hour}}, Doubled: 0.01, Corrupt: 3})
	if err != nil {
		t.Fatal(err)
	}
	planted := fates.Planted()
	id, err := Make(ctx, cl, "copy", g, fates, nil)
	if err != nil {
		t.Fatal(err)
	}
	v, err := Judge(ctx, cl, "copy", g, fates, nil)
	want := Verdict{Records: 2000 - planted.Lost + planted.Doubled, Missing: planted.Missing()}
	if err != nil || v != want || planted.Lost == 0 || planted.Doubled == 0 {
		t.Errorf("before a repair: got %+v, %v, want %+v", v, err, want)
	}
	for _, part := range planted.Partitions { // by hand
		for _, r := range append(part.Lost, part.Corrupted...) {
			for i := r.From; i < r.To; i++ {
				rec := g.Record(part.Partition, i)
				out := &kgo.Record{Topic: "copy", Partition: part.Partition, Timestamp: time.UnixMilli(rec.TimestampMs), Key: rec.Key, Value: rec.Value}
				for _, h := range rec.Headers {
					out.Headers = append(out.Headers, kgo.RecordHeader{Key: h.Key, Value: h.Value})
				}
				if err := cl.ProduceSync(ctx, out).FirstErr(); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	if v, err = Judge(ctx, cl, "copy", g, fates, nil); err != nil || v.Missing != 0 || v.Extra != 0 {
		t.Errorf("after a repair: got %+v, %v, want nothing missing and nothing extra", v, err)
	}
	if err := cl.ProduceSync(ctx, &kgo.Record{Topic: "copy", Value: []byte("x")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if v, err = Judge(ctx, cl, "copy", g, fates, nil); err != nil || v.Extra != 1 {
		t.Errorf("with a foreign record: got %+v, %v, want one extra", v, err)
	}
	if err := Remove(ctx, cl, "copy", klog.TopicID{1}); !errors.Is(err, ErrExists) {
		t.Errorf("remove under another id: got %v", err)
	}
	if err := Remove(ctx, cl, "copy", id); err != nil {
		t.Error(err)
	}
	if again, err := Make(ctx, cl, "copy", g, nil, nil); err != nil || again == id {
		t.Errorf("made anew: got id %s, %v, want another than %s", again, err, id)
	}
	if v, err = Judge(ctx, cl, "copy", g, fates, nil); err != nil || v.Records != 2000 {
		t.Errorf("made anew: got %+v, %v, want 2000 records", v, err)
	}
}

func TestATopicThatExistsIsNotWrittenTo(t *testing.T) {
	ctx, cl := broker(t)
	real(t, ctx, cl)
	p, err := Learn(ctx, cl, "orders", Range{}, synth.Options{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	g, err := synth.NewGenerator(p, 100, 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Make(ctx, cl, "orders", g, nil, nil); !errors.Is(err, ErrExists) {
		t.Errorf("got %v, want ErrExists", err)
	}
	if again, err := Learn(ctx, cl, "orders", Range{}, synth.Options{}, nil); err != nil || again.Records != 3000 {
		t.Errorf("afterwards: got %+v, %v, want 3000 records", again, err)
	}
	if _, err := kadm.NewClient(cl).CreateTopic(ctx, 1, 1, nil, "empty"); err != nil {
		t.Fatal(err)
	}
	if _, err := Learn(ctx, cl, "empty", Range{}, synth.Options{}, nil); !errors.Is(err, synth.ErrNothing) {
		t.Errorf("an empty topic: got %v, want ErrNothing", err)
	}
	if _, err := Learn(ctx, cl, "none", Range{}, synth.Options{}, nil); !errors.Is(err, klog.ErrUnknownTopic) {
		t.Errorf("no topic: got %v, want ErrUnknownTopic", err)
	}
}
