package packages

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// bar is the exposure that systemd-analyze may find at most: 0 is nothing, 10 everything.
const bar = 2.0

// exposure is what systemd-analyze says of a unit that starts this test instead of the program, which need not be installed.
func exposure(t *testing.T, unit string) float64 {
	t.Helper()
	file := written(t, unit)
	out, err := exec.Command("systemd-analyze", "security", "--offline=true", "--no-pager", file).CombinedOutput()
	if err != nil {
		t.Fatalf("systemd-analyze security: %v\n%s", err, out)
	}
	found := regexp.MustCompile(`Overall exposure level for \S+: ([0-9.]+)`).FindSubmatch(out)
	if found == nil {
		t.Fatalf("systemd-analyze gives no figure:\n%s", out)
	}
	n, err := strconv.ParseFloat(string(found[1]), 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func written(t *testing.T, unit string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "backstitch.service")
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(unit, "/usr/bin/backstitch", self)), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestTheServiceMayDoLittle(t *testing.T) {
	raw, err := os.ReadFile("../../systemd/backstitch.service")
	if err != nil {
		t.Fatal(err)
	}
	unit := string(raw)
	if out, err := exec.Command("systemd-analyze", "verify", "--man=no", written(t, unit)).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
	have := exposure(t, unit)
	t.Logf("exposure %.1f, at most %.1f", have, bar)
	if have >= bar {
		t.Errorf("exposure is %.1f, want less than %.1f", have, bar)
	}
	if lax := exposure(t, regexp.MustCompile(`(?m)^(SystemCall|Capability|Restrict|User).*\n`).ReplaceAllString(unit, "")); lax < bar {
		t.Errorf("without half of it the exposure is %.1f: this test sees nothing", lax)
	}
}
