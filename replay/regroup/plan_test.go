package regroup

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"backstitch/replay/kgroup"
	"backstitch/replay/offsetmap"

	"github.com/google/go-cmp/cmp"
)

func codes(p *Plan) string {
	var out []string
	for _, n := range p.Notes {
		out = append(out, n.Code)
	}
	return strings.Join(out, " ")
}

func TestPlan(t *testing.T) {
	w := positioned(t)
	w.commit(old, 2, 2, "") // 2, 3 and 4 are in the new topic nowhere
	p := w.plan()
	want := []Part{
		{Partition: 0, Stands: &Commit{Offset: 12, Metadata: "a note"}, Offset: 6, Landing: &offsetmap.Landing{Offset: 6, Again: 1}, Why: "the first record that it is not known to have seen"},
		{Partition: 1, Stands: &Commit{Offset: 20}, Before: &Commit{Offset: 3, Metadata: "kept"}, Offset: 15, Landing: &offsetmap.Landing{Offset: 15}, Why: "the end: it has seen all there is"},
		{Partition: 2, Stands: &Commit{Offset: 2}, Offset: -1, Cannot: true, Landing: &offsetmap.Landing{Lacking: 3}, Why: "orders-v2 lacks 3 records that the group has not seen"},
	}
	if diff := cmp.Diff(want, p.Parts); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if moved, cannot := p.Count(); moved != 2 || cannot != 1 || codes(p) != NoteAgain || code(p.Partly()) != CodePartly || p.Check() != nil {
		t.Errorf("%d to move, %d not, notes %s, %v, %v", moved, cannot, codes(p), p.Partly(), p.Check())
	}

	p = w.look().Plan(w.offsets(), Options{Choice: offsetmap.Replay, Missing: true})
	if p.Parts[2].Offset != 0 || codes(p) != NoteAgain+" "+NoteMissing || p.Partly() != nil {
		t.Errorf("with what is lacking: got %+v, notes %s", p.Parts[2], codes(p))
	}

	w.Produce(old, 2, values(30, 32)...) // not copied yet
	w.commit(old, 2, 10, "")
	if p = w.plan(); !p.Parts[2].Cannot || !strings.Contains(p.Parts[2].Why, "lacks 2 records that the group has not seen, 2 of them newer") {
		t.Errorf("what is not copied yet: got %+v", p.Parts[2])
	}

	w.Produce(fresh, 1, values(50, 51)...) // of somebody else, behind all
	w.Produce(fresh, 2, values(50, 51)...)
	w.Produce(fresh, 2, values(30, 32)...)
	w.commit(old, 2, 22, "")
	p = w.plan()
	if p.Parts[1].Offset != 15 || p.Parts[1].Landing.Unknown != 1 || p.Parts[2].Offset != 15 || p.Parts[2].Landing.Again != 2 || p.Parts[2].Landing.Unknown != 1 {
		t.Errorf("replay: got %+v and %+v", p.Parts[1].Landing, p.Parts[2].Landing)
	}
	p = w.look().Plan(w.offsets(), Options{Choice: offsetmap.Resume})
	if p.Parts[2].Offset != 18 || p.Parts[2].Landing.Passed != 1 || codes(p) != NoteAgain+" "+NotePassed {
		t.Errorf("resume: got %+v, notes %s", p.Parts[2].Landing, codes(p))
	}

	if err := w.DeleteRecords(old, 0, 15); err != nil {
		t.Fatal(err)
	}
	if p = w.plan(); !strings.Contains(codes(p), NoteGone) || p.Parts[0].Landing.Gone != 3 {
		t.Errorf("retention: got %+v, notes %s", p.Parts[0].Landing, codes(p))
	}
}

func TestWhatCanNotBePlanned(t *testing.T) {
	w := newWorld(t)
	w.commit(fresh, 0, 1, "")
	if _, err := Look(t.Context(), "nobody", End{"here", w.cl, old}, End{"here", w.cl, fresh}); !errors.Is(err, kgroup.ErrNoGroup) {
		t.Errorf("no such group: got %v", err)
	}
	if _, err := Look(t.Context(), group, End{"here", w.cl, old}, End{"here", w.cl, fresh}); code(err) != CodeNoPosition {
		t.Errorf("no position: got %v", err)
	}
	w.commit(old, 0, 25, "")
	p := w.plan()
	if !p.Parts[0].Cannot || !strings.Contains(p.Parts[0].Why, "behind the end") || code(p.Check()) != CodeNothing {
		t.Errorf("a position of another log: got %+v, %v", p.Parts[0], p.Check())
	}
	// Two sides that have nothing in common prove nothing.
	w.commit(old, 0, 20, "")
	seen, m := w.look(), w.offsets()
	m.Partitions[0].Runs = offsetmap.Runs{}
	m.Partitions[0].TargetOnly.Add(0)
	if p = seen.Plan(m, Options{Choice: offsetmap.Replay}); !p.Parts[0].Cannot || !strings.Contains(p.Parts[0].Why, "nothing was compared") {
		t.Errorf("nothing in common: got %+v", p.Parts[0])
	}
	m.Partitions[0].Broken = "why"
	if p = seen.Plan(m, Options{Choice: offsetmap.Replay}); !p.Parts[0].Cannot || p.Parts[0].Why != "not mapped: why" {
		t.Errorf("not mapped: got %+v", p.Parts[0])
	}
}

func TestRewind(t *testing.T) {
	w := newWorld(t)
	w.commit(old, 0, 12, "note")
	w.commit(old, 1, 3, "")
	end := End{"here", w.cl, old}
	seen, err := Look(t.Context(), group, end, end)
	if err != nil {
		t.Fatal(err)
	}
	p := seen.Rewind(7, map[int32]int64{0: 4, 1: 4, 2: 4}, 1)
	if p.Parts[0].Offset != 4 || p.Parts[0].Back != 8 || p.Parts[1].Offset != -1 || p.Parts[2].Offset != -1 || codes(p) != NoteAgain {
		t.Errorf("got %+v, notes %s", p.Parts, codes(p))
	}
	r, err := p.Apply(t.Context(), w.access(), "hash", w.receipt(), 2)
	if err != nil || outcomes(r.Results) != "moved" {
		t.Fatalf("apply: got %v, %+v", err, r)
	}
	if got := w.positions(old); got[0].Offset != 4 || got[1].Offset != 3 {
		t.Errorf("applied: got %+v", got)
	}
	if _, err := r.Undo(t.Context(), w.cl); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[int32]Commit{0: {Offset: 12, Metadata: "note"}, 1: {Offset: 3}}, w.positions(old)); diff != "" {
		t.Errorf("undone: -want +got\n%s", diff)
	}
}

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "p")
	p := &Plan{Version: PlanVersion, Group: group, Parts: []Part{{Offset: 7, Why: "<&>"}}}
	hash, err := p.WriteFile(path)
	if err != nil {
		t.Fatal(err)
	}
	got, again, err := ReadPlan(path)
	if err != nil || again != hash {
		t.Fatalf("got %v, hash %s, want %s", err, again, hash)
	}
	if diff := cmp.Diff(p, got); diff != "" {
		t.Errorf("-written +read\n%s", diff)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	with := func(old, new string) string {
		if !strings.Contains(string(text), old) {
			t.Fatalf("%q is not in\n%s", old, text)
		}
		return strings.Replace(string(text), old, new, 1)
	}
	for _, tc := range []struct{ name, text, want string }{
		{"one value is another", with(`"offset": 7`, `"offset": 8`), CodeEdited},
		{"indented in another way", with("\n ", "\n      "), ""},
		{"newer", with(`"version": 2`, `"version": 3`), CodeNewer},
		{"a member more", with(`"sha256"`, `"more": 1, "sha256"`), CodeNotFile},
		{"a receipt", with(`"groupsPlan"`, `"groupsReceipt"`), CodeNotFile},
		{"half", string(text[:len(text)/2]), CodeNotFile},
		{"empty", "", CodeNotFile},
		{"a spec", "apiVersion: backstitch.dev/v1\n", CodeNotFile},
	} {
		if err := os.WriteFile(path, []byte(tc.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := ReadPlan(path); code(err) != tc.want {
			t.Errorf("%s: got %v, want %q", tc.name, err, tc.want)
		}
	}
	if _, err := p.WriteFile(path); code(err) != CodeOverwrite {
		t.Errorf("over something else: got %v", err)
	}
	if _, _, err := ReadPlan(filepath.Join(dir, "nowhere")); code(err) != CodeNotFile {
		t.Errorf("no file: got %v", err)
	}
}
