package spec

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"backstitch/fsm/flow"
	"backstitch/partition/calendar"
)

// ParseFlow reads a flow. name is how errors call the file. Everything that is wrong comes back in one *Error. The recoveries that it names are
// files of their own: Recoveries reads them.
func ParseFlow(name string, data []byte, opts Options) (*Flow, error) {
	d := &document{format: flowFormat, name: name, text: string(data)}
	var f Flow
	if err := d.parse(data, &f); err != nil {
		return nil, err
	}
	if d.problems = append(d.problems, f.semantics(opts)...); len(d.problems) > 0 {
		return nil, d.error()
	}
	return &f, nil
}

// Recoveries reads the recoveries that the steps of f use, by the index of the step. Each is checked as a file of its own; those that name further
// files are refused, since agents would not have them.
func (f *Flow) Recoveries(read func(name string) ([]byte, error), opts Options) (map[int]*Recovery, error) {
	out := map[int]*Recovery{}
	for i, s := range f.Spec.Steps {
		if s.Uses == nil {
			continue
		}
		data, err := read(s.Uses.File)
		if err != nil {
			return nil, fmt.Errorf("step %s: %w", s.Name, err)
		}
		if kind := KindOf(data); kind != Kind && kind != "" {
			return nil, &pathError{Problem{Code: CodeNoRecovery, Message: fmt.Sprintf("step %s uses %s, which is a %s", s.Name, s.Uses.File, kind), Hint: "want a file of kind " + Kind}}
		}
		r, err := Parse(s.Uses.File, data, Options{Connections: opts.Connections})
		if err != nil {
			return nil, err
		}
		if field := r.stands(); field != "" && f.Spec.Schedule != nil {
			return nil, Refuse(s.Uses.File, data, Problem{Code: CodeTogether, Path: field,
				Message: fmt.Sprintf("step %s makes its plan anew for each run of the schedule of flow %s, and would look at what lies before this each time", s.Name, f.Metadata.Name),
				Hint:    "leave it out: each run then looks at all that there is, or at what comes after range.from"})
		}
		out[i] = r
	}
	return out, nil
}

// Timed reports whether r says when it may run, or until when it has to be done.
func (r *Recovery) Timed() bool {
	s := r.Spec.Schedule
	return r.Spec.SLA != nil || s != nil && len(s.PeakHours)+len(s.Blackout) > 0
}

// Graph returns the steps as the rules of flows see them, without what they do. Behind those of the file are the ones that roll jobs back. f has its
// defaults and is valid.
func (f *Flow) Graph() (flow.Graph, error) {
	g := flow.Graph{Steps: make([]flow.Step, len(f.Spec.Steps))}
	for i, s := range f.Spec.Steps {
		timeout, err := s.Timeout.Parse()
		if err != nil {
			return g, err
		}
		initial, most, err := s.Retry.bounds()
		if err != nil {
			return g, err
		}
		step := flow.Step{Name: s.Name, Needs: s.Needs, MayFail: !*s.Critical, TimeoutNanos: int64(timeout), Retry: flow.Retry{
			Attempts: uint32(s.Retry.Attempts), InitialNanos: int64(initial), MaxNanos: int64(most), Fixed: s.Retry.Backoff == "fixed"}}
		for _, word := range s.Retry.RetryOn {
			c, _ := flow.ParseClass(word)
			step.Retry.On |= 1 << c
		}
		if s.Gate != nil {
			step.Gate = s.Gate.Verified
		} else if s.Verify != nil {
			step.Gate = s.Verify.Step
		}
		g.Steps[i] = step
	}
	for i, s := range f.Spec.Steps {
		if back, edge, ok := s.back(); ok {
			if g.Undo = append(g.Undo, edge); back {
				g.Steps = append(g.Steps, flow.Step{Name: edge.By, TimeoutNanos: int64(DefaultFlowBack), Retry: g.Steps[i].Retry})
			}
		}
	}
	return g, nil
}

// back returns the edge back from a step; own says that the step at its end is not in the file.
func (s FlowStep) back() (own bool, edge flow.Undo, ok bool) {
	switch u := s.Undo; {
	case u == nil:
		return false, edge, false
	case u.Rollback:
		return true, flow.Undo{Step: s.Name, By: UndoName(s.Name)}, true
	default:
		return false, flow.Undo{Step: s.Name, By: u.Step}, u.Step != ""
	}
}

// semantics finds what the schema can not say.
func (f *Flow) semantics(opts Options) []Problem {
	c := &checker{opts: opts}
	c.annotations(f.Metadata.Annotations)
	c.flowRetry("spec.retry", f.Spec.Retry, f.Spec.Retry.over(nil))
	c.flowSchedule(f)
	var before []Notify
	for i, n := range f.Spec.Notify {
		c.endpoint(fmt.Sprintf("spec.notify.%d", i), Notify(n), before, FlowNotifyOn(n.Format))
		before = append(before, Notify(n))
	}
	steps := make([]flow.Step, len(f.Spec.Steps))
	for i, s := range f.Spec.Steps {
		path := fmt.Sprintf("spec.steps.%d", i)
		steps[i] = flow.Step{Name: s.Name, Needs: s.Needs}
		c.flowStep(path, s)
		c.flowRetry(path+".retry", s.Retry, s.Retry.over(f.Spec.Retry.over(nil)))
		switch {
		case s.Gate != nil && s.Verify != nil:
			c.add(CodeGate, path+".gate", "a step with verify is a gate itself", "leave gate out")
		case s.Gate != nil:
			steps[i].Gate = s.Gate.Verified
		case s.Verify != nil:
			steps[i].Gate = s.Verify.Step
		}
	}
	proves := func(s flow.Step) bool {
		return slices.ContainsFunc(f.Spec.Steps, func(o FlowStep) bool { return o.Name == s.Name && o.Uses != nil })
	}
	g, owner := flow.Graph{Steps: steps}, map[int]int{}
	for i, s := range f.Spec.Steps {
		c.flowUndo(fmt.Sprintf("spec.steps.%d.undo", i), s)
		own, edge, ok := s.back()
		if ok {
			g.Undo = append(g.Undo, edge)
		}
		if own {
			owner[len(g.Steps)] = i
			g.Steps = append(g.Steps, flow.Step{Name: edge.By})
		}
	}
	for _, fault := range flow.Check(g, proves) {
		if i, own := owner[fault.Step]; own {
			c.add(CodeUndo, fmt.Sprintf("spec.steps.%d.undo", i), fault.Text, "steps that roll a job back are called undo- and the name of its step: call the other one something else")
			continue
		}
		c.fault(f.Spec.Steps[fault.Step], fault, steps)
	}
	return c.problems
}

// maxScheduled is how long the name of a flow with a schedule may be: those of its runs go on with the time at which they were due.
const maxScheduled = 63 - len("-20060102-150405")

// flowSchedule refuses a schedule that can not be meant, and one whose runs would write without limits.
func (c *checker) flowSchedule(f *Flow) {
	s, plans := f.Spec.Schedule, slices.ContainsFunc(f.Spec.Steps, func(s FlowStep) bool { return s.Uses != nil })
	if s == nil {
		if f.Spec.Limits != nil {
			c.add(CodeTogether, "spec.limits", "a flow without a schedule is handed in by a person, so nobody would look at limits", "leave limits out, or say schedule")
		}
		return
	}
	c.dueTimes(s.Every, s.Cron, cmp.Or(s.Timezone, "UTC"))
	if s.Timezone != "" {
		if _, err := calendar.Zone(s.Timezone); err != nil {
			c.add(CodeCalendar, "spec.schedule.timezone", err.Error(), "an IANA name, such as Europe/Berlin")
		} else if s.Cron == "" {
			c.add(CodeTogether, "spec.schedule.timezone", "a time zone is for a cron line, and there is none", "leave timezone out, or say cron")
		}
	}
	switch l := f.Spec.Limits; {
	case plans && l == nil:
		c.add(CodeTogether, "spec.schedule", "runs of a schedule make plans with nobody there, and need limits: what a plan may write without a person", "limits: {maxRecords: 100000, maxBytes: 1GiB}")
	case !plans && l != nil:
		c.add(CodeTogether, "spec.limits", "no step has uses, so no plan is made that limits would be for", "leave limits out")
	case l != nil:
		c.limits(l)
	}
	if len(f.Metadata.Name) > maxScheduled {
		c.add(CodeValue, "metadata.name", fmt.Sprintf("the name has %d characters, and those of its runs go on with the time", len(f.Metadata.Name)), fmt.Sprintf("at most %d", maxScheduled))
	}
}

// stands says which field of a recovery's range a run of a schedule would look at again and again, "" for none.
func (r *Recovery) stands() string {
	switch at := r.Spec.Range; {
	case at == nil:
	case at.To != "":
		return "spec.range.to"
	case at.Offsets != nil:
		return "spec.range.offsets"
	}
	return ""
}

// fault adds what is wrong with the graph.
func (c *checker) fault(s FlowStep, fault flow.Fault, all []flow.Step) {
	var names []string
	for _, o := range all {
		names = append(names, o.Name)
	}
	path := fmt.Sprintf("spec.steps.%d", fault.Step)
	at, written := path+".gate.verified", ""
	if s.Gate != nil {
		written = s.Gate.Verified
	} else if s.Verify != nil {
		at, written = path+".verify.step", s.Verify.Step
	}
	if fault.Need >= 0 {
		at, written = fmt.Sprintf("%s.needs.%d", path, fault.Need), s.Needs[fault.Need]
	}
	switch fault.Kind {
	case flow.Twice:
		c.add(CodeTwice, path+".name", fault.Text, "give each a name of its own")
	case flow.Unknown:
		hint := "write the name of another step"
		if near := nearest(written, slices.DeleteFunc(names, func(n string) bool { return n == s.Name })); near != "" {
			hint = "did you mean " + near + "?"
		}
		c.add(CodeNoStep, at, fault.Text, hint)
	case flow.Cycle:
		c.add(CodeCycle, at, fault.Text, "one of them has to begin without the others")
	case flow.NoUndo:
		hint := "write the name of another step"
		if near := nearest(s.Undo.Step, slices.DeleteFunc(names, func(n string) bool { return n == s.Name })); near != "" {
			hint = "did you mean " + near + "?"
		}
		c.add(CodeNoStep, path+".undo.step", fault.Text, hint)
	case flow.BadUndo:
		c.add(CodeUndo, path+".undo", fault.Text, "name a step that has neither needs nor gate, that no other step needs, and that undoes nothing else")
	case flow.BadGate:
		c.add(CodeGate, at, fault.Text, "name a step with uses, and name it in needs, too")
	}
}

// flowStep refuses one that does nothing, or several things, and what its parts can not be.
func (c *checker) flowStep(path string, s FlowStep) {
	n := 0
	for _, there := range []bool{s.Uses != nil, s.HTTP != nil, s.Databricks != nil, s.Airflow != nil, s.WaitForConsumers != nil, s.Exec != nil, s.Manual != nil, s.Verify != nil} {
		if there {
			n++
		}
	}
	if n != 1 {
		c.add(CodeStep, path, fmt.Sprintf("step %s does %d things", s.Name, n), "write exactly one of uses, http, databricks, airflow, waitForConsumers, exec, manual, verify")
	}
	for i, need := range s.Needs {
		if slices.Contains(s.Needs[:i], need) {
			c.add(CodeTwice, fmt.Sprintf("%s.needs.%d", path, i), need+" stands in the list twice", "keep one of them")
		}
	}
	if d, err := s.Timeout.Parse(); err != nil || s.Timeout != "" && d <= 0 {
		c.add(CodeUnit, path+".timeout", fmt.Sprintf("%s.timeout is %s", path, s.Timeout), unitHints[durationPattern])
	}
	if s.HTTP != nil {
		c.flowHTTP(path+".http", s.HTTP)
	}
	if e := s.Exec; e != nil {
		c.flowExec(path, s, e)
	}
	if w := s.WaitForConsumers; w != nil {
		c.flowConsumers(path+".waitForConsumers", w)
	}
	if d := s.Databricks; d != nil {
		c.flowHTTP(path+".databricks", &FlowHTTP{URL: d.URL})
		c.flowSecret(path+".databricks.authorization", d.URL)
	}
	if a := s.Airflow; a != nil {
		c.flowHTTP(path+".airflow", &FlowHTTP{URL: a.URL})
		c.flowSecret(path+".airflow.authorization", a.URL)
	}
}

// flowUndo refuses an undo that says nothing, or several things.
func (c *checker) flowUndo(path string, s FlowStep) {
	switch u := s.Undo; {
	case u == nil:
	case u.Rollback == (u.Step != ""):
		c.add(CodeUndo, path, fmt.Sprintf("undo of step %s names neither or both of rollback and step", s.Name), "rollback: true, or step: NAME")
	case u.Rollback && s.Uses == nil:
		c.add(CodeUndo, path+".rollback", fmt.Sprintf("step %s has no job that could be rolled back", s.Name), "step: NAME of a step that takes back what it does")
	case u.Rollback && len(UndoName(s.Name)) > 63:
		c.add(CodeUndo, path+".rollback", fmt.Sprintf("the step that rolls it back would be called %s, which is longer than 63", UndoName(s.Name)), "call step "+s.Name+" something shorter")
	}
}

// maxExec is how long a program may take, and maxArgBytes what an argument may.
const (
	maxExec     = 24 * time.Hour
	maxArgBytes = 4 << 10
)

// flowExec refuses what an agent would refuse.
func (c *checker) flowExec(path string, s FlowStep, e *FlowExec) {
	for i, a := range e.Args {
		if len(a) > maxArgBytes || strings.ContainsRune(a, 0) {
			c.add(CodeExec, fmt.Sprintf("%s.exec.args.%d", path, i), fmt.Sprintf("an argument is longer than %d bytes, or has a zero byte", maxArgBytes), "put it into a file on the agent")
		}
	}
	if d, err := s.Timeout.Parse(); err == nil && d > maxExec {
		c.add(CodeExec, path+".timeout", fmt.Sprintf("a program may take at most %s", maxExec), "timeout: 24h")
	}
}

// flowConsumers refuses what can not be waited for.
func (c *checker) flowConsumers(path string, w *FlowConsumers) {
	c.connection(path+".kafka", w.Kafka, "kafka")
	for i, g := range w.Groups {
		at := fmt.Sprintf("%s.groups.%d", path, i)
		switch {
		case g == "":
			c.add(CodeValue, at, "a group has a name", "backstitch gaps group GROUP --kafka "+w.Kafka+" says how one stands")
		case slices.Contains(w.Groups[:i], g):
			c.add(CodeTwice, at, g+" stands in the list twice", "keep one of them")
		}
	}
}

// flowSecret refuses a secret over plain http.
func (c *checker) flowSecret(path, at string) {
	if u, err := url.Parse(at); err == nil && u.Scheme != "https" && !loopback(u.Hostname()) {
		c.add(CodeTogether, path, "a secret would go over plain http, where anybody can read it", "use an https URL")
	}
}

func (c *checker) flowRetry(path string, written, whole *FlowRetry) {
	if written == nil {
		return
	}
	initial, most, err := whole.bounds()
	switch {
	case err != nil:
		c.add(CodeUnit, path, err.Error(), unitHints[durationPattern])
	case initial > most:
		c.add(CodeRetry, path, fmt.Sprintf("the first pause is %s, and the longest %s", whole.Initial, whole.Max), "max: "+string(whole.Initial)+", or more")
	}
	for i, word := range written.RetryOn {
		if slices.Contains(written.RetryOn[:i], word) {
			c.add(CodeTwice, path+".retryOn", word+" stands in the list twice", "keep one of them")
		}
	}
}

// flowHTTP refuses what the conductor of flows would refuse, where it is written.
func (c *checker) flowHTTP(path string, h *FlowHTTP) {
	u, err := url.Parse(h.URL)
	switch {
	case err != nil || u.Hostname() == "":
		// What the parser says repeats the URL, which may hold a secret.
		c.add(CodeSecret, path+".url", path+".url is not a URL with a host", "write it as https://HOST:PORT/PATH")
	case u.User != nil:
		c.add(CodeSecret, path+".url", path+".url holds a user or a password", "take it out, and write a header with secretRef")
	case u.Fragment != "":
		c.add(CodeValue, path+".url", path+".url has a fragment, which is never sent", "leave out what begins with #")
	}
	for i, header := range h.Headers {
		at := fmt.Sprintf("%s.headers.%d", path, i)
		switch http.CanonicalHeaderKey(header.Name) {
		case "Idempotency-Key", "Host", "Content-Length", "Transfer-Encoding", "Connection", "Te", "Trailer", "Upgrade":
			c.add(CodeValue, at+".name", header.Name+" is not a header that a step sets", "leave it out")
		case "Authorization", "Cookie", "Proxy-Authorization", "X-Api-Key":
			if header.Value != "" {
				c.add(CodeSecret, at+".value", header.Name+" is a secret, and stands in the file", "secretRef: env:BACKSTITCH_NOTIFY_NAME")
			}
		}
		switch {
		case (header.Value == "") == (header.SecretRef == ""):
			c.add(CodeTogether, at, "a header has either value or secretRef", "")
		case header.SecretRef != "" && err == nil && u.Scheme != "https" && !loopback(u.Hostname()):
			c.add(CodeTogether, at+".secretRef", "a secret would go over plain http, where anybody can read it", "use an https URL")
		}
		for _, r := range header.Value {
			if r < ' ' && r != '\t' || r == 0x7f {
				c.add(CodeValue, at+".value", "a value of a header is one line", "")
				break
			}
		}
	}
}
