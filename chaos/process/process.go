// Package process runs child processes that can be hurt: killed, frozen, thawed, and always reaped.
//
// Invariants:
//   - Every child dies with its parent (Linux: parent death signal) and is reaped by exactly one goroutine.
//   - What a child prints goes to a file, so that a failed run leaves its evidence behind.
//
// Not here: what to run (cmd, the tests) and when to hurt it (scenarios).
//
// Reading order: process.go, usage.go.
package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// Spec says what to start.
type Spec struct {
	Name string // for messages
	Path string
	Args []string
	Env  []string // added to the parent's
	Dir  string
	Log  string // file that gets stdout and stderr, appended; "" discards
}

// Process is one running or finished child.
type Process struct {
	spec Spec
	cmd  *exec.Cmd
	done chan struct{} // closed once the child is reaped
	err  error         // of Wait; read after done
}

// Start starts a child in a process group of its own, so that a terminal's Ctrl-C reaches only the parent.
func Start(spec Spec) (*Process, error) {
	out, err := openLog(spec.Log)
	if err != nil {
		return nil, fmt.Errorf("log of %s: %w", spec.Name, err)
	}
	defer out.Close() // the child keeps its own descriptor
	cmd := exec.Command(spec.Path, spec.Args...)
	cmd.Env = append(os.Environ(), spec.Env...)
	cmd.Dir = spec.Dir
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = childAttributes()
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", spec.Name, err)
	}
	p := &Process{spec: spec, cmd: cmd, done: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

func openLog(path string) (*os.File, error) {
	if path == "" {
		path = os.DevNull
	}
	return os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
}

// Name is the name given at Start.
func (p *Process) Name() string { return p.spec.Name }

// Spec is what Start was given, for starting the same thing again.
func (p *Process) Spec() Spec { return p.spec }

// PID is the child's process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the child has ended and is reaped.
func (p *Process) Done() <-chan struct{} { return p.done }

// Running reports whether the child has not ended yet.
func (p *Process) Running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// Kill ends the child without warning (SIGKILL) and waits until it is gone. A frozen child dies too.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // an error means that it has ended already
	<-p.done
}

// Freeze stops the child with SIGSTOP: it holds its connections and its memory and does nothing.
func (p *Process) Freeze() error { return p.signal(syscall.SIGSTOP) }

// Thaw lets a frozen child go on.
func (p *Process) Thaw() error { return p.signal(syscall.SIGCONT) }

// Terminate asks the child to end (SIGTERM), waits for it as long as grace, and then kills it. It returns the exit status,
// -1 when the child died of a signal.
func (p *Process) Terminate(grace time.Duration) int {
	_ = p.signal(syscall.SIGTERM)
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.done:
	case <-timer.C:
		p.Kill()
	}
	return p.cmd.ProcessState.ExitCode()
}

// Wait waits for the child to end by itself and returns its exit status.
func (p *Process) Wait(ctx context.Context) (int, error) {
	select {
	case <-p.done:
		return p.cmd.ProcessState.ExitCode(), nil
	case <-ctx.Done():
		return -1, fmt.Errorf("wait for %s: %w", p.spec.Name, ctx.Err())
	}
}

func (p *Process) signal(s syscall.Signal) error {
	err := p.cmd.Process.Signal(s)
	if err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("%s to %s: %w", s, p.spec.Name, err)
	}
	return nil
}
