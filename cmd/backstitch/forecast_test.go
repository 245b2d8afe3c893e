package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"backstitch/cluster/client"
	"backstitch/replay/record"
	"backstitch/replay/replaytest"
	"backstitch/replay/sentinel"
)

// broker is a Kafka in this process.
type broker struct {
	*replaytest.Kafka
	t *testing.T
}

func newBroker(t *testing.T, topics ...string) broker {
	t.Helper()
	return broker{replaytest.NewKafka(t, topics...), t}
}

func (b broker) addr() string { return b.ListenAddrs()[0] }

// run runs a command with --kafka, and holds it to a status.
func (b broker) run(want int, args ...string) (stdout, stderr string) {
	b.t.Helper()
	stdout, stderr, got := invoke(b.t, nil, append(args, "--kafka", b.addr())...)
	if got != want {
		b.t.Fatalf("%v: exit status: got %d, want %d\n%s%s", args, got, want, stdout, stderr)
	}
	return stdout, stderr
}

func (b broker) commit(group, topic string, offsets map[int32]int64) {
	b.t.Helper()
	offs := kadm.Offsets{}
	for p, o := range offsets {
		offs.AddOffset(topic, p, o, -1)
	}
	if err := kadm.NewClient(b.Client()).CommitAllOffsets(b.t.Context(), group, offs); err != nil {
		b.t.Fatal(err)
	}
}

func (b broker) set(topic, name, value string) {
	b.t.Helper()
	resp, err := kadm.NewClient(b.Client()).AlterTopicConfigs(b.t.Context(), []kadm.AlterConfig{{Name: name, Value: &value}}, topic)
	if err != nil || resp[0].Err != nil {
		b.t.Fatal(err, resp)
	}
}

// aged are records that are older by one minute each, the last one of now.
func aged(n int) []record.Record {
	out := make([]record.Record, n)
	for i := range out {
		out[i] = record.Record{Value: fmt.Append(nil, i), TimestampMs: time.Now().Add(-time.Duration(n-1-i) * time.Minute).UnixMilli()}
	}
	return out
}

func TestForecast(t *testing.T) {
	b := newBroker(t, "orders")
	b.set("orders", "retention.ms", fmt.Sprint(time.Hour.Milliseconds()))
	b.set("orders", "segment.ms", fmt.Sprint((10 * time.Minute).Milliseconds()))
	b.Produce("orders", 0, aged(50)...)
	b.commit("billing", "orders", map[int32]int64{0: 0})
	b.commit("audit", "orders", map[int32]int64{0: 50})

	stdout, _ := b.run(client.ExitWork, "forecast", "orders", "--every", "1ms", "--detailed-exitcode")
	for _, want := range []string{"at risk  billing  orders/p00", "m59s .. 2", "1 group partition not threatened", "1 at risk, 0 with records gone", "Nothing was written.", "Next: backstitch archive orders"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("forecast: want %q in\n%s", want, stdout)
		}
	}
	if stdout, _ := b.run(client.ExitIndeterminate, "forecast", "--group", "billing", "--samples", "1", "--detailed-exitcode"); !strings.Contains(stdout, "not enough samples") {
		t.Errorf("one sample:\n%s", stdout)
	}
	b.run(client.ExitOK, "forecast", "--group", "audit", "--every", "1ms", "--detailed-exitcode")

	// An earlier forecast is what a later one is compared with.
	stdout, _ = b.run(client.ExitOK, "forecast", "orders", "--samples", "1", "-o", "json")
	var rep sentinel.Report
	if err := json.Unmarshal([]byte(stdout), &rep); err != nil || len(rep.Outlooks) != 2 {
		t.Fatalf("json: got %+v, %v", rep, err)
	}
	monday := filepath.Join(t.TempDir(), "monday.json")
	if err := os.WriteFile(monday, []byte(stdout), 0o600); err != nil {
		t.Fatal(err)
	}
	b.set("orders", "retention.ms", fmt.Sprint((20 * time.Minute).Milliseconds()))
	stdout, _ = b.run(client.ExitWork, "forecast", "orders", "--samples", "1", "--baseline", monday, "--detailed-exitcode")
	if !strings.Contains(stdout, "retention.ms was 3600000 (1h), is 1200000 (20m)") || !strings.Contains(stdout, "go with the broker's next check") {
		t.Errorf("drift:\n%s", stdout)
	}
	if stdout, _ = b.run(client.ExitWork, "forecast", "orders", "--every", "1ms", "--expect", "retention.ms=3600000", "--detailed-exitcode"); !strings.Contains(stdout, "retention.ms was 3600000 (1h)") {
		t.Errorf("declared:\n%s", stdout)
	}
}

func TestForecastWatchesUntilItIsStopped(t *testing.T) {
	b := newBroker(t, "orders")
	b.Produce("orders", 0, aged(3)...)
	b.commit("billing", "orders", map[int32]int64{0: 1})
	stdout, _ := b.run(client.ExitTimeout, "forecast", "orders", "--every", "10ms", "--watch", "--timeout", "2s")
	if n := strings.Count(stdout, "Forecast   "); n < 2 {
		t.Errorf("got %d forecasts, want several:\n%s", n, stdout)
	}
}

func TestForecastRefuses(t *testing.T) {
	b := newBroker(t, "orders")
	rows := []struct {
		args []string
		want int
		says string
	}{
		{[]string{"forecast", "--group", "nobody"}, client.ExitNotFound, "BST-E4030"},
		{[]string{"forecast", "no-such-topic"}, client.ExitNotFound, "BST-E4012"},
		{[]string{"forecast", "--samples", "0"}, client.ExitUsage, "must be positive"},
		{[]string{"forecast", "--expect", "retention=7d"}, client.ExitUsage, "is not a setting of retention"},
		{[]string{"forecast", "--baseline", "/nowhere.json"}, client.ExitNotFound, "BST-E4011"},
	}
	for _, row := range rows {
		if _, stderr := b.run(row.want, row.args...); !strings.Contains(stderr, row.says) {
			t.Errorf("%v: got %s, want %q", row.args, stderr, row.says)
		}
	}
	if _, stderr, status := invoke(t, nil, "forecast"); status != client.ExitUsage || !strings.Contains(stderr, "--kafka is missing") {
		t.Errorf("without --kafka: got %d, %s", status, stderr)
	}
}
