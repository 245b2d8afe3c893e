package sandbox

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func start(t *testing.T) (Config, context.Context) {
	t.Helper()
	cfg := Config{Dir: t.TempDir(), KafkaPort: freePort(t), S3Port: freePort(t), ControlPort: freePort(t), Buckets: []string{"demo"}}
	s, err := New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	if err := (Control{Addr: fmt.Sprintf("127.0.0.1:%d", cfg.ControlPort)}).Await(ctx); err != nil {
		t.Fatal(err)
	}
	return cfg, ctx
}

func consume(t *testing.T, ctx context.Context, cfg Config, n int) []string {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(fmt.Sprintf("127.0.0.1:%d", cfg.KafkaPort)), kgo.ConsumeTopics("orders"))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	var got []string
	for len(got) < n {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			t.Fatal(err)
		}
		fetches.EachError(func(topic string, p int32, err error) { t.Fatalf("%s/%d: %v", topic, p, err) })
		fetches.EachRecord(func(r *kgo.Record) { got = append(got, string(r.Value)) })
	}
	return got
}

func TestTamperChangesOneByteThatNoChecksumNotices(t *testing.T) {
	cfg, ctx := start(t)
	cl, err := kgo.NewClient(kgo.SeedBrokers(fmt.Sprintf("127.0.0.1:%d", cfg.KafkaPort)), kgo.DefaultProduceTopic("orders"),
		kgo.ProducerBatchCompression(kgo.NoCompression()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	if _, err := kadm.NewClient(cl).CreateTopic(ctx, 1, 1, nil, "orders"); err != nil {
		t.Fatal(err)
	}
	var want []string
	for i := range 5 {
		want = append(want, fmt.Sprintf("value-%d", i))
		r := &kgo.Record{Key: []byte{byte(i)}, Value: []byte(want[i])}
		if err := cl.ProduceSync(ctx, r).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	control := Control{Addr: fmt.Sprintf("127.0.0.1:%d", cfg.ControlPort)}
	out, err := control.Tamper(ctx, "orders", 0, 3)
	if err != nil {
		t.Fatal(err)
	}
	want[3] = "value-2"
	if out.Before != "value-3" || out.After != want[3] {
		t.Errorf("answer: got %+v", out)
	}
	if diff := cmp.Diff(consume(t, ctx, cfg, 5), want); diff != "" {
		t.Errorf("topic (-got +want):\n%s", diff)
	}
	if _, err := control.Tamper(ctx, "orders", 0, 99); err == nil {
		t.Error("offset 99: got no error")
	}
	if got := consume(t, ctx, cfg, 5); len(got) != 5 {
		t.Errorf("after a refused change: got %d records, want 5", len(got))
	}
}

func TestTheBucketIsThere(t *testing.T) {
	cfg, ctx := start(t)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d/demo", cfg.S3Port), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("bucket: got %s, want 200", resp.Status)
	}
	asked, err := Control{Addr: fmt.Sprintf("127.0.0.1:%d", cfg.ControlPort)}.Requests(ctx)
	if err != nil || asked.Get+asked.List != 1 || asked.Put != 0 || asked.BytesOut == 0 {
		t.Errorf("requests: got %+v, %v, want one that reads", asked, err)
	}
}

func TestConfigIsChecked(t *testing.T) {
	for _, bad := range []Config{{}, {Dir: "d"}, {Dir: "d", KafkaPort: 1, S3Port: 2, ControlPort: 70000}} {
		if err := bad.Validate(); err == nil {
			t.Errorf("%+v: got no error", bad)
		}
	}
}

func TestPaceBoundsWhatTheBrokerTakesIn(t *testing.T) {
	cfg, ctx := start(t)
	control := Control{Addr: fmt.Sprintf("127.0.0.1:%d", cfg.ControlPort)}
	if err := control.Pace(ctx, -1); err == nil {
		t.Error("negative pace: got no error")
	}
	for _, bytes := range []int64{1 << 20, 0} {
		if err := control.Pace(ctx, bytes); err != nil {
			t.Fatal(err)
		}
	}
	p := newPace()
	p.set(1000)
	if got := p.limiter.Limit(); got != 1000 {
		t.Errorf("limit: got %v, want 1000", got)
	}
	if p.set(0); p.limiter.AllowN(time.Now(), 1<<40) == false {
		t.Error("without a limit: a large read has to wait")
	}
}
