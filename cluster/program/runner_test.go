package program

import (
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench is a node with a few scripts.
type bench struct {
	t       *testing.T
	dir     string
	allowed map[string]Entry
	*Runner
}

func newBench(t *testing.T, scripts map[string]string) *bench {
	t.Helper()
	b := &bench{t: t, dir: t.TempDir(), allowed: map[string]Entry{}}
	for name, text := range scripts {
		path := filepath.Join(b.dir, name)
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o700); err != nil {
			t.Fatal(err)
		}
		b.allowed[name] = Entry{Path: path, Idempotent: strings.HasPrefix(name, "again")}
	}
	b.open()
	return b
}

// open is a start of the agent. What a crash leaves is what Close would write later, so a crash is an open without a Close.
func (b *bench) open() {
	b.t.Helper()
	r, err := Open(Config{Dir: filepath.Join(b.dir, "journal"), Allowed: b.allowed, Clock: time.Now, Logger: slog.New(slog.DiscardHandler), Grace: 300 * time.Millisecond})
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(r.Close)
	b.Runner = r
}

func token(c string) string { return strings.Repeat(c, 32) }

// until asks until an attempt does not run any more.
func (b *bench) until(o Order) State {
	b.t.Helper()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		s, err := b.Run(o)
		if err != nil {
			b.t.Fatal(err)
		}
		if s.Phase != Running {
			return s
		}
		if time.Now().After(end) {
			b.t.Fatalf("%s does not end: %+v", o.Program, s)
		}
	}
}

func order(c, program string, args ...string) Order {
	return Order{Token: token(c), Attempt: 1, Program: program, Args: args, Flow: "fl-a", Step: "reload", Timeout: 5 * time.Second}
}

// A program gets its arguments as they are, no input and an environment that is made for it; what it writes is bounded and can be shown.
func TestWhatAProgramSees(t *testing.T) {
	t.Setenv("SECRET", "hunter2")
	b := newBench(t, map[string]string{
		"args": `for a in "$@"; do echo "[$a]"; done; cat; env; pwd; echo oops >&2`,
		"loud": `i=0; while [ $i -lt 400 ]; do echo "line $i 0123456789012345678901234567890"; i=$((i+1)); done; printf 'end\033[31m\n'`,
	})
	s := b.until(order("a", "args", "a b", "$(id)", "; rm -rf /", "*"))
	for _, want := range []string{"[a b]\n[$(id)]\n[; rm -rf /]\n[*]\n", "BACKSTITCH_TOKEN=" + token("a"), "BACKSTITCH_FLOW=fl-a", "BACKSTITCH_STEP=reload", "BACKSTITCH_ATTEMPT=1", "\n/\n", "oops"} {
		if !strings.Contains(s.Output, want) {
			t.Errorf("want %q in\n%s", want, s.Output)
		}
	}
	if strings.Contains(s.Output, "hunter2") || s.Phase != Ended || s.Exit != 0 {
		t.Errorf("got %+v, want an end with status 0 and nothing of the agent's environment", s)
	}
	if s = b.until(order("b", "loud")); len(s.Output) > OutputKept+8 || !strings.HasPrefix(s.Output, "... ") || !strings.HasSuffix(s.Output, "end [31m") || !strings.Contains(s.Output, "line 399") {
		t.Errorf("got %d bytes, %q, want the end of it, without what moves a terminal", len(s.Output), s.Output)
	}
}

// What ended is told and not begun again, also by an agent that was started anew; another attempt begins.
func TestAnAttemptBeginsOnce(t *testing.T) {
	b := newBench(t, map[string]string{"count": `echo x >> "$1"; exit 3`})
	file := filepath.Join(b.dir, "counted")
	o := order("a", "count", file)
	for range 3 {
		if s := b.until(o); s.Phase != Ended || s.Exit != 3 {
			t.Errorf("got %+v, want status 3", s)
		}
	}
	b.Close()
	b.open()
	if s := b.until(o); s.Exit != 3 {
		t.Errorf("after a restart: got %+v", s)
	}
	o.Attempt = 2
	b.until(o)
	o.Attempt = 1
	if _, err := b.Run(o); !errors.Is(err, ErrRefused) {
		t.Errorf("an attempt that was followed by another: got %v, want refused", err)
	}
	if text, err := os.ReadFile(file); err != nil || strings.Count(string(text), "x") != 2 {
		t.Errorf("it ran %q, %v, want twice, for two attempts", text, err)
	}
}

// An agent that dies with a program leaves it unknown, and neither the same attempt nor a later one begins it again, unless its entry says that
// this is as good as once.
func TestWhatDiedWithTheAgentIsUnknown(t *testing.T) {
	b := newBench(t, map[string]string{"sleeps": `echo x >> "$1"; exec sleep 2`, "again": `echo x >> "$1"; exec sleep 2`})
	runs := func(name string) int {
		text, _ := os.ReadFile(filepath.Join(b.dir, "n-"+name))
		return strings.Count(string(text), "x")
	}
	for name, c := range map[string]string{"sleeps": "c", "again": "a"} {
		if s, err := b.Run(order(c, name, filepath.Join(b.dir, "n-"+name))); err != nil || s.Phase != Running {
			t.Fatalf("%s: got %+v, %v", name, s, err)
		}
	}
	for end := time.Now().Add(5 * time.Second); runs("sleeps")+runs("again") < 2 && time.Now().Before(end); {
		time.Sleep(5 * time.Millisecond)
	}
	b.open() // the agent was killed
	for _, attempt := range []uint32{1, 2} {
		o := order("c", "sleeps", filepath.Join(b.dir, "n-sleeps"))
		o.Attempt = attempt
		if s := b.until(o); s.Phase != Unknown || !strings.Contains(s.Why, "attempt 1 began at") {
			t.Errorf("attempt %d: got %+v, want unknown", attempt, s)
		}
	}
	o := order("a", "again", filepath.Join(b.dir, "n-again"))
	if s, err := b.Run(o); err != nil || s.Phase != Running {
		t.Errorf("an idempotent one: got %+v, %v, want that it runs again", s, err)
	}
	for end := time.Now().Add(5 * time.Second); runs("again") < 2 && time.Now().Before(end); {
		time.Sleep(5 * time.Millisecond)
	}
	if runs("sleeps") != 1 || runs("again") != 2 {
		t.Errorf("sleeps ran %d times and again %d, want 1 and 2", runs("sleeps"), runs("again"))
	}
	b.Close()
	if s := b.until(o); !s.Stopped || s.Phase != Ended || s.Exit != -1 {
		t.Errorf("an agent that stops: got %+v, want a program that was stopped, and that says so", s)
	}
}

// A program whose time is over is killed with everything that it has started, also when it does not listen. Each of them holds a pipe open, so that the
// pipe ends when the last one is gone, and does not while one is left.
func TestTheWholeGroupIsKilled(t *testing.T) {
	b := newBench(t, map[string]string{
		"deaf":  `exec 9>"$1"; echo x >&9; trap '' TERM; (trap '' TERM; sleep 60) & echo waits; wait; sleep 60`,
		"leave": `exec 9>"$1"; echo x >&9; (trap '' TERM; sleep 60) & echo left`,
	})
	pipe := func(name string) *os.File {
		path := filepath.Join(b.dir, name)
		if err := syscall.Mkfifo(path, 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	gone := func(what string, f *os.File) {
		t.Helper()
		if err := f.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if text, err := io.ReadAll(f); err != nil || string(text) != "x\n" {
			t.Errorf("%s: something outlived it: read %q, %v", what, text, err)
		}
	}
	deaf, leave := pipe("deaf-pipe"), pipe("leave-pipe")
	o := order("a", "deaf", deaf.Name())
	o.Timeout = 200 * time.Millisecond
	if s := b.until(o); !s.TimedOut || s.Exit != -1 || !strings.Contains(s.Output, "waits") {
		t.Errorf("got %+v, want killed at its time", s)
	}
	gone("one that is deaf", deaf)
	if s := b.until(order("b", "leave", leave.Name())); s.Exit != 0 || s.TimedOut || s.Output != "left" {
		t.Errorf("one that leaves a child behind: got %+v, want its own end", s)
	}
	gone("one that leaves a child behind", leave)
}

func TestRefusals(t *testing.T) {
	b := newBench(t, map[string]string{"open": "exit 0", "plain": "exit 0"})
	if err := os.Chmod(filepath.Join(b.dir, "open"), 0o707); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(b.dir, "plain"), 0o600); err != nil {
		t.Fatal(err)
	}
	b.Close()
	b.allowed["gone"] = Entry{Path: "/nonexistent/program"}
	b.open()
	short := order("a", "plain")
	short.Token = "x"
	timeless := order("a", "plain")
	timeless.Timeout = 0
	for name, row := range map[string]struct {
		o    Order
		want string
	}{
		"not allowed":         {order("a", "other"), "exec.allow.other.path"},
		"a path":              {order("a", "/bin/sh"), "does not allow"},
		"everybody may write": {order("a", "open"), "everybody may write"},
		"no program":          {order("a", "plain"), "can be executed"},
		"not there":           {order("a", "gone"), "is not there"},
		"a token":             {short, "hex"},
		"no time":             {timeless, "time of 0s"},
		"a zero byte":         {order("a", "plain", "a\x00b"), "zero byte"},
	} {
		if _, err := b.Run(row.o); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: got %v, want refused with %q", name, err, row.want)
		}
	}
	for _, bad := range []map[string]Entry{{"a": {Path: "bin/x"}}, {"a": {Path: "/bin/../x"}}, {"A": {Path: "/x"}}, {"": {Path: "/x"}}} {
		if _, err := Open(Config{Dir: b.dir, Allowed: bad, Clock: time.Now, Logger: slog.New(slog.DiscardHandler)}); err == nil {
			t.Errorf("%v was allowed", bad)
		}
	}
}
