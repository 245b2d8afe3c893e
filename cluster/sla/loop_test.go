package sla

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"backstitch/fsm"
	"backstitch/fsm/fsmtest"
	"backstitch/partition"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a book without a group around it, and whoever leads.
type world struct {
	*fsmtest.Book
	t *testing.T

	low  map[partition.JobID]float64 // what was measured; high is twice that
	lost bool                        // proposals are applied, and who made them does not hear of it
	down bool                        // proposals are not applied
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{Book: fsmtest.New(t), t: t, low: map[partition.JobID]float64{}}
	w.must(fsm.PutDataset{
		Name: "default/orders", Document: []byte("{}"), Reference: fsm.Place{Name: "/a"}, Targets: []fsm.Place{{Name: "/b"}},
		Endpoints: []fsm.Endpoint{{Name: "bus", Format: fsm.FormatCloudEvents, URL: "https://bus", On: 1<<fsm.NoticeAtRisk | 1<<fsm.NoticeMissed}},
	})
	return w
}

func (w *world) must(cmd fsm.Command) {
	w.t.Helper()
	w.Must(fsm.Envelope{Actor: "test", UnixNanos: time.Now().UnixNano()}, cmd)
}

func (w *world) Propose(ctx context.Context, env fsm.Envelope, cmd fsm.Command) (fsm.Result, error) {
	if w.down {
		return fsm.Result{}, errors.New("no leader")
	}
	r, err := w.Book.Propose(ctx, env, cmd)
	if w.lost {
		return fsm.Result{}, errors.New("the outcome is not known")
	}
	return r, err
}

// lead runs a leader for so long. Its memory ends with it.
func (w *world) lead(self string, d time.Duration) {
	w.t.Helper()
	conf := DefaultConfig()
	conf.Self, conf.Book, conf.Proposer, conf.Clock, conf.Logger = self, w, w, time.Now, slog.New(slog.NewTextHandler(io.Discard, nil))
	conf.Every = time.Minute // hours go by here, and nothing is told to the second
	conf.Rates = func(id partition.JobID) (float64, float64, bool) { return w.low[id], 2 * w.low[id], w.low[id] > 0 }
	l, err := New(conf)
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(w.t.Context(), d)
	defer stop()
	if err := l.Run(ctx); err != nil {
		w.t.Fatal(err)
	}
}

// job starts a job of one slice and 100,000 records, that is due in d from now.
func (w *world) job(id partition.JobID, lock string, d time.Duration) {
	w.t.Helper()
	now := time.Now()
	w.must(fsm.SubmitJobOnTerms{
		Submit: fsm.SubmitJob{ID: id, Name: "orders.refill", Recipe: []byte("{}"), Slices: 1, Records: 100_000, Locks: []string{lock}},
		Terms:  fsm.Terms{Job: id, Calendar: partition.Calendar{Zone: "UTC"}, DetectedUnixNanos: now.UnixNano(), DeadlineUnixNanos: now.Add(d).UnixNano(), AlertPercent: 75, CompletePPM: 1_000_000},
	})
	slice := partition.Slice{ID: partition.SliceID{Job: id}, Kind: partition.SliceFill, Ranges: partition.Ranges{{From: 0, To: 10}}}
	w.must(fsm.AddSlices{Job: id, Slices: []partition.Slice{slice}})
	w.must(fsm.StartJob{ID: id})
}

// told are the kinds of all notices of the dataset, in order.
func (w *world) told() string {
	w.t.Helper()
	v := w.Machine.View()
	defer v.Close()
	notices, err := v.Notices("default/orders")
	if err != nil {
		w.t.Fatal(err)
	}
	var out []string
	for _, n := range notices {
		out = append(out, string(n.Job)+" "+n.Kind.String())
	}
	return strings.Join(out, ", ")
}

func (w *world) want(when, want string) {
	w.t.Helper()
	if got := w.told(); got != want {
		w.t.Errorf("%s: told %q, want %q", when, got, want)
	}
}

// Each is told once, whichever leader finds it, however often it looks, and also when the one that noted it never learned that it was noted.
func TestToldOnceAcrossLeaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.job("bs-a", "t/0", 40*time.Minute)
		w.lead("a", 29*time.Minute)
		w.want("before three quarters are over", "")
		w.lost = true
		w.lead("a", 2*time.Minute)
		w.lost = false
		w.want("behind that", "bs-a sla-at-risk")
		w.lead("b", 6*time.Minute)
		w.lead("a", 2*time.Minute)
		w.want("before the deadline, with two more leaders", "bs-a sla-at-risk")
		time.Sleep(5 * time.Minute) // nobody leads when it passes
		w.lead("b", time.Minute)
		w.lead("c", 10*time.Minute)
		w.want("behind the deadline", "bs-a sla-at-risk, bs-a sla-missed")
	})
}

// What could not be noted is said by the next turn, or the next leader.
func TestNothingIsForgottenWhileNobodyCanNoteIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.job("bs-a", "t/0", 12*time.Minute)
		w.down = true
		w.lead("a", 10*time.Minute)
		w.want("while nothing commits", "")
		w.down = false
		w.lead("b", time.Minute)
		w.want("then", "bs-a sla-at-risk")
	})
}

// A forecast has to be late at its fast end, and for a while, before anybody hears of it; a minute that is slow wakes nobody.
func TestAForecastIsToldWhenItHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.job("bs-a", "t/0", 10*time.Hour) // 100,000 records in 36,000 seconds
		w.low["bs-a"] = 2                  // 4 at the fast end: the slow end alone is late
		w.lead("a", 10*time.Minute)
		w.want("late at the slow end only", "")
		w.low["bs-a"] = 1
		w.lead("a", 4*time.Minute)
		w.low["bs-a"] = 2
		w.lead("a", time.Minute)
		w.low["bs-a"] = 1
		w.lead("a", 4*time.Minute)
		w.want("late for four minutes, twice", "")
		w.lead("b", 6*time.Minute)
		w.low["bs-a"] = 2
		w.lead("b", time.Minute)
		w.low["bs-a"] = 1
		w.lead("b", 10*time.Minute)
		w.want("late for six minutes, and again", "bs-a sla-at-risk")
	})
}

// Nobody hears of a job that was cancelled, or that failed and has a successor with a clock of its own; of one that failed and has none they do.
func TestWhoseDeadlineIsNobodysAnyMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		fail := func(id partition.JobID) {
			w.must(fsm.GrantLeases{Grants: []fsm.Grant{{Slice: partition.SliceID{Job: id}, Owner: "a"}}})
			w.must(fsm.FailSlice{Slice: partition.SliceID{Job: id}, Owner: "a", Epoch: 1, Err: "broken"})
			w.must(fsm.FinishJob{ID: id, State: fsm.JobFailed})
		}
		w.job("bs-a", "t/0", 12*time.Minute)
		w.job("bs-b", "t/1", 12*time.Minute)
		fail("bs-b")
		w.job("bs-c", "t/1", 24*time.Minute)
		fail("bs-c")
		w.must(fsm.CancelJob{ID: "bs-a"})
		w.lead("a", 20*time.Minute)
		w.want("behind the deadline of the first two", "bs-c sla-at-risk")
		w.lead("a", 6*time.Minute)
		w.want("behind that of the third", "bs-c sla-at-risk, bs-c sla-missed")
	})
}

func TestValidate(t *testing.T) {
	if _, err := New(DefaultConfig()); err == nil {
		t.Error("a loop without a book was taken")
	}
}
