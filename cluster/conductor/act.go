package conductor

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"backstitch/cluster/program"
	"backstitch/cluster/sla"
	"backstitch/fsm"
	"backstitch/fsm/flow"
	"backstitch/partition"
)

// proposal is a command that is due, and why.
type proposal struct {
	command fsm.Command
	why     string
	begins  *attempt // what the command begins
	step    flow.Step
	state   flow.State
	said    *task // whose note the command is
}

// decided makes a command of a decision.
func (l *Loop) decided(f fsm.Flow, g fsm.FlowGraph, d flow.Decision, now int64) proposal {
	s, st := g.Steps[d.Step], f.States[d.Step]
	switch d.Act {
	case flow.Begin:
		at := attempt{f.ID, s.Name, st.Attempt + 1}
		c := fsm.BeginStep{Flow: f.ID, Step: s.Name, Attempt: at.n, Token: st.NextToken(string(f.ID), s.Name), Wait: s.Kind == Manual}
		if c.Wait {
			var q Question
			if json.Unmarshal(s.Body, &q) == nil {
				c.Why = q.Prompt
			}
		}
		return proposal{command: c, why: cmp.Or(d.Why, "what it needs has ended well"), begins: &at, step: s, state: st}
	case flow.Skip:
		return proposal{command: fsm.SettleStep{Flow: f.ID, Step: s.Name, Attempt: st.Attempt, Status: flow.Skipped, Why: d.Why}, why: d.Why}
	}
	out := failed(d.Class, "%s", d.Why)
	if d.Class == flow.TimedOut && once(s) {
		out.class = flow.Lost // the call is on its way, or was
	}
	return settled(f, s, st, out, now)
}

// once reports whether a step does something of which nobody knows, when its time is over, whether it was done, and which must not be done twice.
func once(s flow.Step) bool {
	if s.Kind == RunProgram {
		return true // its own time was over before: the node has not said so
	}
	var c Call
	return s.Kind == HTTP && json.Unmarshal(s.Body, &c) == nil && c.Once
}

// settled makes the command that says what came of an attempt.
func settled(f fsm.Flow, s flow.Step, st flow.State, out outcome, now int64) proposal {
	c := fsm.SettleStep{Flow: f.ID, Step: s.Name, Attempt: st.Attempt, Status: flow.Succeeded, Class: out.class, Why: out.why}
	if out.class != 0 {
		c.Status = flow.Broken
		if d, again := s.Again(st.Tries, out.class); again && st.Status != flow.Pending {
			c.Again, c.NotBeforeUnixNanos = true, now+int64(max(d, out.after))
		}
	}
	return proposal{command: c, why: out.why, step: s, state: st}
}

// running looks after an attempt that the book says is under way. It returns what there is to say about it, nil for nothing.
func (l *Loop) running(ctx context.Context, view *fsm.View, f fsm.Flow, s flow.Step, st flow.State, in known, at attempt) (*proposal, error) {
	now := l.cfg.Clock().UnixNano()
	settle := func(out outcome) (*proposal, error) {
		p := settled(f, s, st, out, now)
		return &p, nil
	}
	if st.Job != "" {
		if t := l.tasks[at]; t != nil {
			t.cancel()
			delete(l.tasks, at) // the plan is a job now
		}
		j, ok, err := view.Job(st.Job)
		switch {
		case err != nil:
			return nil, err
		case !ok:
			return settle(failed(flow.Refused, "job %s is gone", st.Job))
		case j.State == fsm.JobSucceeded:
			return settle(outcome{})
		case j.State == fsm.JobFailed:
			return settle(failed(flow.Failed, "job %s failed: %s", j.ID, j.Why))
		case j.State == fsm.JobCancelled:
			return settle(failed(flow.Refused, "job %s was cancelled: %s", j.ID, j.Why))
		}
		return nil, nil
	}
	if t := l.tasks[at]; t != nil {
		switch {
		case !t.done && t.note != nil:
			c := fsm.NoteStep{Flow: f.ID, Step: s.Name, Attempt: st.Attempt, Marks: t.note.Marks, Text: t.note.Text}
			return &proposal{command: c, why: t.note.Text, step: s, state: st, said: t}, nil
		case !t.done:
			return nil, nil
		case t.out.made != nil:
			c, out, err := planned(view, f, fsm.PlanStep{Flow: f.ID, Step: s.Name, Attempt: st.Attempt, Made: t.out.made}, t.out.terms, now)
			if err != nil {
				return nil, err
			}
			if c == nil {
				return settle(out)
			}
			return &proposal{command: c, why: "the plan is made", step: s, state: st}, nil
		}
		return settle(t.out)
	}
	var e Exec
	if s.Kind == RunProgram && strict(s.Body, &e) == nil {
		m, due, out, err := given(view, e, in.note)
		switch {
		case err != nil:
			return nil, err
		case out.class != 0:
			return settle(out)
		case due != nil:
			c := fsm.NoteStep{Flow: f.ID, Step: s.Name, Attempt: st.Attempt, Marks: due.Marks, Text: due.Text}
			return &proposal{command: c, why: due.Text, step: s, state: st}, nil
		}
		in.on = m
	}
	do, out := l.effect(f, s, st, in, at)
	if do == nil {
		return settle(out)
	}
	l.start(ctx, s, st, at, do, now)
	return nil, nil
}

// planned is the command that hands in a plan whose job has terms, nil for none. The clock of its deadline starts when the loss was detected, as for a job that a
// person submits. A cluster that would not keep them is given no job: nil, and what comes of the step.
func planned(view *fsm.View, f fsm.Flow, c fsm.PlanStep, terms *fsm.JobTerms, now int64) (fsm.Command, outcome, error) {
	if terms == nil {
		return c, outcome{}, nil
	}
	version, err := view.Version()
	if err != nil {
		return nil, outcome{}, err
	}
	on := fsm.PlanStepOnTerms{Plan: c, Terms: *terms}
	if since, _ := fsm.Since(on.Op()); version < since {
		return nil, failed(flow.Refused, "hours and a deadline of a flow's job need cluster version %d, and this one is at %d", since, version), nil
	}
	if on.Terms.WithinNanos != 0 {
		if on.Terms.DetectedUnixNanos, err = sla.Detected(view, f.Namespace, c.Made.Name, now); err != nil {
			return nil, outcome{}, err
		}
	}
	return on, outcome{}, nil
}

// known is what else the book knows that an attempt needs.
type known struct {
	note fsm.StepNote    // of the attempt
	job  partition.JobID // that a rollback takes back
	on   fsm.Member      // that runs a program
}

// effect is what there is to do for a step, nil when it has come to its end already.
func (l *Loop) effect(f fsm.Flow, s flow.Step, st flow.State, in known, at attempt) (func(context.Context) outcome, outcome) {
	if err := Check(s); err != nil {
		return nil, failed(flow.Refused, "%v", err)
	}
	switch s.Kind {
	case Recovery:
		return func(ctx context.Context) outcome { return l.cfg.plan(ctx, s.Body) }, outcome{}
	case HTTP:
		var c Call
		if err := json.Unmarshal(s.Body, &c); err != nil {
			return nil, failed(flow.Refused, "%v", err)
		}
		if c.Once && !l.mine[at] {
			return nil, failed(flow.Lost, "another leader began it and may have made the call; idempotent: false says not to make it again")
		}
		return func(ctx context.Context) outcome { return l.cfg.call(ctx, c, st.Token) }, outcome{}
	case RunDatabricks:
		var d Databricks
		if err := json.Unmarshal(s.Body, &d); err != nil {
			return nil, failed(flow.Refused, "%v", err)
		}
		return func(ctx context.Context) outcome { return l.cfg.run(ctx, d, st.Token) }, outcome{}
	case RunAirflow:
		var a Airflow
		if err := json.Unmarshal(s.Body, &a); err != nil {
			return nil, failed(flow.Refused, "%v", err)
		}
		return func(ctx context.Context) outcome { return l.cfg.run(ctx, a, st.Token) }, outcome{}
	case WaitConsumers:
		var w Wait
		if err := json.Unmarshal(s.Body, &w); err != nil {
			return nil, failed(flow.Refused, "%v", err)
		}
		return func(ctx context.Context) outcome { return l.wait(ctx, w, in.note.Marks, l.sayer(ctx, at)) }, outcome{}
	case RunProgram:
		var e Exec
		if err := json.Unmarshal(s.Body, &e); err != nil {
			return nil, failed(flow.Refused, "%v", err)
		}
		o := program.Order{Token: st.Token, Attempt: st.Attempt, Program: e.Program, Args: e.Args, Flow: string(f.ID), Step: s.Name, Timeout: time.Duration(e.TimeoutNanos)}
		return func(ctx context.Context) outcome { return l.exec(ctx, e, in.on, o, l.sayer(ctx, at)) }, outcome{}
	case RollBack:
		return func(ctx context.Context) outcome { return l.cfg.rollBack(ctx, in.job, f) }, outcome{}
	}
	return nil, outcome{} // verify: the gate was open
}

// sayer is how a task says how far it is, as long as ctx lasts.
func (l *Loop) sayer(ctx context.Context, at attempt) func(fsm.StepNote) {
	return func(n fsm.StepNote) {
		select {
		case l.results <- result{at: at, note: &n}:
		case <-ctx.Done():
		}
	}
}

// longestCall bounds a call that has no bound of its own.
const longestCall = 10 * time.Minute

// start does an effect beside the loop, if there is room.
func (l *Loop) start(ctx context.Context, s flow.Step, st flow.State, at attempt, do func(context.Context) outcome, now int64) {
	plans := 0
	for _, t := range l.tasks {
		if t.plan && !t.done {
			plans++
		}
	}
	plan := s.Kind == Recovery
	if len(l.tasks) >= l.cfg.Calls || plan && plans >= l.cfg.Plans {
		return // the end of another task is another turn
	}
	var cancel context.CancelFunc
	whole := ctx
	if s.TimeoutNanos > 0 {
		ctx, cancel = context.WithTimeout(ctx, time.Duration(st.BegunUnixNanos+s.TimeoutNanos-now))
	} else if s.Kind != HTTP {
		ctx, cancel = context.WithCancel(ctx)
	} else {
		ctx, cancel = context.WithTimeout(ctx, longestCall)
	}
	l.tasks[at] = &task{plan: plan, cancel: cancel}
	l.log.Info("a step of a flow is under way", "flow", string(at.flow), "step", at.step, "attempt", at.n, "kind", s.Kind)
	l.work.Go(func() {
		defer cancel()
		out := do(ctx)
		select {
		case l.results <- result{at: at, out: out}:
		case <-whole.Done(): // the loop ends
		}
	})
}

// plan makes the plan of a recovery step.
func (c *Config) plan(ctx context.Context, spec []byte) outcome {
	if c.Planner == nil {
		return failed(flow.Refused, "this node makes no plans")
	}
	m, terms, err := c.Planner.Plan(ctx, spec)
	switch {
	case err == nil && m == nil:
		return outcome{why: "nothing to write and nothing to compare"}
	case err == nil:
		return outcome{made: m, terms: terms}
	case errors.Is(err, context.DeadlineExceeded):
		return failed(flow.TimedOut, "the plan was not made in time")
	case errors.Is(err, ErrRefused):
		return failed(flow.Refused, "%v", err)
	}
	return failed(flow.Transient, "%v", err)
}

// propose applies a command. What can not be applied now is decided anew in the next turn, and what was done is not done again: the task keeps
// what came of it.
func (l *Loop) propose(ctx context.Context, p proposal) {
	env := fsm.Envelope{Actor: "leader:" + l.cfg.Self, Reason: clip(p.why), UnixNanos: l.cfg.Clock().UnixNano()}
	r, err := l.cfg.Proposer.Propose(ctx, env, p.command)
	switch {
	case err != nil:
		if ctx.Err() == nil {
			l.log.Warn("what is due for a flow could not be proposed and will be decided anew", "op", fsm.OpName(p.command.Op()), "err", err)
		}
		return
	case r.Code == fsm.OK && p.begins != nil:
		l.mine[*p.begins] = true
	}
	if p.said != nil {
		p.said.note = nil // the book has it, or has moved on
	}
	if r.Code != fsm.OK {
		l.refused(p, r)
		return
	}
	l.log.Info("a flow went on", "op", fsm.OpName(p.command.Op()), "index", r.Index, "reason", env.Reason)
}

// holdFor is how long a step whose job can not have its target back is left alone.
const holdFor = 5 * time.Second

// refused makes a failure of a refusal that would come again: a plan that can not become a job, a job that can not run again. Any other one
// says that the book has moved on, and the next turn sees where to.
func (l *Loop) refused(p proposal, r fsm.Result) {
	why := fmt.Sprintf("%s: %s", r.Code, r.Object)
	l.log.Info("the book refused a step of a flow", "op", fsm.OpName(p.command.Op()), "reason", why)
	if p.begins != nil && r.Code == fsm.Overlap {
		l.held[*p.begins] = l.cfg.Clock().Add(holdFor)
		return
	}
	var c fsm.PlanStep
	switch made := p.command.(type) {
	case fsm.PlanStep:
		c = made
	case fsm.PlanStepOnTerms:
		c = made.Plan
	default:
		return
	}
	t := l.tasks[attempt{c.Flow, c.Step, c.Attempt}]
	if t == nil {
		return
	}
	class := flow.Refused
	if r.Code == fsm.Overlap {
		class = flow.Transient // whoever holds the target may be done with it the next time
	}
	t.out = failed(class, "%s", why)
}

// clip keeps a reason within what is kept of it.
func clip(why string) string { return why[:min(len(why), 1024)] }
