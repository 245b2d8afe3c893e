package process

import (
	"context"
	"os"
	"path/filepath"
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
		select {}
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
