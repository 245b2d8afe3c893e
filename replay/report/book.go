package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/replay/recovery"
)

// ErrUnknownProof says that the book has no such proof.
var ErrUnknownProof = errors.New("no such proof")

// FromBook makes the report of a proof from what the book says, and from nothing else. So whoever signs it signs what the cluster
// agreed on, and no text that somebody handed in.
func FromBook(v *fsm.View, id fsm.ProofID, cluster string) (*Report, error) {
	p, ok, err := v.Proof(id)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fmt.Errorf("%s: %w", id, ErrUnknownProof)
	}
	j, ok, err := v.Job(p.Job)
	if err != nil || !ok {
		return nil, errors.Join(err, fmt.Errorf("job %s of proof %s: it is there: %t", p.Job, id, ok))
	}
	var recipe recovery.Recipe
	if err := json.Unmarshal(j.Recipe, &recipe); err != nil {
		return nil, fmt.Errorf("recipe of job %s: %w", j.ID, err)
	}
	a := Of(recipe)
	a.Name, a.Namespace, a.PlanHash, a.Cluster = j.Name, j.Namespace, j.PlanHash, cluster
	if a.Writers, err = v.Writers(j.ID); err != nil {
		return nil, err
	}
	if err := a.slices(v, p); err != nil {
		return nil, err
	}
	members, err := v.Members()
	if err != nil {
		return nil, err
	}
	for _, m := range members {
		a.Nodes = append(a.Nodes, Node{ID: string(m.ID), Name: m.Name, Zone: m.Zone})
	}
	plan, planned, err := origin(v, j)
	if err != nil {
		return nil, err
	}
	if a.Timeline, err = timeline(v, j, p, plan, planned, a.Nodes); err != nil {
		return nil, err
	}
	if err := a.decisions(v, j, plan, planned); err != nil {
		return nil, err
	}
	a.commands(j, p, plan, planned)
	return New(p, a), nil
}

// Of says of a report what a recipe says: what was compared with what.
func Of(r recovery.Recipe) About {
	a := About{Source: referenceText(r.Source), Target: targetText(r.Target), Dataset: r.Target.Topic, Left: r.LeftOut()}
	if r.Dedupe != nil {
		a.Source += "   " + r.Dedupe.String()
	}
	if r.Late != nil {
		a.Source += "   " + r.Late.String()
	}
	if shape := r.Target.Reshape; shape != nil {
		// Partitions of the proof are those of the reference.
		a.Dataset, a.Target = r.Source.Topic, fmt.Sprintf("%s, %d partitions by %s", a.Target, len(shape.Ends), shape.Partitioner)
	}
	if a.Dataset == "" {
		a.Dataset = r.Target.Path
	}
	return a
}

// slices adds up what was written, and finds the windows of each partition: those of the newest run whose sums are the proof's.
func (a *About) slices(v *fsm.View, p fsm.Proof) error {
	a.Windows = map[int32][]fsm.Window{}
	for st, err := range v.SliceStates(p.Job) {
		if err != nil {
			return err
		}
		if st.Kind == partition.SliceFill {
			a.Written += st.Checkpoint.Records
			a.Suppressed += st.Checkpoint.Suppressed
			a.Quarantined += st.Checkpoint.Quarantined
			continue
		}
		i := slices.IndexFunc(p.Comparisons, func(c fsm.Comparison) bool { return c.Partition == st.Partition })
		if i < 0 {
			continue
		}
		runs, err := v.Ledgers(st.ID)
		if err != nil {
			return err
		}
		for _, run := range slices.Backward(runs) {
			if addingUp(run.Windows, p.Comparisons[i]) != nil {
				a.Windows[st.Partition] = run.Windows
				break
			}
		}
	}
	return nil
}

func referenceText(s recovery.Source) string {
	if r := s.Rules; r != nil {
		plain := s
		plain.Rules = nil
		return referenceText(plain) + "   " + r.String()
	}
	if t := s.Transform; t != nil {
		plain := s
		plain.Transform = nil
		return referenceText(plain) + "   " + t.String()
	}
	at := s.Connection
	if s.Layout == "kafka" {
		if at == "" {
			at = s.Brokers
		}
		return "topic " + s.Topic + " at " + at
	}
	if at == "" {
		at = s.Endpoint
	}
	if at != "" {
		at = " at " + at
	}
	return s.Layout + " of " + s.Topic + " in " + s.URL + at
}

func targetText(t recovery.Target) string {
	at := t.Connection
	switch {
	case t.Kind == "dir":
		return t.Path
	case t.Kind == "s3":
		if at == "" {
			at = t.Endpoint
		}
		if at != "" {
			at = " at " + at
		}
		return t.Path + at
	}
	if at == "" {
		at = t.Brokers
	}
	return "topic " + t.Topic + " at " + at
}
