package worker_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/replay/bucket/dir"
	"backstitch/replay/engine"
	"backstitch/replay/open"
	"backstitch/replay/record"
	"backstitch/replay/recovery"
	"backstitch/replay/replaytest"
	"backstitch/replay/sink"
	"backstitch/replay/sink/objects"
	"backstitch/replay/source"
	"backstitch/replay/throttle"
	"backstitch/replay/worker"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const job = partition.JobID("bs-worker")

// target opens the directory as each worker does for itself.
func (p *plant) target() (*objects.Sink, error) {
	b, err := dir.Open(p.path)
	if err != nil {
		return nil, err
	}
	return objects.New(b, objects.Config{Topic: "orders"})
}

// plant is a control plane, a reference in memory and a target directory, with as many workers as a test wants.
type plant struct {
	log     *slog.Logger // of workers, nil for none
	t       *testing.T
	control *replaytest.Control
	memory  *replaytest.Memory
	path    string
	verify  func(ctx context.Context, slice partition.Slice) (fsm.Comparison, error)
	open    func() error // before ends are opened; nil lets all pass

	mu     sync.Mutex
	gate   func(ctx context.Context) error // before each write; nil lets all pass
	door   func(ctx context.Context) error // before each opening of the sink; nil lets all pass
	opened int
	closed int
}

func (p *plant) setGate(gate func(context.Context) error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gate = gate
}

func newPlant(t *testing.T) *plant {
	return &plant{t: t, control: replaytest.NewControl(), path: t.TempDir(), memory: &replaytest.Memory{Records: map[int32][]record.Record{}}}
}

func (p *plant) Open(context.Context, partition.JobID, []byte, *throttle.Meter) (*open.Ends, error) {
	if p.open != nil {
		if err := p.open(); err != nil {
			return nil, err
		}
	}
	s, err := p.target()
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	p.opened++
	p.mu.Unlock()
	gated := &gatedSink{Sink: s, p: p}
	return &open.Ends{Recipe: recovery.Recipe{Version: 1, Write: recovery.Write{MaxQuarantine: 5}}, Source: p.memory, Sink: gated, Targets: s}, nil
}

func (p *plant) Verify(ctx context.Context, slice partition.Slice, _ partition.Ranges, _ *open.Ends) (fsm.Comparison, []fsm.Window, error) {
	c, err := p.verify(ctx, slice)
	return c, []fsm.Window{{Range: slice.Ranges.Span()}}, err
}

// gatedSink is a slow target.
type gatedSink struct {
	*objects.Sink
	p *plant
}

func (s *gatedSink) Open(ctx context.Context, slice partition.Slice, epoch partition.Epoch) (sink.Writer, sink.Progress, error) {
	s.p.mu.Lock()
	door := s.p.door
	s.p.mu.Unlock()
	if door != nil {
		if err := door(ctx); err != nil {
			return nil, sink.Progress{}, err
		}
	}
	w, pr, err := s.Sink.Open(ctx, slice, epoch)
	return &gatedWriter{Writer: w, p: s.p}, pr, err
}

func (s *gatedSink) Close() error {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	s.p.closed++
	return s.Sink.Close()
}

type gatedWriter struct {
	sink.Writer
	p *plant
}

func (w *gatedWriter) Write(ctx context.Context, b *record.Batch) error {
	w.p.mu.Lock()
	gate := w.p.gate
	w.p.mu.Unlock()
	if gate != nil {
		if err := gate(ctx); err != nil {
			b.Release()
			return err
		}
	}
	return w.Writer.Write(ctx, b)
}

func (p *plant) slice(n uint32, part int32) partition.Slice {
	rs := replaytest.Records(replaytest.Seed(p.t), 100*int64(n), 30)
	p.memory.Records[part] = append(p.memory.Records[part], rs...)
	return replaytest.FillSlice(job, n, part, rs)
}

func config(node partition.NodeID) worker.Config {
	cfg := worker.DefaultConfig()
	cfg.Node = node
	cfg.Engine.CommitRecords = 7
	return cfg
}

// start runs a worker until the test ends or stop is called; stop returns what Run returned.
func (p *plant) start(cfg worker.Config) (w *worker.Worker, stop func() error) {
	p.t.Helper()
	w, err := worker.New(cfg, worker.Deps{Control: p.control.Node(cfg.Node), Opener: p, Verifier: p, Now: time.Now, Log: p.log, Metrics: prometheus.NewRegistry()})
	if err != nil {
		p.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	var once sync.Once
	var result error
	stop = func() error {
		once.Do(func() {
			cancel()
			result = <-done
		})
		return result
	}
	p.t.Cleanup(func() { _ = stop() })
	return w, stop
}

func (p *plant) wait(what string, done func(slot func(partition.SliceID) replaytest.Slot) bool) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := p.control.Wait(ctx, done); err != nil {
		p.t.Fatalf("%s: %v", what, err)
	}
}

func (p *plant) want(part int32) {
	p.t.Helper()
	s, err := p.target()
	if err != nil {
		p.t.Fatal(err)
	}
	defer s.Close()
	got := replaytest.ReadTarget(p.t, s, part)
	if diff := cmp.Diff(replaytest.Bare(got), replaytest.Bare(p.memory.Records[part]), cmpopts.EquateEmpty()); diff != "" {
		p.t.Errorf("partition %d (-got +want):\n%s", part, diff)
	}
}

func isDone(ids ...partition.SliceID) func(func(partition.SliceID) replaytest.Slot) bool {
	return func(slot func(partition.SliceID) replaytest.Slot) bool {
		for _, id := range ids {
			if !slot(id).Done {
				return false
			}
		}
		return true
	}
}

func TestSlicesAreDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlant(t)
		a, b, c := p.slice(0, 0), p.slice(1, 1), p.slice(2, 0)
		for _, s := range []partition.Slice{a, b, c} {
			p.control.Grant("n1", s, nil)
		}
		p.start(config("n1"))
		p.wait("done", isDone(a.ID, b.ID, c.ID))
		p.want(0)
		p.want(1)
		for _, s := range []partition.Slice{a, b, c} {
			if got := p.control.Slot(s.ID).Finished.Checkpoint; got.Records != 30 || got.Cursor != s.Ranges.Span().To {
				t.Errorf("slice %s: finished with %+v", s.ID, got)
			}
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if p.opened != 1 || p.closed != 1 {
			t.Errorf("ends opened %d times and closed %d times, want once each", p.opened, p.closed)
		}
	})
}

// A node that is cut off stops by itself when the lease time is over, and not before.
func TestStopsWithoutRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlant(t)
		s := p.slice(0, 0)
		var mu sync.Mutex
		var last time.Time
		writes := 0
		p.gate = func(ctx context.Context) error {
			mu.Lock()
			last = time.Now()
			writes++
			first := writes == 1
			mu.Unlock()
			if first {
				return nil
			}
			<-ctx.Done() // a target that hangs until we are told to stop
			mu.Lock()
			last = time.Now()
			mu.Unlock()
			return ctx.Err()
		}
		p.control.Grant("n1", s, nil)
		p.start(config("n1"))
		time.Sleep(3100 * time.Millisecond) // renewals at 0.5 s intervals, the last at 3.0
		cut := time.Now()
		p.control.Cut("n1", true)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		mu.Lock()
		stopped := last.Sub(cut)
		before := writes
		mu.Unlock()
		if stopped < 2300*time.Millisecond || stopped > 2600*time.Millisecond {
			t.Errorf("stopped %s after contact was lost, want the rest of a lease of 2.5 s", stopped)
		}
		if before != 2 {
			t.Errorf("%d writes, want 2: the slice ran on", before)
		}
		// Contact is back and the lease is still ours: go on where the target is.
		p.setGate(nil)
		p.control.Cut("n1", false)
		p.wait("done", isDone(s.ID))
		p.want(0)
	})
}

// A node that has found no cluster yet has no leases to lose: that they are not renewed would bury what it says of that.
func TestLeasesThatAreNotRenewedAreSaidOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlant(t)
		var said bytes.Buffer
		p.log = slog.New(slog.NewTextHandler(&said, nil))
		s := p.slice(0, 0)
		p.gate = func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}
		p.control.Cut("n1", true)
		_, stop := p.start(config("n1"))
		time.Sleep(10 * time.Second)
		if text := said.String(); strings.Contains(text, "renewed") {
			t.Errorf("without a lease:\n%s", text)
		}
		p.control.Cut("n1", false)
		p.control.Grant("n1", s, nil)
		time.Sleep(3 * time.Second)
		for range 2 {
			p.control.Cut("n1", true)
			time.Sleep(2 * time.Second)
			p.control.Cut("n1", false)
			time.Sleep(2 * time.Second)
		}
		_ = stop()
		text := said.String()
		if lost, found := strings.Count(text, "lease not renewed"), strings.Count(text, "leases are renewed again"); lost != 2 || found != 2 {
			t.Errorf("cut off twice, said %d times and %d times that it is over:\n%s", lost, found, text)
		}
	})
}

// A slice that has progress in the book is stopped, starts again, and is stopped again before its target has opened: that run
// knows of no progress. It must not be given up while the book still says that it is ours.
func TestStoppedTwiceGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlant(t)
		s := p.slice(0, 0)
		hang := func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}
		writes := 0
		p.gate = func(ctx context.Context) error {
			if writes++; writes > 2 {
				return hang(ctx)
			}
			return nil
		}
		p.control.Grant("n1", s, nil)
		p.start(config("n1"))
		time.Sleep(time.Second)
		if p.control.Slot(s.ID).Checkpoint.Cursor == 0 {
			t.Fatal("no progress in the book: the test tests nothing")
		}
		p.mu.Lock()
		p.door = hang
		p.mu.Unlock()
		for range 2 {
			p.control.Cut("n1", true)
			time.Sleep(4 * time.Second)
			p.control.Cut("n1", false)
			time.Sleep(time.Second)
		}
		p.setGate(nil)
		p.mu.Lock()
		p.door = nil
		p.mu.Unlock()
		p.control.Cut("n1", true)
		time.Sleep(4 * time.Second)
		p.control.Cut("n1", false)
		p.wait("done", isDone(s.ID))
		p.want(0)
		if got := p.control.Slot(s.ID).Finished; got.Epoch != 1 {
			t.Errorf("finished under epoch %d, want 1: it never moved", got.Epoch)
		}
	})
}

// A node that has come back reads its leases from a book that is behind, and its run is stopped before its target has opened. What it
// then says of the slice is less than the book knows, which refuses it: it must ask what the book knows, not say the same for ever.
func TestAnOldBookDoesNotStopASliceForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlant(t)
		s := p.slice(0, 0)
		writes := 0
		p.gate = func(ctx context.Context) error {
			if writes++; writes > 2 {
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		}
		p.control.Grant("n1", s, nil)
		_, stop := p.start(config("n1"))
		time.Sleep(time.Second)
		if p.control.Slot(s.ID).Checkpoint.Cursor == 0 {
			t.Fatal("no progress in the book: the test tests nothing")
		}
		_ = stop()
		p.setGate(nil)
		p.mu.Lock()
		p.door = func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}
		p.mu.Unlock()
		p.control.Behind("n1")
		p.start(config("n1"))
		time.Sleep(100 * time.Millisecond)
		p.control.Cut("n1", true)
		time.Sleep(4 * time.Second)
		p.mu.Lock()
		p.door = nil
		p.mu.Unlock()
		p.control.Cut("n1", false)
		p.wait("done", isDone(s.ID))
		p.want(0)
	})
}

// A book that takes a report for nonsense must hear that the slice has failed.
func TestRefusedOutcomeIsAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlant(t)
		s := p.slice(0, 0)
		p.control.Grant("n1", s, nil)
		p.control.Refuse(fsm.Invalid)
		p.start(config("n1"))
		p.wait("failure", func(slot func(partition.SliceID) replaytest.Slot) bool { return len(slot(s.ID).Failures) > 0 })
		if got := p.control.Slot(s.ID).Failures[0]; got.Retry || !strings.HasPrefix(got.Err, "BST-E5303") {
			t.Errorf("failure: got %+v, want BST-E5303 without retry", got)
		}
	})
}

// The lease moved while the node was cut off. Its old owner must not start again.
func TestCutOffOwnerFindsItsLeaseMoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlant(t)
		s := p.slice(0, 0)
		writes := 0
		p.gate = func(ctx context.Context) error {
			writes++
			if writes > 2 {
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		}
		p.control.Grant("n1", s, nil)
		p.start(config("n1"))
		time.Sleep(time.Second)
		p.control.Cut("n1", true)
		time.Sleep(4 * time.Second)
		p.setGate(nil)
		p.control.Grant("n2", s, nil)
		p.start(config("n2"))
		p.wait("done", isDone(s.ID))
		p.control.Cut("n1", false)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if got := p.control.Slot(s.ID); got.Finished.Owner != "n2" || got.Finished.Epoch != 2 {
			t.Errorf("finished by %s under epoch %d, want n2 under 2", got.Finished.Owner, got.Finished.Epoch)
		}
		p.want(0)
	})
}

// Somebody with an old lease opens the lane late and fences the rightful owner. The owner takes it back.
func TestFencedOwnerGoesOnWhileTheLeaseIsItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlant(t)
		s := p.slice(0, 0)
		writes := 0
		p.gate = func(context.Context) error {
			if writes++; writes == 3 {
				other, err := p.target()
				if err != nil {
					return err
				}
				defer other.Close()
				_, _, err = other.Open(t.Context(), s, 1)
				return err
			}
			return nil
		}
		p.control.Grant("n1", s, nil)
		p.start(config("n1"))
		p.wait("done", isDone(s.ID))
		p.want(0)
		if n := len(p.control.Slot(s.ID).Failures); n != 0 {
			t.Errorf("%d failures reported, want none: fencing is not a failure", n)
		}
	})
}

func TestFailures(t *testing.T) {
	for _, c := range []struct {
		err   error
		code  string
		retry bool
	}{
		{source.ErrChanged, "BST-E5101", false},
		{source.ErrGone, "BST-E5102", false},
		{fmt.Errorf("x: %w", sink.ErrNoTarget), "BST-E5202", false},
		{engine.ErrQuarantine, "BST-E5105", false},
		{errors.New("connection reset"), "BST-E5900", true},
	} {
		synctest.Test(t, func(t *testing.T) {
			p := newPlant(t)
			s := p.slice(0, 0)
			p.memory.Fail = func(int32, partition.Offset) error { return c.err }
			p.control.Grant("n1", s, nil)
			p.start(config("n1"))
			failures := func(n int) {
				p.wait("failed", func(slot func(partition.SliceID) replaytest.Slot) bool { return len(slot(s.ID).Failures) == n })
			}
			failures(1)
			f := p.control.Slot(s.ID).Failures[0]
			if f.Retry != c.retry || len(f.Err) < 9 || f.Err[:9] != c.code {
				t.Errorf("%v: got retry %t, %q, want retry %t and code %s", c.err, f.Retry, f.Err, c.retry, c.code)
			}
			if !c.retry {
				return
			}
			first := f.NotBeforeUnixNanos - time.Now().UnixNano()
			p.control.Grant("n1", s, nil)
			failures(2)
			second := p.control.Slot(s.ID).Failures[1].NotBeforeUnixNanos - time.Now().UnixNano()
			if second < first+first/2 {
				t.Errorf("waits %s, then %s: want longer ones", time.Duration(first), time.Duration(second))
			}
		})
	}
}

func TestVerifySlices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlant(t)
		p.verify = func(_ context.Context, s partition.Slice) (fsm.Comparison, error) {
			return fsm.Comparison{Partition: s.Partition, Verdict: fsm.Pass, Evidence: fsm.E3, Actual: fsm.Side{Records: 30}}, nil
		}
		s := p.slice(0, 2)
		s.Kind = partition.SliceVerify
		p.control.Grant("n1", s, nil)
		p.start(config("n1"))
		p.wait("done", isDone(s.ID))
		want := &fsm.Comparison{Partition: 2, Verdict: fsm.Pass, Evidence: fsm.E3, Actual: fsm.Side{Records: 30}, ReadBy: "n1"}
		if diff := cmp.Diff(p.control.Slot(s.ID).Finished.Comparison, want); diff != "" {
			t.Errorf("comparison (-got +want):\n%s", diff)
		}
		if l := p.control.Slot(s.ID).Ledger; l.Slice != s.ID || l.Owner != "n1" || l.Epoch != 1 || len(l.Windows) != 1 {
			t.Errorf("ledger: got %+v, want the windows of this lease", l)
		}
	})
}

func TestDrainHandsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlant(t)
		s := p.slice(0, 0)
		entered, gate := make(chan struct{}, 100), make(chan struct{})
		p.gate = func(ctx context.Context) error {
			entered <- struct{}{}
			select {
			case <-gate:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		p.control.Grant("n1", s, nil)
		w, stop := p.start(config("n1"))
		<-entered
		w.Drain()
		w.Drain()
		synctest.Wait() // the worker has seen it before the slice goes on, or the slice could be done first
		close(gate)
		p.wait("lease given back", func(slot func(partition.SliceID) replaytest.Slot) bool { return slot(s.ID).Owner == "" })
		if got := p.control.Slot(s.ID).Checkpoint; got.Cursor != 7 || got.Records != 7 {
			t.Errorf("last checkpoint %+v, want the first batch of 7", got)
		}
		synctest.Wait()
		if err := stop(); err != nil {
			t.Errorf("Run after a drain: got %v, want nil", err)
		}
		p.control.Grant("n2", s, nil)
		p.start(config("n2"))
		p.wait("done", isDone(s.ID))
		p.want(0)
	})
}

// A lease that is asked for is given back behind the commit that is under way, with its progress, and the worker goes on with others. The next owner
// begins there. What has not begun yet is given back at once.
func TestGivesBackWhatIsAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlant(t)
		s, unbegun, other := p.slice(0, 0), p.slice(1, 1), p.slice(2, 2)
		entered, gate := make(chan struct{}, 100), make(chan struct{})
		p.gate = func(ctx context.Context) error {
			entered <- struct{}{}
			select {
			case <-gate:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		p.control.Grant("n1", s, nil)
		cfg := config("n1")
		cfg.Lanes = 1
		p.start(cfg)
		<-entered
		p.control.Grant("n1", unbegun, nil) // waits for the lane
		p.control.Ask(unbegun.ID)
		p.control.Ask(s.ID)
		synctest.Wait()
		if got := p.control.Slot(unbegun.ID); got.Owner != "" {
			t.Errorf("what has not begun is still %s's", got.Owner)
		}
		if got := p.control.Slot(s.ID); got.Owner != "n1" {
			t.Error("taken before its commit")
		}
		close(gate)
		p.wait("lease given back", func(slot func(partition.SliceID) replaytest.Slot) bool { return slot(s.ID).Owner == "" })
		if got := p.control.Slot(s.ID).Checkpoint; got.Cursor != 7 || got.Records != 7 {
			t.Errorf("last checkpoint %+v, want the first batch of 7", got)
		}
		p.control.Grant("n1", other, nil)
		p.wait("another is done", isDone(other.ID))
		p.control.Grant("n2", s, nil)
		p.start(config("n2"))
		p.wait("done", isDone(s.ID))
		p.want(0)
	})
}

// One call per interval, whatever number of slices runs; and no more slices at a time than lanes.
func TestCheckpointsAreBatched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlant(t)
		var mu sync.Mutex
		now, most := 0, 0
		p.gate = func(ctx context.Context) error {
			mu.Lock()
			now++
			most = max(most, now)
			mu.Unlock()
			<-ctx.Done()
			mu.Lock()
			now--
			mu.Unlock()
			return ctx.Err()
		}
		for n := range uint32(12) {
			p.control.Grant("n1", p.slice(n, int32(n)), nil)
		}
		cfg := config("n1")
		cfg.Lanes = 5
		p.start(cfg)
		time.Sleep(10*time.Second + 100*time.Millisecond)
		synctest.Wait()
		if n := p.control.Renewals("n1"); n != 20 {
			t.Errorf("%d checkpoint calls in 10 s, want 20", n)
		}
		if most != 5 {
			t.Errorf("%d slices at a time, want 5", most)
		}
	})
}
