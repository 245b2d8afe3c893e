package conductor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"backstitch/cluster/turns"
	"backstitch/fsm"
	"backstitch/fsm/flow"
	"backstitch/partition/calendar"
	"backstitch/partition/due"
)

// Book is the leader's own replica.
type Book interface {
	View() (*fsm.View, error)
	// Wait blocks until an index above after is applied and returns the applied index. It also returns when ctx ends.
	Wait(ctx context.Context, after uint64) (uint64, error)
}

// Proposer applies a command through Raft.
type Proposer interface {
	Propose(ctx context.Context, env fsm.Envelope, cmd fsm.Command) (fsm.Result, error)
}

// ErrRefused marks an error of a Planner that would be the same the next time.
var ErrRefused = errors.New("refused")

// Config is what a Loop needs. All fields are required but SecretDir and those that are said to be nil.
type Config struct {
	Self     string // this node, for the audit trail
	Program  string // version
	Book     Book
	Proposer Proposer
	Planner  Planner      // nil refuses recovery steps
	Client   *http.Client // see notify.NewClient
	Env      func(name string) (string, bool)
	// Consumers reaches consumer groups; nil refuses steps that wait for them.
	Consumers Consumers
	// Rollbacker takes jobs back; nil refuses steps that do so.
	Rollbacker Rollbacker
	// Programs asks nodes to run programs; nil refuses steps that want one.
	Programs Programs
	// SecretDir holds the files that secrets come from, "" for none.
	SecretDir string
	Clock     func() time.Time
	Logger    *slog.Logger

	Calls int           // attempts at the same time, of all flows
	Plans int           // of these, plans that are made
	Turn  time.Duration // between two looks at the book, at least
}

// DefaultConfig returns the limits; the caller fills in the rest.
func DefaultConfig() Config { return Config{Calls: 32, Plans: 2, Turn: 100 * time.Millisecond} }

// Validate refuses half a configuration.
func (c Config) Validate() error {
	switch {
	case c.Self == "" || c.Book == nil || c.Proposer == nil || c.Client == nil || c.Env == nil || c.Clock == nil || c.Logger == nil:
		return errors.New("conductor: Self, Book, Proposer, Client, Env, Clock and Logger are required")
	case c.Calls <= 0 || c.Plans <= 0 || c.Turn <= 0:
		return errors.New("conductor: limits have to be positive")
	}
	return nil
}

// Loop conducts the flows of the book for as long as this node leads. Make a new one each time.
type Loop struct {
	cfg Config
	log *slog.Logger

	// Owned by the goroutine of Run.
	tasks   map[attempt]*task
	mine    map[attempt]bool      // begun by this loop
	held    map[attempt]time.Time // that could not begin, until when they are left alone
	results chan result
	work    sync.WaitGroup
}

// attempt is one attempt of one step.
type attempt struct {
	flow fsm.FlowID
	step string
	n    uint32
}

// task is an attempt that is under way here, or whose end the book does not know yet.
type task struct {
	plan   bool
	cancel context.CancelFunc
	done   bool
	out    outcome
	note   *fsm.StepNote // that is not in the book yet
}

// result is what came of a task, or what one says on its way.
type result struct {
	at   attempt
	out  outcome
	note *fsm.StepNote
}

// New checks cfg and starts nothing.
func New(cfg Config) (*Loop, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Loop{cfg: cfg, log: cfg.Logger.With("node", cfg.Self), tasks: map[attempt]*task{}, mine: map[attempt]bool{}, held: map[attempt]time.Time{},
		results: make(chan result, cfg.Calls)}, nil
}

// Run conducts until ctx ends, and then returns nil. It returns an error only when the book can not be read. All its goroutines are gone
// when it returns.
func (l *Loop) Run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer l.work.Wait()
	defer stop()
	changed := make(chan struct{}, 1)
	l.work.Go(func() { turns.Watch(ctx, l.cfg.Book, l.cfg.Turn, changed) })
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case r := <-l.results:
			l.finished(r)
		case <-changed:
		case <-timer.C:
		}
		for more := true; more; {
			select {
			case r := <-l.results:
				l.finished(r)
			default:
				more = false
			}
		}
		wait, err := l.turn(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("conductor: %w", err)
		}
		timer.Reset(max(wait, l.cfg.Turn))
		if !turns.Pause(ctx, l.cfg.Turn) {
			return nil
		}
	}
}

// idle is how long the loop waits when nothing is due.
const idle = time.Minute

// turn does what is due, and returns how long nothing else will be. Commands are proposed one by one, and the book is read anew before the
// next turn: what one of them changes is never guessed.
func (l *Loop) turn(ctx context.Context) (time.Duration, error) {
	view, err := l.cfg.Book.View()
	if err != nil {
		return 0, err
	}
	todo, wait, err := l.look(ctx, view)
	if closeErr := view.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return 0, err
	}
	for _, t := range todo {
		if ctx.Err() != nil {
			return 0, nil
		}
		l.propose(ctx, t)
		wait = 0
	}
	return wait, nil
}

// look reads every flow that has not ended and collects what has to be proposed. Tasks that are due are started.
func (l *Loop) look(ctx context.Context, view *fsm.View) (todo []proposal, wait time.Duration, err error) {
	ids, err := view.ActiveFlows()
	if err != nil {
		return nil, 0, err
	}
	alive := map[attempt]bool{}
	todo, wait, err = l.runs(view)
	if err != nil {
		return nil, 0, err
	}
	for _, id := range ids {
		f, g, ok, err := view.Flow(id)
		if err != nil {
			return nil, 0, err
		}
		if !ok {
			continue
		}
		graph, err := view.FlowGraph(f.ID, g)
		if err != nil {
			return nil, 0, err
		}
		now := l.cfg.Clock().UnixNano()
		due, wake := flow.Decide(graph, f.States, f.State == fsm.FlowPaused, now)
		if wake > 0 {
			wait = min(wait, time.Duration(wake-now))
		}
		for _, d := range due {
			if d.Act == flow.Fail && d.Class == flow.TimedOut {
				n, _, err := view.StepNote(f, d.Step)
				if err != nil {
					return nil, 0, err
				}
				if n.Text != "" {
					d.Why += ": " + n.Text
				}
			}
			p := l.decided(f, g, d, now)
			if p.begins != nil {
				if rest := l.held[*p.begins].Sub(l.cfg.Clock()); rest > 0 {
					wait = min(wait, rest)
					continue
				}
				delete(l.held, *p.begins)
			}
			todo = append(todo, p)
		}
		for i, st := range f.States {
			if st.Status != flow.Running {
				continue
			}
			at := attempt{f.ID, g.Steps[i].Name, st.Attempt}
			alive[at] = true
			note, _, err := view.StepNote(f, i)
			if err != nil {
				return nil, 0, err
			}
			p, err := l.running(ctx, view, f, g.Steps[i], st, known{note: note, job: jobOf(g.Steps[i], f, g)}, at)
			if err != nil {
				return nil, 0, err
			}
			if p != nil {
				todo = append(todo, *p)
			}
		}
		if graph.Outcome(f.States).Done {
			todo = append(todo, proposal{command: fsm.FinishFlow{ID: f.ID}, why: "every step has ended"})
		}
	}
	for at, t := range l.tasks {
		if !alive[at] {
			t.cancel() // settled, or taken away by a person or a bound
			delete(l.tasks, at)
		}
	}
	for at := range l.mine {
		if !alive[at] {
			delete(l.mine, at)
		}
	}
	return todo, wait, nil
}

// runs begins the runs of schedules that are due, and says how long no other one is. Times that were missed, however many, make one run, since the next due time is
// computed from now; whether one goes already is for the book to say.
func (l *Loop) runs(view *fsm.View) (todo []proposal, wait time.Duration, err error) {
	all, err := view.FlowSchedules()
	if err != nil {
		return nil, 0, err
	}
	now := l.cfg.Clock()
	wait = idle
	for _, s := range all {
		if s.Paused {
			continue
		}
		at := time.Unix(0, s.NextUnixNanos)
		if rest := at.Sub(now); rest > 0 {
			wait = min(wait, rest)
			continue
		}
		next, err := calendar.Next(due.Rule{Every: time.Duration(s.EveryNanos), Cron: s.Cron}, s.Zone, at, now)
		if err != nil {
			continue // the door checks rules: this one was put by a program that knows more than this one, or zones that this node does not have
		}
		todo = append(todo, proposal{
			command: fsm.BeginFlow{Flow: fsm.SubmitFlow{ID: fsm.FlowRunID(s.ID(), s.NextUnixNanos)}, Schedule: s.ID(), DueUnixNanos: s.NextUnixNanos, NextUnixNanos: next.UnixNano()},
			why:     fmt.Sprintf("schedule %s was due at %s", s.ID(), at.UTC().Format(time.RFC3339)),
		})
	}
	return todo, wait, nil
}

// finished notes what came of a task, or what it says.
func (l *Loop) finished(r result) {
	switch t := l.tasks[r.at]; {
	case t == nil:
	case r.note == nil:
		t.done, t.out = true, r.out
	case t.note != nil && len(r.note.Marks) == 0: // marks are said once, and the book does not have them yet
		t.note.Text = r.note.Text
	default:
		t.note = r.note
	}
}
