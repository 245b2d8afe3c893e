package regroup

import (
	"strings"
	"testing"

	"backstitch/partition"
	"backstitch/replay/offsetmap"
)

// TestAllOfItMovesOrNothing: what one partition of the old topic stands against may lie in any of the new.
func TestAllOfItMovesOrNothing(t *testing.T) {
	w := newWorld(t)
	w.commit(old, 0, 12, "note")
	seen := w.look()
	good := func() *offsetmap.Across {
		return &offsetmap.Across{
			Sources: []offsetmap.Left{{Partition: 0, Range: partition.Range{To: 20}}, {Partition: 1, Range: partition.Range{To: 20}}},
			Targets: []offsetmap.Lane{
				{Partition: 0, Range: partition.Range{To: 20}, Named: 20, Landing: offsetmap.Landing{Offset: 7, Again: 2}},
				{Partition: 1, Range: partition.Range{To: 20}, Named: 20, Landing: offsetmap.Landing{Offset: 20}},
			},
		}
	}
	for _, tc := range []struct {
		name    string
		change  func(*offsetmap.Across)
		missing bool
		want    string // why nothing moves, "" when all does
		notes   string
	}{
		{name: "all is there", change: func(*offsetmap.Across) {}, notes: NoteAgain},
		{name: "no record says where it is from", change: func(a *offsetmap.Across) { a.Targets[0].Named, a.Targets[1].Named = 0, 0 }, want: "nothing was compared"},
		{name: "another log", change: func(a *offsetmap.Across) { a.Sources[0].Range.To = 11 }, want: "orders/p00 lies behind the end of that, 11"},
		{name: "records are lacking", change: func(a *offsetmap.Across) { a.Sources[1].Lacking = 3 }, want: "lacks 3 records of orders/p01"},
		{name: "and may be", change: func(a *offsetmap.Across) { a.Sources[1].Lacking = 3 }, missing: true, notes: NoteAgain + " " + NoteMissing},
		{name: "half of it was read", change: func(a *offsetmap.Across) { a.Sources[1].Broken = "a broken object" }, want: "is not known: a broken object"},
		{name: "retention", change: func(a *offsetmap.Across) { a.Sources[0].Gone = 3 }, notes: NoteAgain + " " + NoteGone},
	} {
		a := good()
		tc.change(a)
		p := seen.PlanAcross(a, Options{Choice: offsetmap.Replay, Missing: tc.missing, NowMs: 1})
		moved, cannot := p.Count()
		switch {
		case tc.want == "" && (moved != 2 || cannot != 0 || codes(p) != tc.notes || p.Parts[0].Offset != 7):
			t.Errorf("%s: got %d moved, %d not, notes %q, want 2, 0, %q", tc.name, moved, cannot, codes(p), tc.notes)
		case tc.want != "" && (moved != 0 || cannot != 2 || !strings.Contains(p.Parts[1].Why, tc.want)):
			t.Errorf("%s: got %d moved, %q, want none, %q", tc.name, moved, p.Parts[1].Why, tc.want)
		}
	}
}

// TestAMoveAcrossPartitionsIsTakenBack: the group reads the old topic again from where it stood, also where Kafka has forgotten that.
func TestAMoveAcrossPartitionsIsTakenBack(t *testing.T) {
	w := newWorld(t)
	w.commit(old, 0, 12, "note")
	w.commit(old, 1, 3, "")
	made := w.look().PlanAcross(&offsetmap.Across{
		Sources: []offsetmap.Left{{Partition: 0, Range: partition.Range{To: 20}}, {Partition: 1, Range: partition.Range{To: 20}}, {Partition: 2}},
		Targets: []offsetmap.Lane{{Partition: 1, Range: partition.Range{To: 20}, Named: 20, Landing: offsetmap.Landing{Offset: 4}}},
	}, Options{Choice: offsetmap.Replay, NowMs: 1})
	text, err := made.Encode()
	if err != nil {
		t.Fatal(err)
	}
	p, err := DecodePlan(text)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Move(t.Context(), w.access()); err != nil {
		t.Fatal(err)
	}
	if got := w.positions(fresh); len(got) != 1 || got[1].Offset != 4 {
		t.Fatalf("moved: got %+v", got)
	}
	w.forget(old, 0)
	w.forget(old, 1)
	if _, err := p.Back(t.Context(), w.access()); err != nil {
		t.Fatal(err)
	}
	if got := w.positions(old); len(w.positions(fresh)) != 0 || len(got) != 2 || got[0].Offset != 12 || got[0].Metadata != "note" || got[1].Offset != 3 {
		t.Errorf("back: got %+v and %+v", got, w.positions(fresh))
	}
	w.commit(old, 2, 5, "")
	if _, err := p.Move(t.Context(), w.access()); code(err) != CodeMoved {
		t.Errorf("it stands in a partition now in which it had no position: got %v, want %s", err, CodeMoved)
	}
}
