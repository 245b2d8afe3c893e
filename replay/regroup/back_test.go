package regroup

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// kept is a plan that went through its text.
func kept(t *testing.T, p *Plan) *Plan {
	t.Helper()
	text, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	out, err := DecodePlan(text)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// forget is what Kafka does to positions that are too old.
func (w *world) forget(topic string, part int32) {
	w.t.Helper()
	set := kadm.TopicsSet{}
	set.Add(topic, part)
	if err := must(kadm.NewClient(w.Client()).DeleteOffsets(w.t.Context(), group, set)); err != nil {
		w.t.Fatal(err)
	}
}

func must(resp kadm.DeleteOffsetsResponses, err error) error {
	if err != nil {
		return err
	}
	return resp.Error()
}

// A plan that somebody else keeps is enough to go and to come back, also twice, and also when nobody got to going.
func TestMoveAndBack(t *testing.T) {
	w := positioned(t)
	p := kept(t, w.plan())
	home := map[int32]Commit{0: {Offset: 12, Metadata: "a note"}, 1: {Offset: 20}}
	if r, err := p.Back(t.Context(), w.access()); err != nil || len(r.Results)+len(r.Restored)+len(r.Left) != 0 {
		t.Errorf("back before it went: %+v, %v", r, err)
	}
	for i, want := range []string{"moved moved", "moved! moved!"} {
		if got, err := p.Move(t.Context(), w.access()); err != nil || outcomes(got) != want {
			t.Errorf("move %d: got %+v, %v, want %s", i, got, err, want)
		}
		w.want("moved", wantAfter)
	}
	for i, want := range []string{"moved moved", ""} {
		if r, err := p.Back(t.Context(), w.access()); err != nil || outcomes(r.Results) != want || len(r.Restored)+len(r.Left) != 0 {
			t.Errorf("back %d: got %+v, %v, want %s", i, r, err, want)
		}
		w.want("back", wantBefore)
	}
	if diff := cmp.Diff(home, w.positions(old)); diff != "" {
		t.Errorf("positions in %s were touched: -want +got\n%s", old, diff)
	}
}

// Whoever has read the new topic for a week has no position in the old one any more: it is put back there, or readers would begin by chance.
func TestBackToAForgottenPosition(t *testing.T) {
	w := positioned(t)
	p := kept(t, w.plan())
	if _, err := p.Move(t.Context(), w.access()); err != nil {
		t.Fatal(err)
	}
	w.forget(old, 0)
	w.commit(old, 1, 18, "went on here")
	w.commit(fresh, 0, 9, "went on there")
	r, err := p.Back(t.Context(), w.access())
	if err != nil || outcomes(r.Restored) != "moved" || outcomes(r.Results) != "moved" || !slices.Equal(r.Left, []int32{0}) {
		t.Fatalf("got %+v, %v", r, err)
	}
	if diff := cmp.Diff(map[int32]Commit{0: {Offset: 12, Metadata: "a note"}, 1: {Offset: 18, Metadata: "went on here"}}, w.positions(old)); diff != "" {
		t.Errorf("positions in %s: -want +got\n%s", old, diff)
	}
	w.want("back", map[int32]Commit{0: {Offset: 9, Metadata: "went on there"}, 1: wantBefore[1]})
}

func TestBackRefusesMembers(t *testing.T) {
	w := positioned(t)
	p := w.plan()
	if _, err := p.Move(t.Context(), w.access()); err != nil {
		t.Fatal(err)
	}
	cl := w.Client(kgo.ConsumerGroup(group), kgo.ConsumeTopics(fresh), kgo.DisableAutoCommit(), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if fetched := cl.PollFetches(t.Context()); fetched.Err() != nil { // it has joined when it has something
		t.Fatal(fetched.Err())
	}
	if err := p.Inactive(t.Context(), w.access()); code(err) != CodeActive {
		t.Errorf("look: got %v, want %s", err, CodeActive)
	}
	if _, err := p.Back(t.Context(), w.access()); code(err) != CodeActive {
		t.Errorf("back: got %v, want %s", err, CodeActive)
	}
	w.want("refused", wantAfter)
}

// A group that would be sent on in parts only is not sent.
func TestWhole(t *testing.T) {
	w := positioned(t)
	p := w.plan()
	if err := p.Whole(); err != nil {
		t.Fatal(err)
	}
	p.Parts[0].Cannot, p.Parts[0].Offset = true, -1
	if err := p.Whole(); code(err) != CodePartly {
		t.Errorf("got %v, want %s", err, CodePartly)
	}
	if _, err := DecodePlan([]byte(`{"version":3}`)); err == nil {
		t.Error("a plan of a newer version was taken")
	}
}
