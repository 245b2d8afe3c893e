package regroup

import (
	"errors"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"backstitch/replay/replaytest"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func outcomes(rs []Result) string {
	var out []string
	for _, r := range rs {
		s := string(r.Outcome)
		if r.Already {
			s += "!"
		}
		out = append(out, s)
	}
	return strings.Join(out, " ")
}

// positioned is a world in which the group stands at 12, 20 and nowhere, and has been in partition 1 of the new topic.
func positioned(t *testing.T) *world {
	w := newWorld(t)
	w.commit(old, 0, 12, "a note")
	w.commit(old, 1, 20, "")
	w.commit(fresh, 1, 3, "kept")
	return w
}

var (
	wantBefore = map[int32]Commit{1: {Offset: 3, LeaderEpoch: 0, Metadata: "kept"}}
	wantAfter  = map[int32]Commit{0: {Offset: 6, LeaderEpoch: -1}, 1: {Offset: 15, LeaderEpoch: -1}}
)

func (w *world) want(what string, want map[int32]Commit) {
	w.t.Helper()
	if diff := cmp.Diff(want, w.positions(fresh)); diff != "" {
		w.t.Errorf("%s: positions in %s: -want +got\n%s", what, fresh, diff)
	}
}

func TestApplyAndUndo(t *testing.T) {
	w := positioned(t)
	p := w.plan()
	if made, err := p.Refuse(t.Context(), w.access()); made != 0 || err != nil {
		t.Fatalf("before: %d made, %v", made, err)
	}
	w.want("planned", wantBefore)
	r, err := w.apply(p)
	if err != nil || outcomes(r.Results) != "moved moved" {
		t.Fatalf("apply: got %v, %+v", err, r)
	}
	w.want("applied", wantAfter)
	if diff := cmp.Diff(map[int32]Commit{0: {Offset: 12, Metadata: "a note"}, 1: {Offset: 20}}, w.positions(old)); diff != "" {
		t.Errorf("positions in %s were touched: -want +got\n%s", old, diff)
	}
	again, err := w.apply(p)
	if err != nil || outcomes(again.Results) != "moved! moved!" {
		t.Errorf("apply again: got %v, %+v", err, again)
	}
	kept, err := ReadReceipt(w.receipt())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(again, kept); diff != "" {
		t.Errorf("receipt: -told +kept\n%s", diff)
	}
	for i, want := range []string{"moved moved", "moved! moved!"} {
		got, err := kept.Undo(t.Context(), w.cl)
		if err != nil || outcomes(got) != want {
			t.Errorf("undo %d: got %v, %+v, want %s", i, err, got, want)
		}
		w.want("undone", wantBefore)
	}
	if r, err = w.apply(p); err != nil || outcomes(r.Results) != "moved moved" {
		t.Errorf("apply what was undone: got %v, %+v", err, r)
	}
}

// What was there before is on disk before anything is written.
func TestTheReceiptComesFirst(t *testing.T) {
	w := positioned(t)
	p := w.plan()
	var seen *Receipt
	var failed error
	w.once(kmsg.OffsetCommit, func(kmsg.Request) (kmsg.Response, error, bool) {
		seen, failed = ReadReceipt(w.receipt())
		return nil, nil, false
	})
	if _, err := w.apply(p); err != nil {
		t.Fatal(err)
	}
	if failed != nil || outcomes(seen.Results) != "intended intended" || !equal(seen.Results[1].Before, &Commit{Offset: 3, Metadata: "kept"}) || seen.Results[0].Before != nil {
		t.Fatalf("when the commit arrived: %v, %+v", failed, seen)
	}
	// It is enough to go back.
	if _, err := seen.Undo(t.Context(), w.cl); err != nil {
		t.Error(err)
	}
	w.want("undone", wantBefore)

	if err := os.WriteFile(w.receipt(), []byte("notes\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := w.apply(p); code(err) != CodeOverwrite {
		t.Errorf("a receipt in place of something else: got %v", err)
	}
	if _, err := p.Apply(t.Context(), w.access(), "hash", w.dir+"/nowhere/receipt", 2); err == nil {
		t.Error("applied without a receipt")
	}
	w.want("refused", wantBefore)
}

func TestAReceiptOfAnotherPlanIsKept(t *testing.T) {
	w := positioned(t)
	p := w.plan()
	if _, err := w.apply(p); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Apply(t.Context(), w.access(), "another hash", w.receipt(), 2); code(err) != CodeOverwrite {
		t.Errorf("got %v, want a refusal", err)
	}
}

// Everything that moved since the plan is named, and nothing is written then, neither by apply nor by undo.
func TestRefusals(t *testing.T) {
	recreate := func(topic string) func(w *world) {
		return func(w *world) {
			adm := kadm.NewClient(w.Client())
			if _, err := adm.DeleteTopic(w.t.Context(), topic); err != nil {
				w.t.Fatal(err)
			}
			if _, err := adm.CreateTopic(w.t.Context(), replaytest.Partitions, 1, nil, topic); err != nil {
				w.t.Fatal(err)
			}
		}
	}
	join := func(topic string) func(w *world) {
		return func(w *world) {
			cl := w.Client(kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic), kgo.DisableAutoCommit())
			w.t.Cleanup(cl.Close)
			if fetched := cl.PollFetches(w.t.Context()); fetched.Err() != nil { // it has joined when it has something
				w.t.Fatal(fetched.Err())
			}
		}
	}
	for _, tc := range []struct {
		name  string
		since func(w *world)
		apply string
		undo  string // after it was applied and since has happened
	}{
		{"members in the old topic", join(old), CodeActive, CodeActive},
		{"members in the new topic", join(fresh), CodeActive, CodeActive},
		{"it read on in the old topic", func(w *world) { w.commit(old, 0, 13, "") }, CodeMoved, ""},
		{"it lost its position in the old topic", func(w *world) {
			if _, err := kadm.NewClient(w.Client()).DeleteOffsets(w.t.Context(), group, kadm.TopicsSet{old: {0: {}}}); err != nil {
				w.t.Fatal(err)
			}
		}, CodeMoved, ""},
		{"it read on in the new topic", func(w *world) { w.commit(fresh, 1, 4, "") }, CodeMoved, CodeMoved},
		{"it got a position in the new topic", func(w *world) { w.commit(fresh, 0, 1, "") }, CodeMoved, CodeMoved},
		{"the old topic was made anew", recreate(old), CodeOther, ""},
		{"the new topic was made anew", recreate(fresh), CodeOther, CodeOther},
		{"retention", func(w *world) {
			offs := kadm.Offsets{}
			offs.AddOffset(fresh, 0, 7, -1)
			if _, err := kadm.NewClient(w.Client()).DeleteRecords(w.t.Context(), offs); err != nil {
				w.t.Fatal(err)
			}
		}, CodeOther, ""},
		{"only a note beside its position", func(w *world) { w.commit(old, 0, 12, "another note") }, "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := positioned(t)
			p := w.plan()
			tc.since(w)
			before := w.positions(fresh)
			_, err := p.Refuse(t.Context(), w.access())
			if code(err) != tc.apply {
				t.Errorf("looking: got %v, want %q", err, tc.apply)
			}
			if _, err = w.apply(p); code(err) != tc.apply {
				t.Errorf("apply: got %v, want %q", err, tc.apply)
			}
			if tc.apply != "" {
				w.want("refused", before)
				if _, err := os.Stat(w.receipt()); !errors.Is(err, os.ErrNotExist) {
					t.Errorf("a receipt of nothing: %v", err)
				}
			}
		})
		t.Run("undo: "+tc.name, func(t *testing.T) {
			w := positioned(t)
			r, err := w.apply(w.plan())
			if err != nil {
				t.Fatal(err)
			}
			tc.since(w)
			before := w.positions(fresh)
			if _, err = r.Refuse(t.Context(), w.cl); code(err) != tc.undo {
				t.Errorf("looking: got %v, want %q", err, tc.undo)
			}
			if _, err = r.Undo(t.Context(), w.cl); code(err) != tc.undo {
				t.Errorf("undo: got %v, want %q", err, tc.undo)
			}
			if tc.undo != "" {
				w.want("refused", before)
			}
		})
	}
}

func TestAnotherClusterIsRefused(t *testing.T) {
	w := positioned(t)
	p := w.plan()
	p.To.Cluster = "somewhere else"
	if _, err := w.apply(p); code(err) != CodeOther {
		t.Errorf("got %v, want a refusal", err)
	}
	r := &Receipt{Version: 1, Group: group, To: p.To}
	if _, err := r.Undo(t.Context(), w.cl); code(err) != CodeOther {
		t.Errorf("undo: got %v, want a refusal", err)
	}
	w.want("refused", wantBefore)
}

// answers makes the broker answer commits by itself, with a code by partition, and commits nothing.
func (w *world) answers(codes map[int32]*kerr.Error) {
	w.once(kmsg.OffsetCommit, func(req kmsg.Request) (kmsg.Response, error, bool) {
		r := req.(*kmsg.OffsetCommitRequest)
		resp := r.ResponseKind().(*kmsg.OffsetCommitResponse)
		for _, t := range r.Topics {
			rt := kmsg.NewOffsetCommitResponseTopic()
			rt.Topic, rt.TopicID = t.Topic, t.TopicID
			for _, p := range t.Partitions {
				rp := kmsg.NewOffsetCommitResponseTopicPartition()
				rp.Partition = p.Partition
				if e := codes[p.Partition]; e != nil {
					rp.ErrorCode = e.Code
				}
				rt.Partitions = append(rt.Partitions, rp)
			}
			resp.Topics = append(resp.Topics, rt)
		}
		return resp, nil, true
	})
}

// One partition is refused, the others are committed. It is told exactly, and the next try goes on with what is left.
func TestPartOfACommit(t *testing.T) {
	w := positioned(t)
	p := w.plan()
	w.once(kmsg.OffsetCommit, func(req kmsg.Request) (kmsg.Response, error, bool) {
		// Partition 0 is not known to the broker for a moment: what is sent of it goes nowhere.
		r := req.(*kmsg.OffsetCommitRequest)
		for i := range r.Topics {
			ps := &r.Topics[i].Partitions
			for j := range *ps {
				if (*ps)[j].Partition == 0 {
					*ps = append((*ps)[:j], (*ps)[j+1:]...)
					break
				}
			}
		}
		return nil, nil, false
	})
	r, err := w.apply(p)
	var e *Error
	if !errors.As(err, &e) || e.Code != CodePartly || e.Exit != exitPartly || !strings.Contains(e.Why, "p00 is kept: "+errNoAnswer.Error()) {
		t.Fatalf("got %v", err)
	}
	if outcomes(r.Results) != "kept moved" {
		t.Errorf("got %+v", r.Results)
	}
	kept, err := ReadReceipt(w.receipt())
	if err != nil || outcomes(kept.Results) != "kept moved" {
		t.Errorf("receipt: got %v, %+v", err, kept)
	}
	w.want("in part", map[int32]Commit{1: wantAfter[1]})
	if made, err := p.Refuse(t.Context(), w.access()); made != 1 || err != nil {
		t.Errorf("looking again: %d made, %v", made, err)
	}
	if r, err = w.apply(p); err != nil || outcomes(r.Results) != "moved moved!" {
		t.Errorf("the next try: got %v, %+v", err, r)
	}
	w.want("whole", wantAfter)
	if _, err := r.Undo(t.Context(), w.cl); err != nil {
		t.Error(err)
	}
	w.want("undone", wantBefore)
}

func TestARefusedCommit(t *testing.T) {
	w := positioned(t)
	p := w.plan()
	w.answers(map[int32]*kerr.Error{0: kerr.OffsetMetadataTooLarge, 1: kerr.TopicAuthorizationFailed})
	r, err := w.apply(p)
	var e *Error
	if !errors.As(err, &e) || e.Exit != exitFailed || !strings.Contains(e.Why, "TOPIC_AUTHORIZATION_FAILED") || outcomes(r.Results) != "kept kept" {
		t.Errorf("got %v, %+v", err, r)
	}
	w.want("refused", wantBefore)
}

// A broker that says yes and does not do it is found out by reading back.
func TestAYesIsReadBack(t *testing.T) {
	w := positioned(t)
	p := w.plan()
	w.answers(nil)
	r, err := w.apply(p)
	if code(err) != CodePartly || outcomes(r.Results) != "kept kept" || !strings.Contains(err.Error(), "the broker said yes, and the group stands at") {
		t.Errorf("got %v, %+v", err, r)
	}
}

// Scenario S16: an undo that was acknowledged and did nothing is noticed. The receipt stays as it was, and the next undo undoes.
func TestS16AnUndoThatDidNothingIsNoticed(t *testing.T) {
	w := positioned(t)
	p := w.plan()
	r, err := w.apply(p)
	if err != nil {
		t.Fatal(err)
	}
	w.answers(nil)
	if _, err := r.Undo(t.Context(), w.cl); code(err) != CodePartly || !strings.Contains(err.Error(), "the broker said yes, and the group stands at") {
		t.Errorf("got %v, want that what was committed is not undone", err)
	}
	w.want("undone in part", map[int32]Commit{1: wantAfter[1]}) // to have no position is to be deleted, which it was
	kept, err := ReadReceipt(w.receipt())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kept.Undo(t.Context(), w.cl); err != nil {
		t.Errorf("the next undo: %v", err)
	}
	w.want("undone", wantBefore)
}

// The answer to a commit is lost: what was read back counts, whether it was done or not.
func TestALostAnswer(t *testing.T) {
	for _, tc := range []struct {
		name string
		done bool
		want string
	}{{"done", true, "moved moved"}, {"not done", false, "kept kept"}} {
		t.Run(tc.name, func(t *testing.T) {
			w := positioned(t)
			p := w.plan()
			var asked atomic.Int64
			w.once(kmsg.OffsetCommit, func(kmsg.Request) (kmsg.Response, error, bool) {
				asked.Add(1)
				if tc.done {
					w.cut.Store(true)
					return nil, nil, false
				}
				return nil, errors.New("the broker hangs up"), true
			})
			r, err := w.apply(p)
			if n := asked.Load(); n != 1 {
				t.Fatalf("asked %d times", n)
			}
			if r == nil || outcomes(r.Results) != tc.want {
				t.Fatalf("got %v, %+v, want %s", err, r, tc.want)
			}
			if tc.done {
				w.want("done", wantAfter)
			} else if code(err) != CodePartly || !strings.Contains(err.Error(), "may still arrive") {
				t.Errorf("got %v", err)
			}
			if r, err = w.apply(p); err != nil {
				t.Errorf("once more: got %v, %+v", err, r)
			}
			w.want("once more", wantAfter)
		})
	}
}

// What can not be read back is not known, and the receipt is there all the same.
func TestNothingIsToldThatWasNotReadBack(t *testing.T) {
	w := positioned(t)
	p := w.plan()
	var back atomic.Bool
	w.once(kmsg.OffsetCommit, func(kmsg.Request) (kmsg.Response, error, bool) {
		w.ControlKey(int16(kmsg.OffsetFetch), func(kmsg.Request) (kmsg.Response, error, bool) {
			w.KeepControl()
			if back.Load() {
				return nil, nil, false
			}
			return nil, errors.New("the broker hangs up"), true
		})
		return nil, nil, false
	})
	if _, err := w.apply(p); code(err) != CodeUnknown {
		t.Fatalf("got %v", err)
	}
	back.Store(true)
	r, err := ReadReceipt(w.receipt())
	if err != nil || outcomes(r.Results) != "intended intended" {
		t.Fatalf("receipt: got %v, %+v", err, r)
	}
	if _, err := r.Undo(t.Context(), w.cl); err != nil {
		t.Error(err)
	}
	w.want("undone", wantBefore)
}

// Somebody commits between our commit and our look: it is not ours to undo.
func TestSomebodyElseCommits(t *testing.T) {
	w := positioned(t)
	p := w.plan()
	w.once(kmsg.OffsetCommit, func(req kmsg.Request) (kmsg.Response, error, bool) {
		req.(*kmsg.OffsetCommitRequest).Topics[0].Partitions[0].Offset = 1
		return nil, nil, false
	})
	r, err := w.apply(p)
	if code(err) != CodePartly || outcomes(r.Results) != "other moved" {
		t.Fatalf("got %v, %+v", err, r)
	}
	if _, err := w.apply(p); code(err) != CodeMoved {
		t.Errorf("once more: got %v", err)
	}
	if _, err := r.Undo(t.Context(), w.cl); code(err) != CodeMoved {
		t.Errorf("undo: got %v", err)
	}
}
