package fsm

import (
	"fmt"
	"strings"
	"time"

	"backstitch/fsm/flow"
)

// flowCommand reads the commands of flows.
func (a args) flowCommand(name string) (Command, bool) {
	a.t.Helper()
	id := FlowID(a.str("flow"))
	if schedule, due, ok := strings.Cut(string(id), "@"); ok {
		var n int64
		fmt.Sscan(due, &n)
		id = FlowRunID(schedule, n)
	}
	switch name {
	case "submit-flow":
		return SubmitFlow{ID: id, Name: a.str("name"), Document: make([]byte, a.num("document")), Steps: a.flowSteps()}, true
	case "submit-flow-with-undo":
		c := SubmitFlowWithUndo{Flow: SubmitFlow{ID: id, Name: a.str("name"), Steps: a.flowSteps()}}
		c.Undo = a.flowUndo()
		for range a.num("edges") {
			c.Undo = append(c.Undo, flow.Undo{Step: "a", By: "b"})
		}
		return c, true
	case "put-flow-schedule":
		c := PutFlowSchedule{Flow: SubmitFlow{ID: id, Name: a.str("name"), Namespace: a.str("namespace"), Steps: a.flowSteps()}, Undo: a.flowUndo(), Endpoints: a.endpoints(flowKinds),
			MaxRecords: a.num("records"), MaxBytes: a.num("bytes"), EveryNanos: a.num("every") * int64(time.Minute), Cron: strings.ReplaceAll(a.str("cron"), "_", " "), Zone: a.str("zone"),
			NextUnixNanos: a.num("next"), Paused: a.str("paused") != "", Remove: a.str("remove") != ""}
		for _, k := range strings.FieldsFunc(a.str("annotated"), func(r rune) bool { return r == ',' }) {
			c.Annotations = append(c.Annotations, Annotation{Key: k, Value: "v"})
		}
		return c, true
	case "run-flow":
		c := BeginFlow{Flow: SubmitFlow{ID: id, Name: a.str("name")}, Schedule: a.str("schedule"), DueUnixNanos: a.num("due"), NextUnixNanos: a.num("next")}
		if id == "" {
			c.Flow.ID = FlowRunID(c.Schedule, c.DueUnixNanos)
		}
		return c, true
	case "begin-flow":
		c := BeginFlow{Undo: a.flowUndo(), Flow: SubmitFlow{ID: id, Name: a.str("name"), Namespace: a.str("namespace"), Steps: a.flowSteps()}, Endpoints: a.endpoints(flowKinds)}
		for _, k := range strings.FieldsFunc(a.str("annotated"), func(r rune) bool { return r == ',' }) {
			c.Annotations = append(c.Annotations, Annotation{Key: k, Value: "v"})
		}
		return c, true
	case "begin-step":
		c := BeginStep{Flow: id, Step: a.str("step"), Attempt: uint32(a.num("attempt")), Wait: a.str("wait") != ""}
		c.Token = flow.Token(string(c.Flow), c.Step, c.Attempt)
		return c, true
	case "settle-step":
		status := map[string]flow.Status{"succeeded": flow.Succeeded, "failed": flow.Broken, "skipped": flow.Skipped, "running": flow.Running}
		class := map[string]flow.Class{"transient": flow.Transient, "timeout": flow.TimedOut, "failed": flow.Failed, "gate": flow.Gated}
		after := a.num("after")
		return SettleStep{Flow: id, Step: a.str("step"), Attempt: uint32(a.num("attempt")), Status: status[a.str("as")], Class: class[a.str("class")],
			Why: a.str("because"), Again: after != 0, NotBeforeUnixNanos: after}, true
	case "approve-step":
		return ApproveStep{Flow: id, Step: a.str("step"), Attempt: uint32(a.num("attempt")), No: a.str("no") != ""}, true
	case "note-step":
		c := NoteStep{Flow: id, Step: a.str("step"), Attempt: uint32(a.num("attempt")), Marks: []byte(a.str("marks")), Text: a.str("text")}
		if n := a.num("bytes"); n > 0 {
			c.Marks = make([]byte, n)
		}
		return c, true
	case "pause-flow":
		return PauseFlow{id}, true
	case "resume-flow":
		return ResumeFlow{id}, true
	case "cancel-flow":
		return CancelFlow{id}, true
	case "retry-flow":
		return RetryFlow{id}, true
	case "finish-flow":
		return FinishFlow{id}, true
	case "plan-step":
		c := PlanStep{Flow: id, Step: a.str("step"), Attempt: uint32(a.num("attempt"))}
		if _, ok := a.m["slices"]; ok {
			a.m["slice"] = "bs-x/0" // of a KeepPlan, which has the same plan
			c.Made = a.keepPlan().Made
			c.Made.Document = nil
		}
		return c, true
	case "plan-step-on-terms":
		terms := a.jobTerms()
		a.m["flow"] = string(id)
		made, _ := a.flowCommand("plan-step")
		c, _ := made.(PlanStep)
		return PlanStepOnTerms{Plan: c, Terms: terms}, true
	}
	return nil, false
}

// flowUndo reads undo=STEP<BY;...
func (a args) flowUndo() (out []flow.Undo) {
	for _, edge := range strings.FieldsFunc(a.str("undo"), func(r rune) bool { return r == ';' }) {
		step, by, _ := strings.Cut(edge, "<")
		out = append(out, flow.Undo{Step: step, By: by})
	}
	return out
}

// flowSteps reads steps=NAME[:NEED+NEED][!GATE][?][@TIMEOUT];..., where ? marks one that may fail.
func (a args) flowSteps() (out []flow.Step) {
	for _, text := range strings.FieldsFunc(a.str("steps"), func(r rune) bool { return r == ';' }) {
		s := flow.Step{Kind: "recovery", Retry: flow.Retry{Attempts: 2, On: 1 << flow.Failed}}
		if rest, bound, ok := strings.Cut(text, "@"); ok {
			text = rest
			fmt.Sscan(bound, &s.TimeoutNanos)
		}
		text, s.MayFail = strings.TrimSuffix(text, "?"), strings.HasSuffix(text, "?")
		text, s.Gate, _ = strings.Cut(text, "!")
		name, needs, _ := strings.Cut(text, ":")
		s.Name, s.Needs = name, strings.FieldsFunc(needs, func(r rune) bool { return r == '+' })
		out = append(out, s)
	}
	return out
}

// showFlows prints all flows.
func (s *scenario) showFlows() string {
	var b strings.Builder
	s.view(func(v *View) {
		flows, err := v.Flows()
		if err != nil {
			s.t.Fatal(err)
		}
		active, err := v.ActiveFlows()
		if err != nil {
			s.t.Fatal(err)
		}
		for _, f := range flows {
			_, g, ok, err := v.Flow(f.ID)
			if err != nil || !ok {
				s.t.Fatal(ok, err)
			}
			fmt.Fprintf(&b, "flow %s %s %s lost %d\n", f.ID, f.Name, f.State, f.Lost)
			for i, st := range f.States {
				fmt.Fprintf(&b, "  %s %s attempt %d tries %d", g.Steps[i].Name, st.Status, st.Attempt, st.Tries)
				if st.Job != "" {
					fmt.Fprintf(&b, " job %s", st.Job)
				}
				if st.Proof != "" {
					fmt.Fprintf(&b, " proof %s proved %t", st.Proof, st.Proved)
				}
				if st.Class != 0 {
					fmt.Fprintf(&b, " for %s", st.Class)
				}
				if st.NotBeforeUnixNanos != 0 {
					fmt.Fprintf(&b, " not before %d", st.NotBeforeUnixNanos)
				}
				if st.Why != "" {
					fmt.Fprintf(&b, " because %q", st.Why)
				}
				if st.By != "" {
					fmt.Fprintf(&b, " by %s", st.By)
				}
				if n, ok, err := v.StepNote(f, i); err != nil {
					s.t.Fatal(err)
				} else if ok {
					fmt.Fprintf(&b, " notes %q %q", n.Marks, n.Text)
				}
				b.WriteByte('\n')
			}
			s.showOutbox(v, &b, OutboxOf(f.ID))
		}
		schedules, err := v.FlowSchedules()
		if err != nil {
			s.t.Fatal(err)
		}
		for _, x := range schedules {
			fmt.Fprintf(&b, "schedule %s next %d last %d paused %t: %d runs, %d skipped", x.ID(), x.NextUnixNanos, x.LastUnixNanos, x.Paused, x.Runs, x.Skipped)
			if x.SkippedFor != "" {
				fmt.Fprintf(&b, ", the last one at %d for %s", x.SkippedUnixNanos, x.SkippedFor)
			}
			b.WriteByte('\n')
			s.showOutbox(v, &b, OutboxOfRuns(x.ID()))
		}
		fmt.Fprintf(&b, "active %v\n", active)
	})
	return b.String()
}
