package check_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"backstitch/chaos/check"
	"backstitch/chaos/fakes"
	"backstitch/chaos/traffic"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestReadSeesWhatIsCommitted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, err := fakes.NewKafka(fakes.KafkaConfig{Topics: map[string]int32{"orders": 2}})
		if err != nil {
			t.Fatal(err)
		}
		defer k.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		cl, err := kgo.NewClient(append(k.Opts("app"), kgo.TransactionalID("app"), kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
		if err != nil {
			t.Fatal(err)
		}
		defer cl.Close()
		write := func(end kgo.TransactionEndTry, values ...string) {
			t.Helper()
			if err := cl.BeginTransaction(); err != nil {
				t.Fatal(err)
			}
			for i, v := range values {
				r := &kgo.Record{Topic: "orders", Timestamp: time.UnixMilli(int64(i)), Value: []byte(v), Headers: []kgo.RecordHeader{
					{Key: "h"}, {Key: "backstitch.origin", Value: []byte("old/0/" + v)}, {Key: "backstitch.job", Value: []byte("bs-1")}}}
				if err := cl.ProduceSync(ctx, r).FirstErr(); err != nil {
					t.Fatal(err)
				}
			}
			if err := cl.EndTransaction(ctx, end); err != nil {
				t.Fatal(err)
			}
		}
		write(kgo.TryCommit, "10", "11")
		write(kgo.TryAbort, "12", "13")
		write(kgo.TryCommit, "14")
		log, err := check.Read(ctx, "orders", k.Opts("judge")...)
		if err != nil {
			t.Fatal(err)
		}
		var got []int64
		for _, r := range log[0].Records {
			got = append(got, r.Origin)
			want := traffic.Event{TimestampMs: r.TimestampMs, Value: r.Value, Headers: []traffic.Header{{Key: "h"}}}
			if !r.Refilled || r.Job != "bs-1" || r.ID() != want.ID() || r.ProducerID < 0 {
				t.Errorf("got %+v, want %+v of bs-1", r, want)
			}
		}
		if len(got) != 3 || got[0] != 10 || got[1] != 11 || got[2] != 14 || log.Refilled() != 3 || len(log) != 2 {
			t.Errorf("got origins %v, %d partitions, want 10, 11, 14 and 2", got, len(log))
		}
		made := check.Made{Truth: log.Truth()}
		if found, err := check.Topic(made, log); err != nil || len(found) != 0 {
			t.Errorf("the log as its own truth: %v, %v", found, err)
		}

		// A transaction that stays open hides what comes after it: nobody can judge that.
		if err := cl.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		if err := cl.ProduceSync(ctx, &kgo.Record{Topic: "orders", Value: []byte("open")}).FirstErr(); err != nil {
			t.Fatal(err)
		}
		if log, err = check.Read(ctx, "orders", k.Opts("judge")...); err != nil {
			t.Fatal(err)
		}
		if _, err := check.Topic(made, log); !errors.Is(err, check.ErrEvidence) {
			t.Errorf("with an open transaction: got %v, want ErrEvidence", err)
		}
		if err := cl.EndTransaction(ctx, kgo.TryAbort); err != nil {
			t.Fatal(err)
		}
	})
}
