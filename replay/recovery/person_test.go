package recovery_test

import (
	"fmt"
	"testing"

	"backstitch/replay/recovery"

	"github.com/google/go-cmp/cmp"
)

// TestWhatOnlyAPersonDecides: four notes inform, every other one stands against running a plan that nobody has read, also one of a newer
// program.
func TestWhatOnlyAPersonDecides(t *testing.T) {
	var p recovery.Plan
	var want []string
	for n := 201; n <= 233; n++ {
		code := fmt.Sprintf("BST-P%d", n)
		p.Notes = append(p.Notes, recovery.Note{Code: code, Text: "t"})
		if code != recovery.NoteAppend && code != recovery.NoteDuplicates && code != recovery.NotePartitions && code != recovery.NoteRepeated {
			want = append(want, code)
		}
	}
	var got []string
	for _, n := range p.NeedsPerson() {
		got = append(got, n.Code)
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("needs a person (-got +want):\n%s", diff)
	}
}

// TestAKeptPlanIsThePlan: what the cluster keeps is read back as the same plan, and a byte that was changed is found.
func TestAKeptPlanIsThePlan(t *testing.T) {
	p := mustBuild(t, newWorld(), "")
	body, err := p.Pack()
	if err != nil {
		t.Fatal(err)
	}
	back, err := recovery.Unpack("plan bs-a", body, "")
	if err != nil {
		t.Fatal(err)
	}
	was, err := p.Hash()
	if err != nil {
		t.Fatal(err)
	}
	if is, err := back.Hash(); err != nil || is != was {
		t.Errorf("got hash %x, %v, want %x", is, err, was)
	}
	for i := range body {
		bad := append([]byte(nil), body...)
		bad[i] ^= 1
		if back, err := recovery.Unpack("plan bs-a", bad, ""); err == nil {
			if is, err := back.Hash(); err != nil || is != was {
				t.Fatalf("byte %d was changed, and that makes another plan", i)
			}
		}
	}
}
