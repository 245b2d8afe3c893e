package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheStatusSaysWhetherABarWasMissed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "figures.jsonl")
	if err := os.WriteFile(path, []byte(`{"suite":"sim","seeds":20000,"violations":0}`+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	rows := []struct {
		args []string
		want int
		says string
	}{
		{[]string{path}, 1, "bubble-seeds     MISSED"},
		{[]string{"-bars", "sim-seeds,violations", path}, 0, "bubble-seeds     not asked"},
		{[]string{"-bars", "sim-seeds,crash-points", path}, 1, "crash-points     MISSED"},
		{[]string{"-bars", "seeds", path}, 2, "there is no bar seeds"},
		{[]string{path + ".not"}, 2, "no such file"},
		{nil, 2, "want one file"},
	}
	for _, row := range rows {
		var stdout, stderr bytes.Buffer
		if got := run(row.args, &stdout, &stderr); got != row.want || !strings.Contains(stderr.String(), row.says) {
			t.Errorf("%v: got %d, want %d and %q in\n%s", row.args, got, row.want, row.says, stderr.String())
		}
	}
}
