package gaptest

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// ResidentPeak is the most memory that this process has had at once, in bytes, as Linux counts it (VmHWM of /proc/self/status).
func ResidentPeak(t testing.TB) int64 {
	t.Helper()
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var kib int64
		if _, err := fmt.Sscanf(line, "VmHWM: %d kB", &kib); err == nil {
			return kib << 10
		}
	}
	t.Fatal("no peak in /proc/self/status")
	return 0
}
