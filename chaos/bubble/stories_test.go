package bubble

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"backstitch/chaos/fakes"
	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/replay/connect"
	"backstitch/replay/open"
	"backstitch/replay/record"
	"backstitch/replay/recovery"
	"backstitch/replay/sink"
)

// Losses that really happened, repaired by three real nodes. In the middle the leader dies and comes back, and then
// an owner dies for good, each in virtual time. See chaos/STORIES.md.

// story runs one with a lab of its own.
func story(t *testing.T, tell func(t *testing.T, l *scanLab)) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newScanLab(t)
		defer l.close()
		tell(t, l)
	})
}

// middle is lost where nothing else is said.
func middle(n int) bool { return n < 30 || n >= 90 }

// Some records can not be written. They are named, all others come back, whoever dies, and the proof counts them.
func TestS10PoisonAcrossADeath(t *testing.T) {
	story(t, func(t *testing.T, l *scanLab) {
		poison := map[string]bool{"0/40": true, "1/41": true, "1/80": true}
		grow := func(r *kgo.Record) {
			if poison[string(r.Value)] {
				r.Value = append(append(r.Value, ' '), bytes.Repeat([]byte{'x'}, 50_000)...)
			}
		}
		l.copied(middle, grow)
		l.set("copy", "max.message.bytes", "20000")
		l.slow()
		s := l.submit(l.planned(l.inTopics("  slices: {records: 20}\n  write: {commitRecords: 3, maxQuarantine: 3}\n")))
		l.killLeaderAndOwner(s.ID)
		l.ended(s.ID, fsm.JobSucceeded)
		l.once("copy", mirrored, "0/40", "1/41", "1/80")
		var named []partition.Offset
		for _, state := range l.slices(s.ID) {
			for _, q := range state.Quarantine {
				named = append(named, q.Offset)
			}
		}
		slices.Sort(named)
		if !slices.Equal(named, []partition.Offset{40, 41, 80}) {
			t.Errorf("named are the records at %v, want those at 40, 41 and 80", named)
		}
	})
}

// liar is a target that says of everything that it was done, and does nothing.
type liar struct {
	sink.Sink
	kept *promises
}

// promises are what a liar has said, to whichever node.
type promises struct {
	mu   sync.Mutex
	said map[partition.SliceID]sink.Progress
}

func (s *liar) Open(_ context.Context, slice partition.Slice, _ partition.Epoch) (sink.Writer, sink.Progress, error) {
	s.kept.mu.Lock()
	defer s.kept.mu.Unlock()
	p, known := s.kept.said[slice.ID]
	if !known {
		p = sink.Begin(slice)
	}
	return &lie{s.kept, slice}, p, nil
}

type lie struct {
	kept  *promises
	slice partition.Slice
}

func (w *lie) Write(_ context.Context, b *record.Batch) error {
	b.Release()
	return nil
}

func (w *lie) Commit(_ context.Context, p sink.Progress) error {
	time.Sleep(100 * time.Millisecond) // virtual
	w.kept.mu.Lock()
	defer w.kept.mu.Unlock()
	w.kept.said[w.slice.ID] = p
	return nil
}

func (w *lie) Recent(context.Context, int64) (sink.Reader, error) { return w, nil }
func (w *lie) Next(context.Context) (*record.Batch, error)        { return nil, io.EOF }
func (w *lie) Position() int64                                    { return w.slice.TargetTo }
func (w *lie) Close() error                                       { return nil }

// A repair that did nothing, and whose every step said that it was done, does not pass its proof: that reads the target.
func TestS16ARepairThatDidNothingIsNoticed(t *testing.T) {
	story(t, func(t *testing.T, l *scanLab) {
		l.copied(middle, nil)
		kept := &promises{said: map[partition.SliceID]sink.Progress{}}
		l.ends = func(e *open.Ends) {
			e.Sink = &liar{Sink: e.Sink, kept: kept}
		}
		s := l.submit(l.planned(l.inTopics(small)))
		l.killLeaderAndOwner(s.ID)
		l.ended(s.ID, fsm.JobFailed)
		if n := l.written(s.ID); n != s.Records {
			t.Errorf("the book was told of %d records, want %d: nothing was shown", n, s.Records)
		}
		missing := int64(0)
		l.view(func(v *fsm.View) {
			proofs, err := v.Proofs(s.ID)
			if err != nil || len(proofs) != 1 || proofs[0].Verdict != fsm.Fail {
				t.Fatalf("got proofs %+v, %v, want one that fails", proofs, err)
			}
			for _, c := range proofs[0].Comparisons {
				missing += c.Missing
			}
		})
		if missing != s.Records {
			t.Errorf("the proof misses %d records, want %d", missing, s.Records)
		}
	})
}

// A topic that is written in transactions, of which some are rolled back, on both sides: holes are no loss, what was rolled back does not come
// back, and a death does not change that.
func TestS18TransactionsAcrossADeath(t *testing.T) {
	story(t, func(t *testing.T, l *scanLab) {
		for _, topic := range []string{"mirror", "copy"} {
			l.topic(topic, nil)
			cl := l.client(kgo.TransactionalID("writer of " + topic))
			for n := 0; n < mirrored; n += 10 {
				if err := cl.BeginTransaction(); err != nil {
					t.Fatal(err)
				}
				for part := range 2 {
					for k := n; k < n+10; k++ {
						if topic == "mirror" || middle(k) {
							l.produce(cl, mirror(topic, part, k))
						}
					}
				}
				if err := cl.EndTransaction(t.Context(), kgo.TryCommit); err != nil {
					t.Fatal(err)
				}
				if err := cl.BeginTransaction(); err != nil {
					t.Fatal(err)
				}
				r := mirror(topic, n/10%2, n)
				r.Value = []byte("rolled back")
				l.produce(cl, r)
				if err := cl.EndTransaction(t.Context(), kgo.TryAbort); err != nil {
					t.Fatal(err)
				}
			}
			cl.Close()
		}
		l.slow()
		s := l.submit(l.planned(l.inTopics(small)))
		if want := int64(2 * 60); s.Records != want {
			t.Errorf("got %d records to write, want %d: holes are no loss", s.Records, want)
		}
		l.killLeaderAndOwner(s.ID)
		l.ended(s.ID, fsm.JobSucceeded)
		l.once("copy", mirrored)
	})
}

// The map of offsets between a topic and its copy is lost, and the copy's offsets are other ones. Content decides, whoever dies.
func TestS23WithoutAMapOfOffsetsAcrossADeath(t *testing.T) {
	story(t, func(t *testing.T, l *scanLab) {
		// The copy has lost what came first, and the rest came late and before what was in front of it.
		l.copied(func(n int) bool { return n >= 60 }, nil)
		l.fill("copy", func(n int) bool { return n >= 20 && n < 40 }, nil)
		l.slow()
		s := l.submit(l.planned(l.inTopics(small)))
		if want := int64(2 * 40); s.Records != want {
			t.Errorf("got %d records to write, want %d", s.Records, want)
		}
		l.killLeaderAndOwner(s.ID)
		l.ended(s.ID, fsm.JobSucceeded)
		l.once("copy", mirrored)
	})
}

// A topic that would give records other times gets nothing. Once that is mended it keeps what comes, each with its own time, whoever dies.
func TestS24ATopicThatIsMendedFirstAcrossADeath(t *testing.T) {
	story(t, func(t *testing.T, l *scanLab) {
		l.copied(middle, nil)
		l.set("mirror", "retention.ms", "-1")
		l.set("copy", "retention.ms", "-1")
		l.set("copy", "message.timestamp.type", "LogAppendTime")
		_, err := l.planned(l.inTopics(small))
		var refused *recovery.Error
		if !errors.As(err, &refused) || refused.Code != recovery.CodePreflight || !strings.Contains(refused.Next(), "message.timestamp.type=CreateTime") {
			t.Errorf("a topic that gives records other times: got %v, want a refusal that says what to set", err)
		}
		l.set("copy", "message.timestamp.type", "CreateTime")
		l.slow()
		s := l.submit(l.planned(l.inTopics(small)))
		l.killLeaderAndOwner(s.ID)
		l.ended(s.ID, fsm.JobSucceeded)
		l.once("copy", mirrored)
	})
}

// A job that failed is taken up again days later, by nodes that were all down meanwhile, and beside a reference that has grown: it writes what its
// plan says and nothing else. What is new is another plan's.
func TestS26ARetryDaysLaterDoesTheSameRanges(t *testing.T) {
	story(t, func(t *testing.T, l *scanLab) {
		l.copied(middle, nil)
		l.slow()
		s := l.submit(l.planned(l.inTopics(small)))
		l.killLeaderAndOwner(s.ID)
		l.set("copy", "max.message.bytes", "10")
		l.ended(s.ID, fsm.JobFailed)
		begun := l.written(s.ID)
		if begun == 0 || begun == s.Records {
			t.Fatalf("it failed after %d of %d records: nothing was shown", begun, s.Records)
		}

		for i := range l.c.Members() {
			l.stop(i)
		}
		time.Sleep(72 * time.Hour) // virtual
		l.set("copy", "max.message.bytes", "1000000")
		l.live(mirrored, mirrored+20, "mirror")
		for _, m := range l.c.Members() {
			l.start(m)
		}
		l.c.WaitLeader()
		l.c.WaitVoters(3)
		l.propose(fsm.RetryJob{ID: s.ID})
		l.killOwner(s.ID)
		l.ended(s.ID, fsm.JobSucceeded)
		if n := l.written(s.ID); n != s.Records {
			t.Errorf("it wrote %d records in all, want the %d of its plan", n, s.Records)
		}
		l.once("copy", mirrored)

		next, err := l.planned(l.inTopics(""))
		if err != nil || next.Totals.Records != 2*20 {
			t.Fatalf("the next plan has %+v, %v, want the 40 records that came since", next, err)
		}
	})
}

// A job is cancelled in the middle, while one of its nodes is dead. Nothing of it goes on, nothing is held, and it can not be taken up by halves: a
// new plan has the rest, once.
func TestS26CancelThenClearLeavesNoStrandedWork(t *testing.T) {
	story(t, func(t *testing.T, l *scanLab) {
		l.copied(middle, nil)
		l.slow()
		s := l.submit(l.planned(l.inTopics(small)))
		l.killLeaderAndOwner(s.ID)
		l.propose(fsm.CancelJob{ID: s.ID})
		time.Sleep(time.Minute) // virtual: whatever was on its way has come, and leases of the dead are over
		before := len(l.read("copy"))
		if all := 2 * mirrored; before == all {
			t.Fatal("all was written before it was cancelled: nothing was shown")
		}
		time.Sleep(time.Minute) // virtual
		if after := len(l.read("copy")); after != before {
			t.Errorf("%d records came a minute after the job was cancelled", after-before)
		}
		l.view(func(v *fsm.View) {
			if locks, err := v.Locks(); err != nil || len(locks) > 0 {
				t.Errorf("the book holds locks %v, %v", locks, err)
			}
			for _, m := range l.c.Members() {
				if a, err := v.Assignment(m.Node.ID()); err != nil || len(a.Work) > 0 {
					t.Errorf("%s is given %d slices, %v", m.Name, len(a.Work), err)
				}
			}
		})
		res, err := l.node().Propose(t.Context(), fsm.Envelope{Actor: "cli:tester", UnixNanos: time.Now().UnixNano()}, fsm.RetryJob{ID: s.ID})
		if err != nil || res.Code != fsm.WrongState {
			t.Errorf("retry of a cancelled job: got %+v, %v, want %s", res, err, fsm.WrongState)
		}
		rest := l.submit(l.planned(l.inTopics(small)))
		if want := int64(2*mirrored - before); rest.Records != want {
			t.Errorf("the next plan has %d records, want the %d that are left", rest.Records, want)
		}
		l.ended(rest.ID, fsm.JobSucceeded)
		l.once("copy", mirrored)
	})
}

// A backfill and the live sink write the same hour: the sink delivers some of what was missing after the plan was made, and goes on with what is
// new while the backfill runs and loses a node. Nothing is there twice, and nothing late is lost.
func TestS27ABackfillRacesTheLiveSink(t *testing.T) {
	story(t, func(t *testing.T, l *scanLab) {
		l.copied(middle, nil)
		p, err := l.planned(l.inTopics(small))
		l.live(30, 45, "copy") // late, and just in time
		l.slow()
		s := l.submit(p, err)
		l.killLeaderAndOwner(s.ID)
		l.live(mirrored, mirrored+20, "mirror", "copy")
		l.ended(s.ID, fsm.JobSucceeded)
		if n, want := l.written(s.ID), s.Records-2*15; n != want {
			t.Errorf("the job wrote %d records, want %d: all but those that the sink delivered", n, want)
		}
		l.once("copy", mirrored+20)
		if next, err := l.planned(l.inTopics("")); err != nil || !next.Empty() {
			t.Errorf("the next plan has %+v, %v, want nothing to write", next, err)
		}
	})
}

// lasting is a target whose commits take their time.
type lasting struct{ sink.Sink }

func (s lasting) Open(ctx context.Context, slice partition.Slice, epoch partition.Epoch) (sink.Writer, sink.Progress, error) {
	w, p, err := s.Sink.Open(ctx, slice, epoch)
	if err != nil {
		return w, p, err
	}
	return lastingWriter{w}, p, nil
}

type lastingWriter struct{ sink.Writer }

func (w lastingWriter) Commit(ctx context.Context, p sink.Progress) error {
	time.Sleep(300 * time.Millisecond) // virtual
	return w.Writer.Commit(ctx, p)
}

// A repair into files leaves as many as its plan said, and at most one more for each lane that a death has cut short: nobody who takes over
// begins to leave small ones.
func TestS28AsManyFilesAsThePlanSaysAcrossADeath(t *testing.T) {
	story(t, func(t *testing.T, l *scanLab) {
		l.topic("mirror", nil)
		l.fill("mirror", func(int) bool { return true }, nil)
		l.ends = func(e *open.Ends) { e.Sink = lasting{e.Sink} }
		dir := filepath.Join(t.TempDir(), "files")
		if _, err := connect.CreateBucket(t.Context(), dir, connect.S3{}, fakes.Env); err != nil {
			t.Fatal(err)
		}
		p, err := l.planned(l.parse(fmt.Sprintf("  source: {kafka: {brokers: %q, topic: mirror}}\n  target: {dir: {path: %q, topic: copy}}\n  slices: {records: 20}\n  write: {commitRecords: 6}\n",
			strings.Join(l.kafka.Addrs(), ","), dir)))
		s := l.submit(p, err)
		const said, lanes, deaths = 2 * mirrored / 20 * 4, 2, 2 // six records a file, so four a slice
		if text := fmt.Sprintf("about %d files ", said); !slices.ContainsFunc(p.Checks, func(c recovery.Check) bool { return strings.HasPrefix(c.Text, text) }) {
			t.Errorf("the plan does not say %q: %+v", text, p.Checks)
		}
		l.killLeaderAndOwner(s.ID)
		l.ended(s.ID, fsm.JobSucceeded)
		files, err := filepath.Glob(filepath.Join(dir, "copy", "*", "*.ndjson"))
		if n := len(files); err != nil || n < said || n > said+lanes*deaths {
			t.Errorf("%d files are there, want %d, and at most %d more for what was cut short: %v", n, said, lanes*deaths, err)
		}
	})
}
