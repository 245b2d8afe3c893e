package member

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// TestAStrangerFillsNoLog: a line for each packet of noise would.
func TestAStrangerFillsNoLog(t *testing.T) {
	now := time.Unix(1000, 0)
	var out bytes.Buffer
	w := newLogWriter(slog.New(slog.NewTextHandler(&out, nil)), func() time.Time { return now })
	for n := range 10 * 5000 { // ten seconds of a flood
		now = now.Add(200 * time.Microsecond)
		fmt.Fprintf(w, "[ERR] memberlist: msg type (%d) not supported from=192.0.2.1:9\n", n)
	}
	if n := strings.Count(out.String(), "\n"); n < 95 || n > 101 {
		t.Errorf("%d lines in ten seconds, want 50 at once and 5 a second", n)
	}
	now = now.Add(time.Minute)
	out.Reset()
	fmt.Fprint(w, "[WARN] memberlist: Was able to connect to node-b over TCP but UDP probes failed\n")
	if text := out.String(); !strings.Contains(text, "UDP probes failed") || !strings.Contains(text, "left_out=") {
		t.Errorf("after it: %q, want the line and how many were left out", text)
	}
	out.Reset()
	fmt.Fprint(w, "[DEBUG] memberlist: chatter\n")
	if out.Len() > 0 {
		t.Errorf("%q", out.String())
	}
}
