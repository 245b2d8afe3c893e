package scan

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/replay/gap"
	"backstitch/replay/recovery"
	"backstitch/replay/spec"
)

// scanAnnotation is the annotation of a plan that names the scan whose findings it is about. So plans of two scans are never one.
const scanAnnotation = "backstitch.dev/scan"

// Plan makes a plan of what the scan of w has found: parts, in which it found records missing, are compared anew and frozen as backstitch
// plan does it. It returns nil when nothing is left to write. progress is told of each stretch that was read, from any goroutine.
func (s *Scanner) Plan(ctx context.Context, w fsm.Work, parts []int32, progress func(records, bytes int64)) (*fsm.MadePlan, error) {
	r, err := planSpec(w, parts)
	if err != nil {
		return nil, err
	}
	limiter, give := s.take(w)
	defer give()
	config := s.config
	config.Progress = func(p gap.Progress) { progress(p.Records, p.Bytes) }
	opt := recovery.Options{Now: s.now, Scan: config, Pace: limiter}
	if s.Cluster != nil {
		opt.Cluster = s.Cluster()
	}
	p, err := recovery.Build(ctx, r, s.clients(limiter), opt)
	if err != nil || p.Empty() {
		return nil, err
	}
	return made(p, w.Plan.Scan)
}

// planSpec is what the scan compared, as far as something is missing, under the name of a repair of the dataset.
func planSpec(w fsm.Work, parts []int32) (*spec.Recovery, error) {
	if w.Plan == nil || len(parts) == 0 {
		return nil, fmt.Errorf("a plan of %d partitions: %w", len(parts), ErrRecipe)
	}
	r, err := Spec(w.Recipe)
	if err != nil {
		return nil, err
	}
	namespace, name := w.Plan.Dataset.Split()
	r.Metadata = spec.Metadata{Name: name + ".refill", Namespace: namespace, Annotations: map[string]string{scanAnnotation: string(w.Plan.Scan)}}
	var words []string
	for _, p := range parts {
		words = append(words, strconv.Itoa(int(p)))
	}
	selected := spec.Select{}
	if r.Spec.Select != nil {
		selected = *r.Spec.Select
	}
	selected.Partitions = spec.Partitions(strings.Join(words, ","))
	r.Spec.Select = &selected
	return r, nil
}

// maxWarning bounds a reason to wait, in bytes; the plan itself has all of it.
const maxWarning = 500

// Freeze makes of a plan what the book starts a job of: everything but its document.
func Freeze(p *recovery.Plan) (*fsm.MadePlan, error) {
	sub, err := p.Submission()
	if err != nil {
		return nil, err
	}
	m := &fsm.MadePlan{
		Job: sub.ID, Name: sub.Name, Hash: sub.PlanHash, Recipe: sub.Recipe, Locks: sub.Locks, Priority: sub.Priority,
		Records: sub.Records, Bytes: sub.Bytes, Slices: sub.Slices,
	}
	for _, n := range p.NeedsPerson() {
		text := n.Code + " " + n.Text
		m.Warnings = append(m.Warnings, strings.ToValidUTF8(text[:min(len(text), maxWarning)], ""))
	}
	return m, nil
}

// Terms are when the job of a plan may work and until when it has to be done, nil for a plan that says neither.
func Terms(p *recovery.Plan) *fsm.JobTerms {
	t := p.Recipe.Terms
	if t == nil {
		return nil
	}
	return &fsm.JobTerms{
		Calendar: t.Calendar(), WithinNanos: t.RecoverWithinMs * int64(time.Millisecond), AlertPercent: t.AlertPercent, CompletePPM: t.CompletePPM,
	}
}

// made is a plan as the book keeps it. One that the book has no room for is refused: somebody has to plan in steps.
func made(p *recovery.Plan, scan partition.JobID) (*fsm.MadePlan, error) {
	m, err := Freeze(p)
	if err != nil {
		return nil, err
	}
	if m.Document, err = p.Pack(); err != nil {
		return nil, err
	}
	if why := m.TooLarge(); why != "" {
		return nil, &recovery.Error{Code: recovery.CodeTooLarge, Title: "the plan is larger than a cluster keeps by itself", Why: why,
			Hint: fmt.Sprintf("make it by hand, whole or in steps: backstitch plan --scan %s -o FILE.plan", scan)}
	}
	return m, nil
}
