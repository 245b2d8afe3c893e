package observe_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"backstitch/partition"
	"backstitch/replay/gap"
	"backstitch/replay/kgroup"
	"backstitch/replay/record"
	"backstitch/replay/replaytest"
	"backstitch/replay/sentinel"
	"backstitch/replay/sentinel/observe"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// now is what tests take for the present; brokers have their own.
var now = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func observer(k *replaytest.Kafka, at time.Time) *observe.Observer {
	return &observe.Observer{Client: k.Client(), Now: func() time.Time { return at }}
}

func sample(t *testing.T, o *observe.Observer) sentinel.Sample {
	t.Helper()
	s, err := o.Sample(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// hourly writes records into one partition, one per hour up to now, in order.
func hourly(k *replaytest.Kafka, topic string, part int32, hours int) {
	records := make([]record.Record, hours)
	for i := range records {
		records[i] = record.Record{Value: fmt.Append(nil, i), TimestampMs: now.Add(time.Duration(i-hours+1) * time.Hour).UnixMilli()}
	}
	k.Produce(topic, part, records...)
}

func commit(t *testing.T, k *replaytest.Kafka, group, topic string, offsets map[int32]int64) {
	t.Helper()
	offs := kadm.Offsets{}
	for p, o := range offsets {
		offs.AddOffset(topic, p, o, -1)
	}
	if err := kadm.NewClient(k.Client()).CommitAllOffsets(t.Context(), group, offs); err != nil {
		t.Fatal(err)
	}
}

func set(t *testing.T, k *replaytest.Kafka, topic, name, value string) {
	t.Helper()
	resp, err := kadm.NewClient(k.Client()).AlterTopicConfigs(t.Context(), []kadm.AlterConfig{{Name: name, Value: &value}}, topic)
	if err != nil || resp[0].Err != nil {
		t.Fatal(err, resp)
	}
}

func TestASampleSaysWhatTheClusterHas(t *testing.T) {
	k := replaytest.NewKafka(t, "orders", "clicks")
	hourly(k, "orders", 0, 10)
	hourly(k, "orders", 1, 4)
	set(t, k, "orders", "retention.ms", fmt.Sprint(5*time.Hour.Milliseconds()))
	set(t, k, "orders", "retention.bytes", "1000000")
	commit(t, k, "billing", "orders", map[int32]int64{0: 7, 1: 4})
	commit(t, k, "other", "clicks", map[int32]int64{0: 0})
	o := observer(k, now)
	o.Topic = "orders"
	s := sample(t, o)
	if s.AtMs != now.UnixMilli() || len(s.Groups) != 1 || len(s.Topics) != 1 || len(s.NotChecked) != 0 {
		t.Fatalf("got %+v", s)
	}
	topic := s.Topics["orders"]
	if r := topic.Retention; !r.Known || r.Ms != 5*time.Hour.Milliseconds() || r.Bytes != 1_000_000 || !cmp.Equal(r.Overridden, []string{"retention.bytes", "retention.ms"}) {
		t.Errorf("retention: got %+v", r)
	}
	p := topic.Partitions[0]
	if p.LogStart != 0 || p.End != 10 || p.ExpiredTo != 4 || p.OldestMs != now.Add(-9*time.Hour).UnixMilli() || p.Bytes <= 0 {
		t.Errorf("partition 0: got %+v", p)
	}
	if p := topic.Partitions[2]; p.OldestMs != sentinel.NoTime || p.End != 0 {
		t.Errorf("an empty partition: got %+v", p)
	}
	c := s.Groups["billing"].Commits
	want := now.Add(-2 * time.Hour).UnixMilli()
	if len(c) != 2 || c[0].Offset != 7 || c[0].UnreadMs > want || c[0].UnreadMs < want-1000 || c[1].UnreadMs != sentinel.NoTime {
		t.Errorf("commits: got %+v, want the first unread record to be of %d", c, want)
	}
}

// Scenario S2: a deploy sets retention to an hour. Nothing is lost yet, and what goes is named to the record.
func TestS2RetentionChangedByADeploy(t *testing.T) {
	const hours = 72
	k := replaytest.NewKafka(t, "orders")
	set(t, k, "orders", "retention.ms", fmt.Sprint(7*24*time.Hour.Milliseconds()))
	for p := range int32(2) {
		hourly(k, "orders", p, hours)
	}
	commit(t, k, "billing", "orders", map[int32]int64{0: 70, 1: 72})
	before := sample(t, observer(k, now.Add(-10*time.Second)))
	set(t, k, "orders", "retention.ms", fmt.Sprint(time.Hour.Milliseconds()))
	after := sample(t, observer(k, now))
	rep, err := sentinel.Forecast([]sentinel.Sample{before, after}, sentinel.DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	rep.AddDrift(sentinel.Compare(before.Topics, after.Topics))

	endangered := map[int32]map[int64]bool{}
	for _, f := range rep.Findings {
		if f.About != "" {
			continue
		}
		if f.Kind != gap.AtRisk || f.Cause != "retention.ms went from 604800000 (7d) to 3600000 (1h)" {
			t.Errorf("got %+v", f)
		}
		endangered[f.Partition] = map[int64]bool{}
		for o := f.Range.From; o < f.Range.To; o++ {
			endangered[f.Partition][o] = true
		}
	}
	for p := range int32(2) {
		found, wrong := 0, 0
		for o := range int64(hours) {
			old := o < hours-2 // the last two are an hour old and new
			switch {
			case old && endangered[p][o]:
				found++
			case !old && endangered[p][o]:
				wrong++
			}
		}
		if found != hours-2 || wrong != 0 {
			t.Errorf("partition %d: %d of %d endangered records found, %d wrong", p, found, hours-2, wrong)
		}
	}
	// The group that stands at an hour old record is at risk, the other has read everything.
	states := map[int32]sentinel.State{}
	for _, o := range rep.Outlooks {
		states[o.Partition] = o.State
	}
	if diff := cmp.Diff(states, map[int32]sentinel.State{0: sentinel.AtRisk, 1: sentinel.Current}); diff != "" {
		t.Errorf("states (-got +want):\n%s", diff)
	}
	risk := rep.Findings[0]
	if risk.Range != (partition.Range{From: 70, To: 72}) || risk.UntilMs > now.UnixMilli() {
		t.Errorf("group: got %+v, want offsets 70 and 71, until now", risk)
	}
}

func TestNobodyReadsWhatMayNotBeSeen(t *testing.T) {
	k := replaytest.NewKafkaWith(t, kfake.SeedTopics(1, "orders"))
	hourly(k, "orders", 0, 3)
	commit(t, k, "billing", "orders", map[int32]int64{0: 1})
	k.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.DescribeConfigs}, Err: kerr.TopicAuthorizationFailed, Count: -1})
	s := sample(t, observer(k, now))
	if s.Topics["orders"].Retention.Known || len(s.NotChecked) != 1 || !strings.Contains(s.NotChecked[0], "DescribeConfigs") {
		t.Errorf("got %+v", s)
	}
	rep, err := sentinel.Forecast([]sentinel.Sample{s}, sentinel.DefaultConfig())
	if err != nil || rep.Outlooks[0].State != sentinel.Unknown || len(rep.Findings) != 0 {
		t.Errorf("got %+v, %v", rep, err)
	}
}

func TestAGroupThatIsNotThere(t *testing.T) {
	k := replaytest.NewKafka(t, "orders")
	o := observer(k, now)
	o.Group = "nobody"
	if _, err := o.Sample(t.Context()); !errors.Is(err, kgroup.ErrNoGroup) {
		t.Errorf("got %v, want %v", err, kgroup.ErrNoGroup)
	}
}
