package testbed

import (
	"context"
	"fmt"
	"net"
	"os"
	"testing"
	"time"

	"backstitch/chaos/process"
)

// Scripts is where the scripts that fetch and run the servers live, seen from a package two folders below the root.
const Scripts = "../../deploy/testbed"

// Start runs a program for the length of the test. The end of its log is shown when the test fails.
func Start(t testing.TB, spec process.Spec) *process.Process {
	t.Helper()
	return StartIn(t, process.Start, spec)
}

// StartIn is Start by means of begin, which may start the program somewhere else; nil is process.Start.
func StartIn(t testing.TB, begin func(process.Spec) (*process.Process, error), spec process.Spec) *process.Process {
	t.Helper()
	if begin == nil {
		begin = process.Start
	}
	p, err := begin(spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Kill()
		if t.Failed() {
			Tail(t, spec.Name, spec.Log)
		}
	})
	return p
}

// tailBytes is how much of a log is shown; all of it is in the artifact directory.
const tailBytes = 2000

// Tail shows the end of a log.
func Tail(t testing.TB, name, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		return
	}
	t.Logf("the end of what %s said (%s):\n%s", name, path, text[max(0, len(text)-tailBytes):])
}

// Listening waits until something accepts connections on a loopback port.
func Listening(t testing.TB, p *process.Process, port int) {
	t.Helper()
	Eventually(t, time.Minute, fmt.Sprintf("%s to listen on %d", p.Name(), port), func() bool {
		if !p.Running() {
			Tail(t, p.Name(), p.Spec().Log)
			t.Fatalf("%s ended before it listened", p.Name())
		}
		c, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", port), time.Second)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
}

// Eventually asks every 20 ms until done, or fails the test.
func Eventually(t testing.TB, limit time.Duration, what string, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("waited %s for %s", limit, what)
		}
	}
}

// During returns once d is over, or fails the test when it ends before.
func During(t testing.TB, d time.Duration) {
	t.Helper()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.Context().Done():
		t.Fatal("the test ended")
	}
}
