package process

import (
	"context"
	"crypto/rand"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestMain lets the test binary play the child.
func TestMain(m *testing.M) {
	switch os.Getenv("PROCESS_TEST_CHILD") {
	case "exit3":
		os.Stdout.WriteString("leaving\n")
		os.Exit(3)
	case "wait":
		asked := make(chan os.Signal, 1) // who waits for nothing at all is ended by the runtime
		signal.Notify(asked, os.Interrupt)
		<-asked
	case "work":
		for held := make([]byte, 32<<20); ; {
			_, _ = rand.Read(held) // which nobody reads, so what the compiler sees of it, it leaves out
		}
	}
	os.Exit(m.Run())
}

func child(t *testing.T, role, log string) *Process {
	t.Helper()
	p, err := Start(Spec{Name: role, Path: os.Args[0], Env: []string{"PROCESS_TEST_CHILD=" + role}, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return p
}

func TestWaitReturnsTheExitStatusAndKeepsTheOutput(t *testing.T) {
	log := filepath.Join(t.TempDir(), "child.log")
	p := child(t, "exit3", log)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	status, err := p.Wait(ctx)
	if err != nil || status != 3 {
		t.Errorf("Wait: got %d, %v, want 3, nil", status, err)
	}
	if out, _ := os.ReadFile(log); !strings.Contains(string(out), "leaving") {
		t.Errorf("log: got %q, want the child's words", out)
	}
}

func TestKillEndsAFrozenChild(t *testing.T) {
	p := child(t, "wait", "")
	if err := p.Freeze(); err != nil {
		t.Fatal(err)
	}
	if !p.Running() {
		t.Fatal("a frozen child counts as ended")
	}
	p.Kill()
	if p.Running() {
		t.Error("killed child still counts as running")
	}
	if err := p.Thaw(); err != nil {
		t.Errorf("Thaw of an ended child: got %v, want nil", err)
	}
}

func TestWaitGivesUpWithTheContext(t *testing.T) {
	p := child(t, "wait", "")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := p.Wait(ctx); err == nil {
		t.Error("Wait with an ended context: got nil error")
	}
}

// TestWhatAChildHasHad of processors and of memory is what it says of itself, a minute at most after it began.
func TestWhatAChildHasHad(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux says so in /proc")
	}
	idle, busy := child(t, "wait", ""), child(t, "work", "")
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		worked, err := busy.Worked()
		if err != nil {
			t.Fatal(err)
		}
		now, err := busy.Resident()
		if err != nil {
			t.Fatal(err)
		}
		if worked >= 50*time.Millisecond && now >= 32<<20 {
			break
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("it has had %s of processors and has %d bytes", worked, now)
		}
	}
	if peak, err := busy.Peak(); err != nil || peak < 32<<20 {
		t.Errorf("a peak of %d bytes, %v", peak, err)
	}
	if less, err := idle.Resident(); err != nil || less >= 32<<20 {
		t.Errorf("one that does nothing has %d bytes, %v", less, err)
	}
}
