package engine_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/replay/engine"
	"backstitch/replay/record"
	"backstitch/replay/repartition"
	"backstitch/replay/replaytest"
	"backstitch/replay/sink"
	kafkasink "backstitch/replay/sink/kafka"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	topic = "orders"
	job   = partition.JobID("bs-engine")
)

// bench is a target, a reference, and a slice that wants all of it.
type bench struct {
	t       *testing.T
	kafka   *replaytest.Kafka
	records []record.Record
	memory  *replaytest.Memory
	slice   partition.Slice
	cfg     engine.Config
	origin  bool
	rule    *repartition.Rule // nil keeps partitions
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, kafka: replaytest.NewKafka(t, topic), origin: true, cfg: engine.DefaultConfig()}
	b.cfg.CommitRecords = 10
	b.cfg.CommitEvery = time.Hour
	b.use(replaytest.Records(replaytest.Seed(t), 1000, 60))
	return b
}

func (b *bench) use(rs []record.Record) {
	b.records = rs
	b.memory = &replaytest.Memory{Records: map[int32][]record.Record{0: rs}}
	b.slice = replaytest.FillSlice(job, 0, 0, rs)
}

// engine makes an owner that shares nothing with the others but the target.
func (b *bench) engine(epoch partition.Epoch) *engine.Engine { return b.engineWith(epoch, nil) }

func (b *bench) engineWith(epoch partition.Epoch, c *engine.Counters) *engine.Engine {
	b.t.Helper()
	cfg := b.config()
	s, err := kafkasink.New(cfg)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = s.Close() })
	e, err := engine.New(engine.Task{Slice: b.slice, Epoch: epoch}, engine.Ends{Source: b.memory, Sink: s, Topic: "archived", Now: time.Now, Counters: c}, b.cfg)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = e.Close() })
	return e
}

func (b *bench) config() kafkasink.Config {
	cfg := kafkasink.DefaultConfig()
	cfg.Client, cfg.Cluster, cfg.Topic, cfg.SourceTopic, cfg.OriginHeaders = b.kafka.Opts(), "test", topic, "archived", b.origin
	cfg.Rule = b.rule
	return cfg
}

func (b *bench) run(e *engine.Engine) {
	b.t.Helper()
	if err := e.Run(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
}

// step does at most n steps and reports whether the slice is done.
func (b *bench) step(e *engine.Engine, n int) bool {
	b.t.Helper()
	for range n {
		done, err := e.Step(b.t.Context())
		if err != nil {
			b.t.Fatal(err)
		}
		if done {
			return true
		}
	}
	return false
}

// want checks that a reader of committed data sees exactly want, in order.
func (b *bench) want(want []record.Record) {
	b.t.Helper()
	got, want := replaytest.Bare(b.kafka.Committed(topic, 0)), replaytest.Bare(want)
	if replaytest.Same(got, want) {
		return
	}
	if diff := cmp.Diff(got, want, cmpopts.EquateEmpty()); diff != "" {
		b.t.Errorf("visible records (-got +want):\n%s", diff)
	}
}

func (b *bench) wantCheckpoint(e *engine.Engine, written []record.Record, suppressed, quarantined int64) {
	b.t.Helper()
	var sum record.Sum
	want := fsm.Checkpoint{Cursor: b.slice.Ranges.Span().To, Records: int64(len(written)), Suppressed: suppressed, Quarantined: quarantined}
	for i := range written {
		want.Bytes += written[i].Size()
		sum.AddPlace(written[i].Offset, written[i].Size())
	}
	want.Digest = sum.Bytes()
	got, ok := e.Checkpoint()
	if diff := cmp.Diff(got, want, cmpopts.IgnoreFields(fsm.Checkpoint{}, "Epoch", "UnixNanos")); diff != "" || !ok {
		b.t.Errorf("checkpoint, known %t (-got +want):\n%s", ok, diff)
	}
}

func TestOneSlice(t *testing.T) {
	b := newBench(t)
	e := b.engine(1)
	b.run(e)
	b.want(b.records)
	b.wantCheckpoint(e, b.records, 0, 0)
}

// The owner is given up after each number of steps in turn: before and after writes, before and after commits.
// A source makes batches as large as it likes. What a crash may cost is for the spec to say.
func TestACommitHoldsNoMoreRecordsThanAllowed(t *testing.T) {
	b := newBench(t)
	b.memory.Batch, b.cfg.CommitRecords = 60, 7
	var c engine.Counters
	e := b.engineWith(1, &c)
	most := int64(0)
	for before := int64(0); ; before = c.Written.Load() {
		done, err := e.Step(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if most = max(most, c.Written.Load()-before); done {
			break
		}
	}
	if most != 7 || c.ReadRecords.Load() != 60 {
		t.Errorf("the largest commit had %d records, and %d were read, want 7 and 60", most, c.ReadRecords.Load())
	}
	b.want(b.records)
	b.wantCheckpoint(e, b.records, 0, 0)
}

// A connection that is closed by the other side ends with an error that wraps io.EOF. It is not the end of the records.
func TestAClosedConnectionIsNotTheEndOfTheSlice(t *testing.T) {
	rs := big(20)
	target := &slow{rate: 1 << 40}
	e, err := engine.New(engine.Task{Slice: replaytest.FillSlice(job, 0, 0, rs), Epoch: 1}, engine.Ends{
		Source: &replaytest.Memory{Records: map[int32][]record.Record{0: rs}, Fail: func(_ int32, next partition.Offset) error {
			if next < 10 {
				return nil
			}
			return fmt.Errorf("fetch: %w", io.EOF)
		}}, Sink: target, Now: time.Now,
	}, engine.DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Run(t.Context()); !errors.Is(err, io.EOF) {
		t.Errorf("got %v, want what reading failed with: a slice that is cut short is not done", err)
	}
}

func TestOwnerIsLostAfterEachStep(t *testing.T) {
	for n := 0; ; n++ {
		done := false
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			b := newBench(t)
			lost := b.engine(1)
			done = b.step(lost, n)
			next := b.engine(2)
			b.run(next)
			b.want(b.records)
			b.wantCheckpoint(next, b.records, 0, 0)
		})
		if done {
			if n < 10 {
				t.Errorf("the slice took %d steps, too few to mean anything", n)
			}
			return
		}
	}
}

// The old owner stops for a while, another one takes over, and then the old one goes on.
func TestZombieWritesNothing(t *testing.T) {
	for n := range 9 {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			b := newBench(t)
			zombie := b.engine(1)
			b.step(zombie, 1+n)
			next := b.engine(2)
			b.step(next, 5)
			err := zombie.Run(t.Context())
			if !errors.Is(err, sink.ErrFenced) {
				t.Errorf("zombie: got %v, want %v", err, sink.ErrFenced)
			}
			b.run(next)
			b.want(b.records)
			late := b.engine(1)
			if err := late.Run(t.Context()); !errors.Is(err, sink.ErrFenced) {
				t.Errorf("an owner of the old epoch that opens late: got %v, want %v", err, sink.ErrFenced)
			}
			b.want(b.records)
		})
	}
}

// endTxn makes the broker leave the nth end of a transaction without a usable answer, after it was applied or before.
func (b *bench) endTxn(n int64, applied bool) {
	var seen atomic.Int64
	var shadow atomic.Bool
	other := b.kafka.Client()
	b.kafka.ControlKey(int16(kmsg.EndTxn), func(req kmsg.Request) (kmsg.Response, error, bool) {
		b.kafka.KeepControl()
		if shadow.Load() || seen.Add(1) != n {
			return nil, nil, false
		}
		if applied {
			shadow.Store(true)
			b.kafka.SleepControl(func() {
				orig := req.(*kmsg.EndTxnRequest)
				again := kmsg.NewPtrEndTxnRequest()
				again.TransactionalID, again.ProducerID, again.ProducerEpoch, again.Commit = orig.TransactionalID, orig.ProducerID, orig.ProducerEpoch, orig.Commit
				again.Version = orig.Version
				if _, err := again.RequestWith(context.Background(), other); err != nil {
					b.t.Error(err)
				}
			})
			shadow.Store(false)
		}
		resp := req.ResponseKind().(*kmsg.EndTxnResponse)
		resp.ErrorCode = -1 // UNKNOWN_SERVER_ERROR
		return resp, nil, true
	})
}

func TestUnknownOutcomeOfEachCommit(t *testing.T) {
	for n := int64(1); n <= 5; n++ {
		for _, applied := range []bool{false, true} {
			t.Run(fmt.Sprintf("commit %d applied %t", n, applied), func(t *testing.T) {
				b := newBench(t)
				b.endTxn(n, applied)
				var counters engine.Counters
				e := b.engineWith(1, &counters)
				b.run(e)
				b.want(b.records)
				b.wantCheckpoint(e, b.records, 0, 0)
				if got := counters.Reopened.Load(); got != 1 {
					t.Errorf("opened again %d times, want once: the fault did not happen", got)
				}
			})
		}
	}
}

func TestOnlyWhatIsMissingIsWritten(t *testing.T) {
	for _, origin := range []bool{true, false} {
		t.Run(fmt.Sprintf("origin headers %t", origin), func(t *testing.T) {
			b := newBench(t)
			b.origin = origin
			rs := slices.Clone(b.records)
			rs[21], rs[41] = rs[11], rs[11] // three equal records, of which the target gets two
			rs[21].Offset, rs[41].Offset = 1021, 1041
			b.use(rs)
			there := []record.Record{rs[11], rs[3], rs[21], rs[59]}
			b.kafka.Produce(topic, 0, there...)
			want := slices.Clone(there)
			// Equal records pair oldest with oldest, also those that the generator made equal by chance.
			left := map[[16]byte]int{}
			for i := range there {
				left[record.Hash(&there[i], record.AllFields)]++
			}
			var written []record.Record
			for i := range rs {
				if h := record.Hash(&rs[i], record.AllFields); left[h] > 0 {
					left[h]--
				} else {
					written = append(written, rs[i])
				}
			}
			// Lost after each number of steps: which of the records in the target were used up must not be forgotten.
			e := b.engine(1)
			for epoch, n := partition.Epoch(2), 1; !b.step(e, n); epoch++ {
				e = b.engine(epoch)
				n++
			}
			b.want(append(want, written...))
			b.wantCheckpoint(e, written, 4, 0)
		})
	}
}

func TestPoisonOfTheSource(t *testing.T) {
	b := newBench(t)
	b.memory.Damaged = map[partition.Offset]partition.Offset{1005: 1006, 1030: 1033}
	e := b.engine(1)
	for epoch, n := partition.Epoch(2), 1; !b.step(e, n); epoch++ {
		e = b.engine(epoch)
		n++
	}
	want := slices.Concat(b.records[:5], b.records[6:30], b.records[33:])
	b.want(want)
	b.wantCheckpoint(e, want, 0, 4)
	var got []partition.Offset
	for _, q := range e.Quarantined() {
		got = append(got, q.Offset)
		if q.Code != "BST-Q102" || q.Reason == "" {
			t.Errorf("quarantine entry %+v: want code BST-Q102 and a reason", q)
		}
	}
	if diff := cmp.Diff(got, []partition.Offset{1005, 1030, 1031, 1032}); diff != "" {
		t.Errorf("quarantined (-got +want):\n%s", diff)
	}
}

func TestPoisonOfTheTarget(t *testing.T) {
	b := newBench(t)
	big := slices.Clone(b.records)
	big[17].Value = make([]byte, 3<<20)
	big[18].Value = make([]byte, 2<<20)
	big[33].TimestampMs = -62135596800000
	b.use(big)
	e := b.engine(1)
	b.run(e)
	want := slices.Concat(big[:17], big[19:33], big[34:])
	b.want(want)
	b.wantCheckpoint(e, want, 0, 3)
	var got []string
	for _, q := range e.Quarantined() {
		got = append(got, fmt.Sprint(q.Offset, " ", q.Code))
	}
	if diff := cmp.Diff(got, []string{"1017 BST-Q201", "1018 BST-Q201", "1033 BST-Q202"}); diff != "" {
		t.Errorf("quarantined (-got +want):\n%s", diff)
	}
}

// A broker refuses whole batches. The record that it means must be found, and only that one left out.
func TestPoisonInARefusedBatch(t *testing.T) {
	b := newBench(t)
	rs := slices.Clone(b.records)
	for _, i := range []int{12, 44} {
		rs[i].Value = []byte("poison-poison-poison")
	}
	b.use(rs)
	b.kafka.ControlKey(int16(kmsg.Produce), func(req kmsg.Request) (kmsg.Response, error, bool) {
		b.kafka.KeepControl()
		p := req.(*kmsg.ProduceRequest)
		if !contains(p, "poison-poison-poison") {
			return nil, nil, false
		}
		resp := p.ResponseKind().(*kmsg.ProduceResponse)
		for _, t := range p.Topics {
			rt := kmsg.NewProduceResponseTopic()
			rt.Topic, rt.TopicID = t.Topic, t.TopicID
			for _, part := range t.Partitions {
				rp := kmsg.NewProduceResponseTopicPartition()
				rp.Partition, rp.ErrorCode = part.Partition, 87 // INVALID_RECORD
				rt.Partitions = append(rt.Partitions, rp)
			}
			resp.Topics = append(resp.Topics, rt)
		}
		return resp, nil, true
	})
	e := b.engine(1)
	b.run(e)
	want := slices.Concat(rs[:12], rs[13:44], rs[45:])
	b.want(want)
	b.wantCheckpoint(e, want, 0, 2)
}

func contains(p *kmsg.ProduceRequest, text string) bool {
	for _, t := range p.Topics {
		for _, part := range t.Partitions {
			if slices.Contains(windows(part.Records, len(text)), text) {
				return true
			}
		}
	}
	return false
}

func windows(b []byte, n int) []string {
	var out []string
	for i := 0; i+n <= len(b); i++ {
		out = append(out, string(b[i:i+n]))
	}
	return out
}

func TestTooMuchPoisonFailsTheSlice(t *testing.T) {
	b := newBench(t)
	b.cfg.MaxQuarantine = 2
	b.memory.Damaged = map[partition.Offset]partition.Offset{1005: 1006, 1030: 1033}
	if err := b.engine(1).Run(t.Context()); !errors.Is(err, engine.ErrQuarantine) {
		t.Errorf("got %v, want %v", err, engine.ErrQuarantine)
	}
	whole := slices.Concat(b.records[:5], b.records[6:30])
	b.want(whole[:len(b.kafka.Committed(topic, 0))]) // what was committed before stays, in order
}

func TestDrainKeepsWhatWasRead(t *testing.T) {
	b := newBench(t)
	e := b.engine(1)
	b.step(e, 2)
	e.Drain()
	if err := e.Run(t.Context()); !errors.Is(err, engine.ErrDrained) {
		t.Fatalf("got %v, want %v", err, engine.ErrDrained)
	}
	b.want(b.records[:7])
	if c, ok := e.Checkpoint(); !ok || c.Cursor != 1007 {
		t.Errorf("checkpoint at %d, known %t, want 1007", c.Cursor, ok)
	}
	b.run(b.engine(1))
	b.want(b.records)
}

func TestLostProgressIsNotWrittenOver(t *testing.T) {
	b := newBench(t)
	cfg := b.config()
	s, err := kafkasink.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	task := engine.Task{Slice: b.slice, Epoch: 2, Seen: fsm.Checkpoint{Epoch: 1, Cursor: 1030, Records: 30}}
	e, err := engine.New(task, engine.Ends{Source: b.memory, Sink: s, Topic: "archived", Now: time.Now}, b.cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Run(t.Context()); !errors.Is(err, engine.ErrProgressLost) {
		t.Errorf("got %v, want %v", err, engine.ErrProgressLost)
	}
	b.want(nil)
}

func TestTargetRecreated(t *testing.T) {
	b := newBench(t)
	cfg := b.config()
	cfg.TopicID = [16]byte{1}
	s, err := kafkasink.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, _, err := s.Open(t.Context(), b.slice, 1); !errors.Is(err, sink.ErrRecreated) {
		t.Errorf("another id: got %v, want %v", err, sink.ErrRecreated)
	}
	cfg.TopicID, cfg.Topic = [16]byte{}, "nowhere"
	s2, err := kafkasink.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer s2.Close()
	if _, _, err := s2.Open(t.Context(), b.slice, 1); !errors.Is(err, sink.ErrNoTarget) {
		t.Errorf("no such topic: got %v, want %v", err, sink.ErrNoTarget)
	}
}
