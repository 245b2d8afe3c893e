package deadletter_test

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"backstitch/partition"
	"backstitch/replay/gap"
	"backstitch/replay/gap/deadletter"
	"backstitch/replay/record"
	"backstitch/replay/replaytest"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const dlq = "dlq-s3-sink"

var start = time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)

// letter is a dead letter as Kafka Connect writes it.
func letter(topic string, part int32, offset int64, class string) record.Record {
	r := record.Record{Key: []byte("k"), Value: []byte("broken"), TimestampMs: start.Add(time.Duration(offset) * time.Second).UnixMilli()}
	for _, h := range [][2]string{
		{"own", "header"}, {"__connect.errors.topic", topic}, {"__connect.errors.partition", fmt.Sprint(part)}, {"__connect.errors.offset", fmt.Sprint(offset)},
		{"__connect.errors.connector.name", "s3-sink"}, {"__connect.errors.task.id", "0"}, {"__connect.errors.stage", "VALUE_CONVERTER"},
		{"__connect.errors.class.name", "io.confluent.connect.avro.AvroConverter"}, {"__connect.errors.exception.class.name", class},
		{"__connect.errors.exception.message", "can not read it\nand more lines"}, {"__connect.errors.exception.stacktrace", "at ..."},
	} {
		r.Headers = append(r.Headers, record.Header{Key: h[0], Value: []byte(h[1])})
	}
	return r
}

func scan(t *testing.T, k *replaytest.Kafka, change ...func(*deadletter.Input)) (*deadletter.Report, error) {
	t.Helper()
	in := deadletter.Input{Client: k.Client(), Topic: dlq, NowMs: start.Add(time.Hour).UnixMilli(), MaxKinds: deadletter.DefaultMaxKinds}
	for _, f := range change {
		f(&in)
	}
	return deadletter.Scan(t.Context(), in)
}

func must(t *testing.T, k *replaytest.Kafka) *deadletter.Report {
	t.Helper()
	rep, err := scan(t, k)
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

const (
	serde = "org.apache.kafka.common.errors.SerializationException"
	data  = "org.apache.kafka.connect.errors.DataException"
)

// Scenario S10: errors.tolerance=all drops poison records without a word. The dead-letter topic has the list.
func TestS10PoisonRecordsWereDropped(t *testing.T) {
	k := replaytest.NewKafka(t, dlq, "orders", "clicks")
	lost := map[string]bool{}
	var letters [3][]record.Record
	drop := func(in int, topic string, part int32, class string, offsets ...int64) {
		for _, o := range offsets {
			lost[fmt.Sprint(topic, "/", part, "/", o, " ", class)] = true
			letters[in] = append(letters[in], letter(topic, part, o, class))
		}
	}
	drop(0, "orders", 0, serde, 3, 4, 5, 17)
	drop(1, "orders", 0, data, 18)
	drop(1, "orders", 2, serde, 1)
	drop(2, "clicks", 1, data, 900)
	letters[2] = append(letters[2], letter("orders", 0, 4, serde), letter("orders", 0, 4, serde)) // the task was restarted
	for p, l := range letters {
		k.Produce(dlq, int32(p), l...)
	}
	k.Produce("orders", 0, make([]record.Record, 20)...)
	k.Produce("orders", 2, make([]record.Record, 20)...)

	rep := must(t, k)
	got := map[string]bool{}
	for _, f := range rep.Findings {
		ranges := f.Ranges
		if len(ranges) == 0 {
			ranges = partition.Ranges{f.Range}
		}
		for _, r := range ranges {
			for o := r.From; o < r.To; o++ {
				got[fmt.Sprint(f.Topic, "/", f.Partition, "/", o, " ", f.Cause)] = true
			}
		}
		if f.Kind != gap.Missing || f.About != "connector s3-sink" || f.Evidence != "E1" || !f.Recoverable || !strings.Contains(f.Reason, "at VALUE_CONVERTER; can not read it") || strings.Contains(f.Reason, "more lines") {
			t.Errorf("got %+v", f)
		}
	}
	if !maps.Equal(got, lost) {
		t.Errorf("lost (-got +want):\n%s", cmp.Diff(got, lost))
	}
	if rep.Letters != 9 || rep.Again != 2 || rep.Lost != 7 || rep.Unknown() != 0 {
		t.Errorf("got %d letters, %d again, %d lost, %d unknown, want 9, 2, 7, 0", rep.Letters, rep.Again, rep.Lost, rep.Unknown())
	}
	held := map[string]string{}
	for _, f := range rep.Findings {
		held[fmt.Sprint(gap.Name(f.Topic, f.Partition), " ", f.Cause == serde)] = f.HeldBy
		if want := f.FirstMs + (7 * 24 * time.Hour).Milliseconds(); f.UntilMs != want { // the default of a topic
			t.Errorf("got %+v, want the letters kept until %d", f, want)
		}
	}
	want := map[string]string{
		"orders/p00 true": "topic " + dlq + ", topic orders", "orders/p00 false": "topic " + dlq + ", topic orders", "orders/p02 true": "topic " + dlq + ", topic orders",
		"clicks/p01 false": "topic " + dlq, // the origin ends before
	}
	if diff := cmp.Diff(held, want); diff != "" {
		t.Errorf("held by (-got +want):\n%s", diff)
	}
	var b strings.Builder
	if err := rep.WriteText(&b); err != nil || !strings.Contains(b.String(), "offsets [3,18) at 2 places   connector s3-sink") || !strings.Contains(b.String(), "7 records were dropped, 2 letters more of the same.") {
		t.Errorf("text, %v:\n%s", err, b.String())
	}
	again := must(t, k)
	if again.Set != rep.Set {
		t.Errorf("the same letters gave %s and %s", rep.Set, again.Set)
	}
}

func TestTwoConnectorsThatDropTheSameLoseItOnce(t *testing.T) {
	k := replaytest.NewKafka(t, dlq)
	other := letter("orders", 0, 3, serde)
	for i, h := range other.Headers {
		if h.Key == "__connect.errors.connector.name" {
			other.Headers[i].Value = []byte("jdbc-sink")
		}
	}
	k.Produce(dlq, 0, letter("orders", 0, 3, serde), other)
	rep := must(t, k)
	if len(rep.Findings) != 2 || rep.Lost != 1 || rep.Again != 0 {
		t.Errorf("got %d findings, %d lost, %d again, want 2, 1, 0", len(rep.Findings), rep.Lost, rep.Again)
	}
	if !strings.Contains(strings.Join(rep.NotChecked, "\n"), "whether topic orders still has them") {
		t.Errorf("an origin that is gone: not checked %q", rep.NotChecked)
	}
}

func TestLettersThatDoNotSayWhereTheyAreFromAreCounted(t *testing.T) {
	k := replaytest.NewKafka(t, dlq)
	change := func(name, value string) record.Record {
		r := letter("orders", 0, 3, serde)
		for i, h := range r.Headers {
			if h.Key == name {
				r.Headers[i].Value = []byte(value)
			}
		}
		return r
	}
	k.Produce(dlq, 1,
		record.Record{Value: []byte("without headers")},
		change("__connect.errors.topic", ""),
		change("__connect.errors.partition", "-1"), change("__connect.errors.partition", "4294967296"),
		change("__connect.errors.offset", "three"),
	)
	rep := must(t, k)
	f := rep.Findings[0]
	if len(rep.Findings) != 1 || f.Kind != gap.NotComparable || f.Count != 5 || f.Partition != 1 || f.Range != (partition.Range{From: 0, To: 1}) || rep.Lost != 0 || rep.Unknown() != 1 {
		t.Errorf("got %+v", rep)
	}
}

func TestAnEmptyTopicHasNothingToSay(t *testing.T) {
	rep := must(t, replaytest.NewKafka(t, dlq))
	if len(rep.Findings) != 0 || len(rep.NotChecked) != 0 || rep.Letters != 0 {
		t.Errorf("got %+v", rep)
	}
}

func TestTooManyKindsAreRefused(t *testing.T) {
	k := replaytest.NewKafka(t, dlq)
	for i := range 5 {
		k.Produce(dlq, 0, letter("orders", int32(i), 3, serde))
	}
	if _, err := scan(t, k, func(in *deadletter.Input) { in.MaxKinds = 4 }); !errors.Is(err, deadletter.ErrTooMany) {
		t.Errorf("got %v, want %v", err, deadletter.ErrTooMany)
	}
}
