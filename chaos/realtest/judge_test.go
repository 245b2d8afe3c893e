//go:build real

package realtest

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"backstitch/chaos/testbed"
)

// limitOfJudge ends a judge that hangs.
const limitOfJudge = 90 * time.Second

// judge runs one of the Java programs of deploy/testbed/judge, which know nothing of ours, and returns the lines that it printed.
func judge(t *testing.T, name string, args ...string) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limitOfJudge)
	defer cancel()
	var out, complaints bytes.Buffer
	cmd := exec.CommandContext(ctx, filepath.Join(testbed.Scripts, "judge.sh"), append([]string{"run", name}, args...)...)
	cmd.Stdout, cmd.Stderr = &out, &complaints
	if err := cmd.Run(); err != nil {
		t.Fatalf("judge %s: %v\n%s", name, err, &complaints)
	}
	if out.Len() == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
}

// differ fails the test at the first line that is not as it has to be.
func differ(t *testing.T, what string, got, want []string) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			t.Errorf("%s: of %d lines, want %d, line %d is\n%s\nwant\n%s", what, len(got), len(want), i+1, lineOf(got, i), lineOf(want, i))
			return
		}
	}
}

// shownBytes is how much of a line is shown.
const shownBytes = 500

func lineOf(lines []string, i int) string {
	if i >= len(lines) {
		return "(none)"
	}
	return fmt.Sprintf("%.*s", shownBytes, lines[i])
}
