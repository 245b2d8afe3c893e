//go:build real || memory

package realtest

import (
	"fmt"
	"testing"
	"time"
)

// phases returns a function that says what has just been done and how long it took.
func phases(t *testing.T) func(format string, args ...any) {
	began := time.Now()
	return func(format string, args ...any) {
		t.Helper()
		t.Logf("%6.1f s  %s", time.Since(began).Seconds(), fmt.Sprintf(format, args...))
		began = time.Now()
	}
}
