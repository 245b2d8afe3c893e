package program

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// How a process is watched. The trap is that a program which ends may leave children that hold its output open: waiting for the end of the output
// would wait for them. So they have Grace to end, and then the output is closed and the whole group is killed.

// Config of a Runner. All fields are required but Allowed.
type Config struct {
	Dir     string           // of the journal; made if it is not there
	Allowed map[string]Entry // by name
	Clock   func() time.Time // for the journal
	Logger  *slog.Logger
	// Grace is how long a group has between SIGTERM and SIGKILL; 0 is DefaultGrace.
	Grace time.Duration
}

// DefaultGrace is the time that a program has to end by itself when its time is over.
const DefaultGrace = 5 * time.Second

// Runner runs programs. Make one per node.
type Runner struct {
	cfg     Config
	journal journal
	ctx     context.Context // ends with Close
	stop    context.CancelFunc

	mu   sync.Mutex
	live map[string]*run // by token; one that has ended stays until the journal has it
	work sync.WaitGroup
}

// run is an attempt of this process.
type run struct {
	attempt uint32
	out     *tail
	rec     record
}

// Open sweeps the journal. It starts nothing.
func Open(cfg Config) (*Runner, error) {
	if cfg.Dir == "" || cfg.Clock == nil || cfg.Logger == nil {
		return nil, errors.New("program: Dir, Clock and Logger are required")
	}
	for name, e := range cfg.Allowed {
		if err := errors.Join(CheckName(name), e.Check()); err != nil {
			return nil, fmt.Errorf("program %s: %w", name, err)
		}
	}
	cfg.Grace = cmp.Or(cfg.Grace, DefaultGrace)
	r := &Runner{cfg: cfg, journal: journal{cfg.Dir}, live: map[string]*run{}}
	r.ctx, r.stop = context.WithCancel(context.Background())
	if err := r.journal.sweep(cfg.Clock()); err != nil {
		r.stop()
		return nil, fmt.Errorf("journal of programs: %w", err)
	}
	return r, nil
}

// Close kills what runs and waits until it is gone and in the journal. Nothing begins after it.
func (r *Runner) Close() {
	r.mu.Lock()
	r.stop()
	r.mu.Unlock()
	r.work.Wait()
}

// Allowed returns the entry of a name.
func (r *Runner) Allowed(name string) (Entry, bool) {
	e, ok := r.cfg.Allowed[name]
	return e, ok
}

// Run begins an attempt unless it was begun before, and tells how it goes. ErrRefused says that it would be refused again; after any other error
// nobody knows, and the same order may be given again.
func (r *Runner) Run(o Order) (State, error) {
	if err := o.check(); err != nil {
		return State{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if l := r.live[o.Token]; l != nil {
		switch {
		case l.attempt > o.Attempt:
			return State{}, fmt.Errorf("%w: attempt %d was followed by attempt %d", ErrRefused, o.Attempt, l.attempt)
		case l.rec.State.Phase == Ended: // the journal did not take it
			if err := r.journal.write(o.Token, l.rec); err != nil {
				return State{}, err
			}
			delete(r.live, o.Token)
		case l.attempt == o.Attempt:
			return State{Phase: Running, Output: l.out.String()}, nil
		default:
			return State{Phase: Busy, Why: fmt.Sprintf("attempt %d still runs", l.attempt)}, nil
		}
	}
	rec, ok, err := r.journal.read(o.Token)
	if err != nil {
		return State{}, err
	}
	entry, allowed := r.cfg.Allowed[o.Program]
	switch {
	case ok && rec.Attempt > o.Attempt:
		return State{}, fmt.Errorf("%w: attempt %d was followed by attempt %d", ErrRefused, o.Attempt, rec.Attempt)
	case ok && rec.State.Phase == Ended && rec.Attempt == o.Attempt:
		return rec.State, nil
	case ok && rec.State.Phase != Ended && !(allowed && entry.Idempotent):
		return State{Phase: Unknown, Why: fmt.Sprintf("attempt %d began at %s, and the agent ended before it did", rec.Attempt, rec.BegunAt.UTC().Format(time.RFC3339))}, nil
	case !allowed:
		return State{}, fmt.Errorf("%w: this node does not allow a program %s: exec.allow.%s.path", ErrRefused, o.Program, o.Program)
	case r.ctx.Err() != nil:
		return State{}, errors.New("the agent is stopping")
	case len(r.live) >= MaxRunning:
		return State{Phase: Busy, Why: fmt.Sprintf("%d programs run on this node already", MaxRunning)}, nil
	}
	return r.begin(o, entry)
}

// begin writes an attempt down and starts its process. The caller holds mu.
func (r *Runner) begin(o Order, e Entry) (State, error) {
	if err := e.runnable(); err != nil {
		return State{}, err
	}
	now := r.cfg.Clock()
	l := &run{attempt: o.Attempt, out: &tail{}, rec: record{Program: o.Program, Flow: o.Flow, Step: o.Step, Attempt: o.Attempt, BegunAt: now, ChangedAt: now, State: State{Phase: Running}}}
	if err := r.journal.write(o.Token, l.rec); err != nil {
		return State{}, err
	}
	cmd := exec.Command(e.Path, o.Args...) // #nosec G204 -- the path is that of this agent's configuration, and no shell reads the arguments
	cmd.Dir, cmd.Stdout, cmd.Stderr = "/", l.out, l.out
	cmd.Env = []string{"PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8", "BACKSTITCH_TOKEN=" + o.Token, "BACKSTITCH_FLOW=" + o.Flow, "BACKSTITCH_STEP=" + o.Step,
		fmt.Sprintf("BACKSTITCH_ATTEMPT=%d", o.Attempt)}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = r.cfg.Grace // of the output, once the process has ended
	if err := cmd.Start(); err != nil {
		l.rec.State = State{Phase: Ended, Exit: -1, Why: fmt.Sprintf("it can not be started: %v", err)}
		return l.rec.State, r.journal.write(o.Token, l.rec)
	}
	r.live[o.Token] = l
	r.cfg.Logger.Info("a program of a flow runs", "program", o.Program, "flow", o.Flow, "step", o.Step, "attempt", o.Attempt, "pid", cmd.Process.Pid)
	r.work.Go(func() { r.watch(o, l, cmd) })
	return State{Phase: Running}, nil
}

// watch waits for the end of a process, or makes it, and writes it down.
func (r *Runner) watch(o Order, l *run, cmd *exec.Cmd) {
	ended := make(chan error, 1)
	go func() { // ends with the process, which is killed below at the latest
		err := cmd.Wait()
		kill(cmd, syscall.SIGKILL) // what it has left behind
		if errors.Is(err, exec.ErrWaitDelay) {
			err = nil // its children had the output open, and it has ended well
		}
		ended <- err
	}()
	late := time.NewTimer(o.Timeout)
	defer late.Stop()
	var out State
	var err error
	select {
	case err = <-ended:
	case <-late.C:
		out.TimedOut = true
		err = r.end(cmd, ended)
	case <-r.ctx.Done():
		out.Stopped = true
		err = r.end(cmd, ended)
	}
	out.Phase, out.Exit, out.Output = Ended, int32(cmd.ProcessState.ExitCode()), l.out.String()
	if err != nil {
		out.Why = err.Error()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	l.rec.State, l.rec.ChangedAt = out, r.cfg.Clock()
	r.cfg.Logger.Info("a program of a flow has ended", "program", o.Program, "flow", o.Flow, "step", o.Step, "attempt", o.Attempt, "exit", out.Exit, "timed_out", out.TimedOut)
	if err := r.journal.write(o.Token, l.rec); err != nil {
		r.cfg.Logger.Warn("the end of a program is not in the journal yet", "program", o.Program, "err", err)
		return // it stays in live, and is written when it is asked for
	}
	delete(r.live, o.Token)
}

// end makes a group end: first by asking.
func (r *Runner) end(cmd *exec.Cmd, ended <-chan error) error {
	kill(cmd, syscall.SIGTERM)
	grace := time.NewTimer(r.cfg.Grace)
	defer grace.Stop()
	select {
	case err := <-ended:
		return err
	case <-grace.C:
	}
	kill(cmd, syscall.SIGKILL)
	return <-ended
}

// kill signals a whole group. One that is gone already is no error.
func kill(cmd *exec.Cmd, sig syscall.Signal) { _ = syscall.Kill(-cmd.Process.Pid, sig) }
