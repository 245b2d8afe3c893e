package kafka

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"backstitch/partition"
	"backstitch/replay/record"
	"backstitch/replay/replaytest"
	"backstitch/replay/sink"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const job = partition.JobID("bs-faults")

func records(tb testing.TB, n int) []record.Record {
	return replaytest.Records(replaytest.Seed(tb), 0, n)
}

func write(t testing.TB, w sink.Writer, rs []record.Record, cursor int64) {
	t.Helper()
	err := w.Write(t.Context(), &record.Batch{Records: rs, Bytes: 1})
	if err == nil {
		err = w.Commit(t.Context(), sink.Progress{Cursor: cursor, Records: cursor})
	}
	if err != nil {
		t.Fatal(err)
	}
}

func begin(t testing.TB, s *Sink, slice partition.Slice, epoch partition.Epoch) (sink.Writer, sink.Progress) {
	t.Helper()
	w, p, err := s.Open(t.Context(), slice, epoch)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	return w, p
}

// Progress that is decided and not yet written out must be waited for. Asking for it as it is would give an older one.
func TestProgressIsAskedForWhenStable(t *testing.T) {
	k := replaytest.NewKafka(t, topic)
	s := open(t, config(k))
	defer s.Close()
	rs := records(t, 20)
	slice := replaytest.FillSlice(job, 0, 0, rs)
	w, _ := begin(t, s, slice, 1)
	write(t, w, rs[:10], 10)
	var asked atomic.Int64
	k.ControlKey(int16(kmsg.OffsetFetch), func(req kmsg.Request) (kmsg.Response, error, bool) {
		k.KeepControl()
		r := req.(*kmsg.OffsetFetchRequest)
		if !r.RequireStable {
			t.Error("progress is asked for as it is")
		}
		if asked.Add(1) > 3 {
			return nil, nil, false
		}
		resp := r.ResponseKind().(*kmsg.OffsetFetchResponse)
		rt := kmsg.NewOffsetFetchResponseTopic()
		rt.Topic = topic
		rp := kmsg.NewOffsetFetchResponseTopicPartition()
		rp.Offset, rp.ErrorCode = -1, kerr.UnstableOffsetCommit.Code
		rt.Partitions = append(rt.Partitions, rp)
		resp.Topics = append(resp.Topics, rt)
		return resp, nil, true
	})
	if _, p := begin(t, s, slice, 2); p.Cursor != 10 {
		t.Errorf("cursor %d, want 10", p.Cursor)
	}
	if asked.Load() != 4 {
		t.Errorf("asked %d times, want 4", asked.Load())
	}
}

func TestFaultsOfACommit(t *testing.T) {
	for _, c := range []struct {
		name string
		key  kmsg.Key
		err  *kerr.Error
		want error
	}{
		{"fenced at the offsets", kmsg.AddOffsetsToTxn, kerr.ProducerFenced, sink.ErrFenced},
		{"fenced at the progress", kmsg.TxnOffsetCommit, kerr.InvalidProducerEpoch, sink.ErrFenced},
		{"fenced at the end", kmsg.EndTxn, kerr.ProducerFenced, sink.ErrFenced},
		{"timed out by the brokers", kmsg.EndTxn, kerr.InvalidTxnState, sink.ErrFenced},
		{"no rights on the group", kmsg.AddOffsetsToTxn, kerr.GroupAuthorizationFailed, sink.ErrDenied},
		{"metadata too large for the brokers", kmsg.TxnOffsetCommit, kerr.OffsetMetadataTooLarge, sink.ErrProgress},
		{"no telling", kmsg.EndTxn, kerr.UnknownServerError, sink.ErrUnknownOutcome},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := replaytest.NewKafka(t, topic)
			s := open(t, config(k))
			defer s.Close()
			rs := records(t, 20)
			slice := replaytest.FillSlice(job, 0, 0, rs)
			w, _ := begin(t, s, slice, 1)
			write(t, w, rs[:10], 10)
			h := k.Fault(kfake.Fault{Keys: []kmsg.Key{c.key}, Err: c.err, Count: 1})
			defer h.Remove()
			err := w.Write(t.Context(), &record.Batch{Records: rs[10:], Bytes: 1})
			if err == nil {
				err = w.Commit(t.Context(), sink.Progress{Cursor: 20})
			}
			if !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if err := w.Commit(t.Context(), sink.Progress{Cursor: 20}); err == nil {
				t.Error("a dead writer committed")
			}
			// Nothing that the client does by itself may have fenced or committed anything.
			w, p := begin(t, s, slice, 2)
			if p.Cursor != 10 || len(k.Committed(topic, 0)) != 10 {
				t.Errorf("cursor %d with %d records visible, want 10 and 10", p.Cursor, len(k.Committed(topic, 0)))
			}
			write(t, w, rs[10:], 20)
		})
	}
}

// A dead writer is closed while the new owner is at work. Closing must not fence it: clients recover by taking a new epoch.
func TestClosingAZombieFencesNobody(t *testing.T) {
	k := replaytest.NewKafka(t, topic)
	s := open(t, config(k))
	defer s.Close()
	rs := records(t, 30)
	slice := replaytest.FillSlice(job, 0, 0, rs)
	zombie, _ := begin(t, s, slice, 1)
	if err := zombie.Write(t.Context(), &record.Batch{Records: rs[:5], Bytes: 1}); err != nil {
		t.Fatal(err)
	}
	w, _ := begin(t, s, slice, 2)
	write(t, w, rs[:10], 10)
	if err := zombie.Commit(t.Context(), sink.Progress{Cursor: 5}); !errors.Is(err, sink.ErrFenced) {
		t.Errorf("got %v, want %v", err, sink.ErrFenced)
	}
	if err := zombie.Close(); err != nil {
		t.Error(err)
	}
	write(t, w, rs[10:], 30)
	if n := len(k.Committed(topic, 0)); n != 30 {
		t.Errorf("%d records visible, want 30", n)
	}
}

// A job that may set nothing aside fails at a record that the brokers refuse, and nobody opens its lane again. What the lane had
// written before must not keep readers of committed data waiting until the brokers give the transaction up.
func TestClosingAfterARefusedRecordLeavesNoTransactionOpen(t *testing.T) {
	k := replaytest.NewKafka(t, topic)
	s := open(t, config(k))
	defer s.Close()
	rs := records(t, 20)
	slice := replaytest.FillSlice(job, 0, 0, rs)
	w, _ := begin(t, s, slice, 1)
	refused(t, k, w, rs)
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	if p := k.PartitionInfo(topic, 0); p.HighWatermark == 0 || p.LastStableOffset != p.HighWatermark {
		t.Errorf("readers of committed data get to %d of %d, want to the end", p.LastStableOffset, p.HighWatermark)
	}
	w, p := begin(t, s, slice, 2)
	if p.Cursor != 0 || len(k.Committed(topic, 0)) != 0 {
		t.Errorf("cursor %d with %d records visible, want none", p.Cursor, len(k.Committed(topic, 0)))
	}
	write(t, w, rs, 20)
}

// The same, when somebody else has the lane by then.
func TestClosingAZombieAfterARefusedRecordFencesNobody(t *testing.T) {
	k := replaytest.NewKafka(t, topic)
	s := open(t, config(k))
	defer s.Close()
	rs := records(t, 20)
	slice := replaytest.FillSlice(job, 0, 0, rs)
	zombie, _ := begin(t, s, slice, 1)
	refused(t, k, zombie, rs)
	w, _ := begin(t, s, slice, 2)
	write(t, w, rs[:10], 10)
	if err := zombie.Close(); err != nil {
		t.Error(err)
	}
	write(t, w, rs[10:], 20)
	if n := len(k.Committed(topic, 0)); n != 20 {
		t.Errorf("%d records visible, want 20", n)
	}
}

// refused writes ten records, and one that the brokers do not take.
func refused(t *testing.T, k *replaytest.Kafka, w sink.Writer, rs []record.Record) {
	t.Helper()
	if err := w.Write(t.Context(), &record.Batch{Records: slices.Clone(rs[:10]), Bytes: 1}); err != nil {
		t.Fatal(err)
	}
	if err := w.(*writer).cl.Flush(t.Context()); err != nil { // the first batch is there before the second is refused
		t.Fatal(err)
	}
	h := k.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.MessageTooLarge, Count: 1})
	defer h.Remove()
	err := w.Write(t.Context(), &record.Batch{Records: slices.Clone(rs[10:11]), Bytes: 1})
	if err == nil {
		err = w.Commit(t.Context(), sink.Progress{Cursor: 11})
	}
	var rejected *sink.RejectedError
	if !errors.As(err, &rejected) || rejected.Offset != rs[10].Offset {
		t.Fatalf("got %v, want that the record at %d is rejected", err, rs[10].Offset)
	}
}

func TestHeadersSayWhereARecordCameFrom(t *testing.T) {
	k := replaytest.NewKafka(t, topic)
	s := open(t, config(k))
	defer s.Close()
	rs := replaytest.Records(replaytest.Seed(t), 995, 10)
	w, _ := begin(t, s, replaytest.FillSlice(job, 0, 2, rs), 1)
	write(t, w, rs, 1005)
	for i, r := range k.Committed(topic, 2) {
		n := len(r.Headers)
		if n != len(rs[i].Headers)+2 {
			t.Fatalf("record %d has %d headers, want 2 more than %d", i, n, len(rs[i].Headers))
		}
		origin, by := r.Headers[n-2], r.Headers[n-1]
		if want := fmt.Sprint("archived/2/", rs[i].Offset); origin.Key != sink.OriginHeader || string(origin.Value) != want {
			t.Errorf("record %d: header %s: %s, want %s", i, origin.Key, origin.Value, want)
		}
		if by.Key != sink.JobHeader || string(by.Value) != string(job) {
			t.Errorf("record %d: header %s: %s, want %s", i, by.Key, by.Value, job)
		}
	}
}

func TestRecordsWithoutTimestampsGetTheTimeOfWriting(t *testing.T) {
	k := replaytest.NewKafka(t, topic)
	cfg := config(k)
	now := time.UnixMilli(1_800_000_000_123)
	cfg.Undated, cfg.Now = true, func() time.Time { return now }
	s := open(t, cfg)
	defer s.Close()
	rs := records(t, 3)
	w, _ := begin(t, s, replaytest.FillSlice(job, 0, 0, rs), 1)
	write(t, w, rs, 3)
	for _, r := range k.Committed(topic, 0) {
		if r.TimestampMs != now.UnixMilli() {
			t.Errorf("timestamp %d, want %d", r.TimestampMs, now.UnixMilli())
		}
	}
}

// What a lane wrote itself need not be read again to find what others wrote.
func TestOwnRecordsAreNotReadAgain(t *testing.T) {
	k := replaytest.NewKafka(t, topic)
	s := open(t, config(k))
	defer s.Close()
	rs := records(t, 60)
	slice := replaytest.FillSlice(job, 0, 0, rs)
	w, _ := begin(t, s, slice, 1)
	for i := range 5 {
		write(t, w, rs[10*i:10*i+10], int64(10*i+10))
	}
	fetched := k.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Observe: true, Count: -1})
	defer fetched.Remove()
	scan := func() (n int) {
		t.Helper()
		r, err := w.Recent(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		for {
			b, err := r.Next(t.Context())
			if err != nil {
				return n
			}
			n += len(b.Records)
			b.Release()
		}
	}
	if n := scan(); n != 0 || fetched.Hits() > 1 {
		t.Errorf("found %d records of others with %d fetches, want none with at most one for the last marker", n, fetched.Hits())
	}
	k.Produce(topic, 0, rs[50:53]...)
	write(t, w, rs[50:], 60)
	if n := scan(); n != 3 {
		t.Errorf("found %d records of others, want 3", n)
	}
}

// A broker that nobody has asked for a group before makes the topic that groups are kept in, and says meanwhile that it has no
// coordinator. Opening waits for it instead of failing the slice.
func TestOpenWaitsForAGroupCoordinator(t *testing.T) {
	k := replaytest.NewKafka(t, topic)
	s := open(t, config(k))
	defer s.Close()
	slice := replaytest.FillSlice(job, 0, 0, records(t, 20))
	var refused atomic.Int64
	k.ControlKey(int16(kmsg.FindCoordinator), func(req kmsg.Request) (kmsg.Response, error, bool) {
		k.KeepControl()
		r := req.(*kmsg.FindCoordinatorRequest)
		if r.CoordinatorType != 0 || refused.Add(1) > 3 {
			return nil, nil, false // of transactions, or often enough
		}
		resp := r.ResponseKind().(*kmsg.FindCoordinatorResponse)
		resp.ErrorCode = kerr.CoordinatorNotAvailable.Code
		for _, key := range r.CoordinatorKeys {
			c := kmsg.NewFindCoordinatorResponseCoordinator()
			c.Key, c.ErrorCode = key, kerr.CoordinatorNotAvailable.Code
			resp.Coordinators = append(resp.Coordinators, c)
		}
		return resp, nil, true
	})
	if _, p := begin(t, s, slice, 1); p.Cursor != 0 || refused.Load() < 4 {
		t.Errorf("got cursor %d after %d askings, want 0 after more than 3", p.Cursor, refused.Load())
	}
}
