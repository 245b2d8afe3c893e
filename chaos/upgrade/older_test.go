package upgrade

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"backstitch/fsm"
)

// TestTheOlderProgramLacksTheNewestVersion, and nothing else.
func TestTheOlderProgramLacksTheNewestVersion(t *testing.T) {
	text, err := os.ReadFile("../../" + opsFile)
	if err != nil {
		t.Fatal(err)
	}
	older, newest, err := takeAway(string(text))
	if err != nil || newest != fsm.LatestVersion {
		t.Fatalf("got version %d and %v, want %d", newest, err, fsm.LatestVersion)
	}
	for _, want := range []string{fmt.Sprintf("LatestVersion uint32 = %d\n", newest-1), fmt.Sprintf("MaxOp uint16 = %d\n", fsm.VersionNeeds(newest-1))} {
		if !strings.Contains(older, want) {
			t.Errorf("%q is not in it", want)
		}
	}
	if gone := fmt.Sprintf(`", %d, decodeOp`, newest); strings.Contains(older, gone) {
		t.Errorf("an op of version %d is left", newest)
	}
	if got, want := strings.Count(older, "decodeOp["), strings.Count(string(text), "decodeOp[")-strings.Count(string(text), fmt.Sprintf(`", %d, decodeOp`, newest)); got != want {
		t.Errorf("%d ops are left, want %d", got, want)
	}
	if _, _, err := takeAway("package fsm"); !errors.Is(err, ErrShape) {
		t.Errorf("another file: got %v, want %v", err, ErrShape)
	}
}
