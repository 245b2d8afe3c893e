package group_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"backstitch/replay/gap"
	"backstitch/replay/gap/group"
	"backstitch/replay/kgroup"
	"backstitch/replay/kgroup/kgrouptest"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Scenario S1, before the restart: the consumer is down, and retention has passed the place where it stood.
func TestS1RetentionOvertookAStoppedConsumer(t *testing.T) {
	w := newWorld(t)
	w.write(0, 180)
	w.Members(at(0), 1)
	off := w.follows(1, 30, 0) // 290
	w.stands(30, off+10)       // 300
	w.Members(at(31), 0)
	w.keep()
	w.expire(1100)

	for name, archived := range map[string]*group.Archive{"alone": nil, "with an archive": w.archive} {
		w.archive = archived
		rep := w.look(180)
		judge(t, rep, truth{missing: []span{{300, 1100}}})
		same(t, name+": causes", causes(rep, gap.Missing), []string{"retention overtook the group"})
		f := rep.Findings[0]
		if archived == nil && (f.Recoverable || f.Evidence != "E0") {
			t.Errorf("alone: got %+v, want nobody to have it", f)
		}
		if archived != nil && (!f.Recoverable || f.HeldBy != "archive" || f.Evidence != "E1" || f.Count != 800 || f.FirstMs != at(30).UnixMilli()) {
			t.Errorf("with an archive: got %+v, want 800 records there", f)
		}
	}
}

// overtaken is S1 after the restart: the group stood at 300 in minute 30, nobody was there until minute 180, and by then the
// topic kept what was younger than an hour. What began at 1200 (minute 120) was there for sure, what began before 1100 (minute
// 110, with segment and check) was gone for sure. The log ended at 1800.
func overtaken(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.write(0, 180)
	w.Members(at(0), 1)
	off := w.follows(1, 30, 0)
	w.Commit(at(30), topic, 0, off+10) // 300
	w.Members(at(31), 0)
	w.keep()
	w.Members(at(180), 1)
	return w
}

// Scenario S1, after the restart with auto.offset.reset=latest: lag reads 0, and 1500 records were never seen.
func TestS1LagIsZeroAndRecordsWereNeverSeen(t *testing.T) {
	w := overtaken(t)
	w.Commit(at(180).Add(5*time.Second), topic, 0, 1800)
	w.write(180, 190)
	w.stands(189, 1900)
	w.expire(1150)

	w.reset = group.ResetLatest
	rep := w.look(190)
	judge(t, rep, truth{missing: []span{{300, 1800}}})
	if p := rep.Places[0]; p.Lag != 0 {
		t.Errorf("lag: got %d, want 0", p.Lag)
	}
	for _, f := range rep.Findings { // what the topic still has, and what only the archive has
		if inTopic := f.Range.From >= 1150; inTopic != strings.Contains(f.HeldBy, "topic") || !strings.Contains(f.HeldBy, "archive") || f.Evidence != "E1" || f.Count != f.Range.Len() {
			t.Errorf("%s: held by %q, %d records at %s", f.Range, f.HeldBy, f.Count, f.Evidence)
		}
	}

	// Nobody says how the group resets: what was gone is lost all the same, the rest is not decided.
	w.reset = group.ResetUnknown
	judge(t, w.look(190), truth{missing: []span{{300, 1100}}, open: []span{{1100, 1800}}})

	// Nobody has a copy: one step is out of line, and whether it was reading can not be told.
	w.archive = nil
	rep = w.look(190)
	judge(t, rep, truth{open: []span{{300, 1800}}})
	if n, _ := rep.Lost(); n != 0 || rep.Unknown() == 0 {
		t.Errorf("got %d lost, %d not decided", n, rep.Unknown())
	}
}

// Markers have the time at which they were written, which is that of now when a topic was copied with the times of its records.
// A broker that is asked for an offset by time names the marker.
func TestAMarkerIsYoungerThanTheRecordsAroundIt(t *testing.T) {
	w := newWorld(t)
	w.write(0, 150)
	w.abort(3)
	w.write(150, 180)
	w.Members(at(0), 1)
	off := w.follows(1, 30, 0)
	w.Commit(at(30), topic, 0, off+10) // 300
	w.Members(at(31), 0)
	w.keep()
	w.Members(at(180), 1)
	w.Commit(at(180).Add(5*time.Second), topic, 0, 1804)
	w.write(180, 190)
	w.stands(189, 1904)
	w.expire(1150)
	w.reset = group.ResetLatest
	judge(t, w.look(190), truth{missing: []span{{300, 1804}}})
}

// The same with auto.offset.reset=earliest: it read what was there, and only that is not lost.
func TestEarliestReadsWhatIsLeft(t *testing.T) {
	w := overtaken(t)
	w.Commit(at(181), topic, 0, 1800) // all of it in one commit
	w.write(180, 190)
	w.stands(189, 1900)
	w.expire(1150)
	w.reset = group.ResetEarliest
	judge(t, w.look(190), truth{missing: []span{{300, 1100}}, open: []span{{1100, 1200}}})
}

// A reader that is not at the log's end after its first commit began at its start: nobody needs to say so.
func TestAReaderThatIsBehindDidNotJumpToTheEnd(t *testing.T) {
	w := overtaken(t)
	w.Commit(at(181), topic, 0, 1500)
	w.stands(182, 1800)
	w.expire(1150)
	judge(t, w.look(190), truth{missing: []span{{300, 1100}}, open: []span{{1100, 1200}}})
}

// tale is one that ends well, or that nobody can decide.
type tale struct {
	story func(w *world)
	now   int
	want  truth
}

func tell(t *testing.T, tales map[string]tale) {
	t.Helper()
	for name, row := range tales {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			row.story(w)
			judge(t, w.look(row.now), row.want)
		})
	}
}

// Scenario S18: holes are legal.
func TestS18HolesAreNoLoss(t *testing.T) {
	tell(t, map[string]tale{
		"a compacted topic": {func(w *world) {
			w.set("cleanup.policy", "compact")
			w.write(0, 180)
			w.Members(at(0), 1)
			off := w.follows(1, 30, 0)
			w.Members(at(31), 0)
			w.Members(at(180), 1)
			w.stands(180, off+1500)
		}, 180, truth{}},
		"a step with nothing but markers in it": {func(w *world) {
			w.write(0, 1)
			w.Members(at(0), 1)
			w.Commit(at(1), topic, 0, 10)
			w.abort(3)
			w.Members(at(2), 0)
			w.Commit(at(3), topic, 0, 14) // by hand, over what was rolled back
			w.commitNow(14)
		}, 4, truth{}},
	})
}

func TestWhatIsNoLoss(t *testing.T) {
	tell(t, map[string]tale{
		"a group that keeps up, long after its records expired": {func(w *world) {
			w.write(0, 180)
			w.Members(at(0), 1)
			w.stands(180, w.follows(1, 180, 0)+10)
			w.keep()
			w.expire(1700)
		}, 180, truth{}},
		"a group that was away for less than retention": {func(w *world) {
			w.write(0, 180)
			w.Members(at(0), 1)
			off := w.follows(1, 60, 0)
			w.Members(at(60), 0)
			w.Members(at(100), 1)
			w.Commit(at(101), topic, 0, off+400)
			w.stands(180, w.follows(102, 180, off+400)+10)
			w.keep()
			w.expire(1700)
		}, 240, truth{}},
		"a producer that was silent while the group was away": {func(w *world) {
			w.write(0, 10)
			w.Members(at(0), 1)
			off := w.follows(1, 11, 0)
			w.Members(at(11), 0)
			w.write(170, 180)
			w.Members(at(180), 1)
			w.stands(181, off+100)
			w.write(240, 260)
			w.keep()
			w.expire(200)
		}, 260, truth{}},
		"an archive that lacks it, and a group that was away for long": {func(w *world) {
			w.write(0, 180)
			w.Members(at(0), 1)
			off := w.follows(1, 30, 0)
			w.Members(at(31), 0)
			w.Members(at(180), 1)
			w.stands(180, off+1500)
			w.expire(1150)
			w.keep()
		}, 190, truth{open: []span{{290, 1790}}}},
		"Streams deletes what it has read of its own topics": {func(w *world) {
			w.set("retention.ms", "-1")
			w.write(0, 180)
			w.Members(at(0), 1)
			w.stands(180, w.follows(1, 180, 0)+10)
			w.expire(1800)
		}, 180, truth{}},
		"a position that was set back, and read again": {func(w *world) {
			w.write(0, 180)
			w.Members(at(0), 1)
			off := w.follows(1, 30, 0)
			w.Members(at(31), 0)
			w.Commit(at(40), topic, 0, 1000) // by hand, forward
			w.Commit(at(41), topic, 0, off)  // and back
			w.Members(at(42), 1)
			w.stands(180, w.follows(43, 180, off))
		}, 180, truth{}},
		"a position that was set back, and is about to be read": {func(w *world) {
			w.write(0, 180)
			w.Members(at(0), 1)
			off := w.follows(1, 30, 0)
			w.Members(at(31), 0)
			w.Commit(at(40), topic, 0, 1000)
			w.stands(41, off)
		}, 180, truth{}},
		"a group without members that commits all the same": {func(w *world) { // Flink, Spark: assigned by themselves
			w.write(0, 180)
			w.stands(180, w.follows(1, 180, 0)+10)
			w.expire(1700)
		}, 180, truth{}},
		"a batch job that comes once an hour": {func(w *world) {
			w.write(0, 420)
			w.Members(at(0), 0)
			off := int64(0)
			for h := 1; h < 7; h++ {
				w.Members(at(60*h-1), 1)
				off += 590
				w.Commit(at(60*h), topic, 0, off)
				w.Members(at(60*h+1), 0)
			}
			w.stands(361, off)
			w.keep()
			w.expire(off - 50)
		}, 420, truth{}},
	})
}

// abort writes records in a transaction that is rolled back: they take offsets, and its marker another.
func (w *world) abort(n int) {
	w.t.Helper()
	cl := w.Client(kgo.TransactionalID("t"), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err := cl.BeginTransaction(); err != nil {
		w.t.Fatal(err)
	}
	for range n {
		if err := cl.ProduceSync(w.t.Context(), &kgo.Record{Topic: topic, Value: []byte("x")}).FirstErr(); err != nil {
			w.t.Fatal(err)
		}
	}
	if err := cl.EndTransaction(bounded(w.t), kgo.TryAbort); err != nil {
		w.t.Fatal(err)
	}
}

func TestAPositionThatWasSetForwardByHand(t *testing.T) {
	w := newWorld(t)
	w.write(0, 60)
	w.Members(at(0), 1)
	off := w.follows(1, 11, 0) // 100
	w.Members(at(11), 0)
	w.Commit(at(20), topic, 0, off+300)
	w.Members(at(21), 1)
	w.stands(59, w.follows(22, 42, off+300))
	rep := w.look(60)
	judge(t, rep, truth{missing: []span{{100, 400}}})
	f := rep.Findings[0]
	if f.HeldBy != "topic orders" || f.Count != 300 || f.Evidence != "E1" || f.UntilMs > at(10).Add(retention).UnixMilli() || f.UntilMs < at(10).Add(retention-time.Second).UnixMilli() {
		t.Errorf("got %+v, want 300 records that the topic keeps for an hour from minute 10 on", f)
	}
	same(t, "causes", causes(rep, gap.Missing), []string{"its position was set forward by hand"})
}

func TestAPositionThatExpired(t *testing.T) {
	story := func(reset group.Reset) *world {
		w := newWorld(t)
		w.write(0, 100)
		w.Members(at(0), 1)
		off := w.follows(1, 11, 0) // 100
		w.Members(at(11), 0)
		w.Forget(at(60), topic, 0)
		w.Members(at(90), 1)
		w.Commit(at(91), topic, 0, 910)
		w.stands(99, w.follows(92, 100, 910))
		w.reset = reset
		_ = off
		return w
	}
	judge(t, story(group.ResetLatest).look(100), truth{missing: []span{{100, 900}}}) // the log ended at 900 in minute 90
	judge(t, story(group.ResetUnknown).look(100), truth{open: []span{{100, 900}}})
	judge(t, story(group.ResetEarliest).look(100), truth{})
}

// Scenario S17: the topic was deleted and made again. A position in the old one says nothing about the new one.
func TestS17TheTopicWasRecreated(t *testing.T) {
	t.Run("the old position lies behind the end", func(t *testing.T) {
		w := newWorld(t)
		w.write(0, 50)
		w.recreate()
		w.write(60, 70)
		w.stands(70, 500) // a consumer that lives on commits what it had
		rep := w.look(70)
		judge(t, rep, truth{atRisk: []span{{0, 100}}})
	})
	t.Run("the new log has grown beyond it, and commits name their topic", func(t *testing.T) {
		w := newWorld(t)
		w.write(0, 50)
		old := w.topicID()
		w.CommitOf(old, at(50), topic, 0, 500)
		w.recreate()
		w.write(60, 160)
		w.commitNow(500)
		rep := w.look(160)
		judge(t, rep, truth{missing: []span{{0, 500}}})
		if f := rep.Findings[0]; f.HeldBy != "topic orders" || f.Cause != "the topic was recreated" {
			t.Errorf("got %+v", f)
		}
	})
	t.Run("the group went on in the new one", func(t *testing.T) {
		w := newWorld(t)
		w.write(0, 50)
		w.Members(at(0), 1)
		w.CommitOf(w.topicID(), at(50), topic, 0, 500)
		w.Members(at(51), 0)
		w.recreate()
		id := w.topicID()
		w.write(60, 160)
		w.Members(at(130), 1)
		w.CommitOf(id, at(131), topic, 0, 710)
		w.CommitOf(id, at(160), topic, 0, 1000)
		w.commitNow(1000)
		judge(t, w.look(160), truth{missing: []span{{0, 500}}}) // in minute 130 the new log had 700
	})
	t.Run("the group was thrown out of the new one", func(t *testing.T) {
		w := newWorld(t)
		w.write(0, 50)
		w.Members(at(0), 1)
		w.CommitOf(w.topicID(), at(50), topic, 0, 500)
		w.Members(at(51), 0)
		w.recreate()
		id := w.topicID()
		w.write(60, 160)
		w.Members(at(70), 1) // the new log had 100
		w.CommitOf(id, at(71), topic, 0, 110)
		w.CommitOf(id, at(160), topic, 0, 1000)
		w.commitNow(1000)
		judge(t, w.look(160), truth{open: []span{{0, 110}}})
		w.reset = group.ResetLatest
		judge(t, w.look(160), truth{missing: []span{{0, 100}}})
		w.reset = group.ResetEarliest
		judge(t, w.look(160), truth{})
	})
	t.Run("nobody names the topic, and the old position was never in this log", func(t *testing.T) {
		w := newWorld(t)
		w.Members(at(0), 1)
		w.Commit(at(50), topic, 0, 5000)
		w.Members(at(51), 0)
		w.write(60, 160)
		w.Members(at(130), 1)
		w.stands(131, 710)
		w.reset = group.ResetLatest
		judge(t, w.look(160), truth{open: []span{{0, 710}}})
	})
	t.Run("an archive of the old one is not taken for one of the new one", func(t *testing.T) {
		w := newWorld(t)
		w.write(0, 50)
		w.keep()
		w.recreate()
		w.write(60, 160)
		w.commitNow(100)
		w.expire(300)
		rep := w.look(160)
		judge(t, rep, truth{missing: []span{{100, 300}}})
		if f := rep.Findings[0]; f.HeldBy != "" || !strings.Contains(strings.Join(rep.NotChecked, "\n"), "another topic of the same name") {
			t.Errorf("got %+v, not checked %q", f, rep.NotChecked)
		}
	})
}

func TestWithoutTheHistoryOnlyThePresentIsJudged(t *testing.T) {
	w := newWorld(t)
	w.write(0, 100)
	w.Members(at(0), 1)
	w.Members(at(11), 0)
	w.Commit(at(20), topic, 0, 300)
	w.stands(21, 500)
	w.expire(600)
	w.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Topic: kgrouptest.Topic, Err: kerr.TopicAuthorizationFailed, Count: -1})
	rep := w.look(100)
	judge(t, rep, truth{missing: []span{{500, 600}}})
	if !strings.Contains(strings.Join(rep.NotChecked, "\n"), "__consumer_offsets can not be read") {
		t.Errorf("not checked: got %q", rep.NotChecked)
	}
}

func TestGroupsThatHaveNothing(t *testing.T) {
	w := newWorld(t)
	w.write(0, 10)
	if _, err := group.Look(t.Context(), group.Input{Client: w.Client(), Group: "nobody", NowMs: at(10).UnixMilli()}); !errors.Is(err, kgroup.ErrNoGroup) {
		t.Errorf("a group that is not there: got %v, want %v", err, kgroup.ErrNoGroup)
	}
	w.Commit(at(1), "other", 0, 3)
	w.commitNowIn("other")
	rep := w.look(10)
	if len(rep.Findings) != 0 || len(rep.Places) != 0 || len(rep.NotChecked) == 0 {
		t.Errorf("a group without commits here: got %+v", rep)
	}
}

func (w *world) commitNowIn(other string) {
	w.t.Helper()
	if err := w.CreateTopic(other, 1, nil); err != nil {
		w.t.Fatal(err)
	}
	offs := kadm.Offsets{}
	offs.AddOffset(other, 0, 0, -1)
	if err := kadm.NewClient(w.Client()).CommitAllOffsets(w.t.Context(), w.Group, offs); err != nil {
		w.t.Fatal(err)
	}
}
