package admin

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"backstitch/cluster/client"
	"backstitch/fsm"
	"backstitch/partition"
)

// Which namespaces a request concerns, and which want two people. access.Verbs says the same in words.

// highPriority is from where on work overtakes so much that a second person has to agree.
const highPriority = 90

func everywhere() []string { return []string{fsm.EveryNamespace} }

func (p *JobPath) concerns(view *fsm.View) ([]string, error) {
	job, err := findJob(view, p.ID)
	if err != nil {
		return nil, err
	}
	p.ID = string(job.ID)
	return []string{job.Namespace}, nil
}

func (p *ScanPath) concerns(view *fsm.View) ([]string, error) {
	scan, err := findScan(view, p.ID)
	if err != nil {
		return nil, err
	}
	job, _, err := view.Job(scan.Job)
	return []string{job.Namespace}, err
}

func (p *FlowPath) concerns(view *fsm.View) ([]string, error) {
	f, _, err := p.find(view)
	if err != nil {
		return nil, err
	}
	p.ID = string(f.ID)
	return []string{f.Namespace}, nil
}

func (p *DatasetPath) concerns(*fsm.View) ([]string, error) { return []string{p.Namespace}, nil }

func (p *ProofPath) concerns(view *fsm.View) ([]string, error) {
	proof, ok, err := view.Proof(fsm.ProofID(p.ID))
	if err == nil && !ok {
		err = notFound("proof", p.ID, "backstitch report show JOB")
	}
	if err != nil {
		return nil, err
	}
	return spaceOfJob(view, proof.Job)
}

func (p *AliasPath) concerns(view *fsm.View) ([]string, error) {
	a, err := p.find(view)
	if err != nil {
		return nil, err
	}
	return aliasSpace(view, a)
}

// aliasSpace is where the job is that was published last, whether or not readers are sent to it.
func aliasSpace(view *fsm.View, a fsm.Alias) ([]string, error) {
	for i := len(a.Versions) - 1; i >= 0; i-- {
		if id := a.Versions[i].Job; id != "" {
			return spaceOfJob(view, id)
		}
	}
	return everywhere(), nil
}

func spaceOfJob(view *fsm.View, id partition.JobID) ([]string, error) {
	j, ok, err := view.Job(id)
	if err != nil || !ok {
		return everywhere(), err
	}
	return []string{j.Namespace}, nil
}

// publishing is where a job is published: that of the job, and that of what readers come from.
func publishing(view *fsm.View, at AliasPath, job *string) ([]string, error) {
	path := JobPath{ID: *job}
	out, err := path.concerns(view)
	if err != nil {
		return nil, err
	}
	*job = path.ID
	a, ok, err := view.Alias(at.Name)
	if err != nil || !ok {
		return out, err
	}
	over, err := aliasSpace(view, a)
	return append(out, over...), err
}

func (in *putAliasInput) concerns(view *fsm.View) ([]string, error) {
	return publishing(view, in.AliasPath, &in.Body.Job)
}

func (in *putAliasInput) weighs(view *fsm.View) (string, []byte, bool, error) {
	a, ok, err := view.Alias(in.Name)
	return "alias " + in.Name + " to " + in.Body.Job, nil, ok && a.Current != 0, err
}

func (in *revertAliasInput) concerns(view *fsm.View) ([]string, error) {
	return publishing(view, in.AliasPath, &in.Body.Job)
}

func (in *revertAliasInput) weighs(*fsm.View) (string, []byte, bool, error) {
	return "alias " + in.Name + " from " + in.Body.Job, nil, true, nil
}

// A rollback that was begun with two people is ended by the one who does it.
func (in *voidJobInput) weighs(view *fsm.View) (string, []byte, bool, error) {
	_, begun, err := view.JobVoid(partition.JobID(in.ID))
	return "job " + in.ID, nil, !begun, err
}

func (in *deleteDatasetInput) weighs(*fsm.View) (string, []byte, bool, error) {
	return "dataset " + string(in.name()), nil, true, nil
}

func (in *prioritiseInput) weighs(*fsm.View) (string, []byte, bool, error) {
	return fmt.Sprintf("job %s to %d", in.ID, in.Body.Priority), nil, in.Body.Priority >= highPriority, nil
}

func (in *submitJobInput) concerns(*fsm.View) ([]string, error) {
	return []string{in.Body.Namespace}, nil
}

func (in *submitJobInput) weighs(*fsm.View) (string, []byte, bool, error) {
	if in.Body.Priority < highPriority {
		return "", nil, false, nil
	}
	exact, err := json.Marshal(in.Body)
	return fmt.Sprintf("job %s at priority %d", in.Body.ID, in.Body.Priority), exact, true, err
}

func (in *submitFlowInput) concerns(*fsm.View) ([]string, error) {
	return []string{in.Body.Namespace}, nil
}

func (p *FlowSchedulePath) concerns(*fsm.View) ([]string, error) { return []string{p.Namespace}, nil }

func (in *putFlowScheduleInput) concerns(*fsm.View) ([]string, error) {
	return []string{in.Body.Flow.Namespace}, nil
}

// What its runs write nobody looks at first, as under policy run of a dataset.
func (in *putFlowScheduleInput) weighs(*fsm.View) (string, []byte, bool, error) {
	if in.Body.MaxRecords == 0 && in.Body.MaxBytes == 0 {
		return "", nil, false, nil
	}
	exact, err := json.Marshal(in.Body)
	return "schedule of flow " + spaceOf(in.Body.Flow.Namespace) + "/" + in.Body.Flow.Name, exact, true, err
}

func (in *submitScanInput) concerns(*fsm.View) ([]string, error) {
	return []string{in.Body.Order.Namespace}, nil
}

func (in *putScheduleInput) concerns(view *fsm.View) ([]string, error) {
	out := []string{in.Body.Order.Namespace}
	old, ok, err := view.Schedule(in.Body.Name)
	if ok {
		out = append(out, old.Order.Namespace)
	}
	return out, err
}

func (in *removeScheduleInput) concerns(view *fsm.View) ([]string, error) {
	old, ok, err := view.Schedule(in.Name)
	if err == nil && !ok {
		err = notFound("schedule", in.Name, "backstitch scan schedules")
	}
	return []string{old.Order.Namespace}, err
}

func (in *putDatasetInput) concerns(*fsm.View) ([]string, error) {
	return []string{in.Body.Namespace}, nil
}

// Under policy run the cluster writes by itself whatever its scans find missing, so the yes of two people is that of the policy.
func (in *putDatasetInput) weighs(*fsm.View) (string, []byte, bool, error) {
	if in.Body.Policy == nil || in.Body.Policy.Act != fsm.PolicyRun.String() {
		return "", nil, false, nil
	}
	exact, err := json.Marshal(in.Body)
	return "dataset " + spaceOf(in.Body.Namespace) + "/" + in.Body.Name + " under policy run", exact, true, err
}

func (in *BudgetsOf) concerns(view *fsm.View) ([]string, error) {
	if in.Job == "" {
		return everywhere(), nil
	}
	path := JobPath{ID: in.Job}
	out, err := path.concerns(view)
	in.Job = path.ID
	return out, err
}

func (in *putBudgetInput) concerns(view *fsm.View) ([]string, error) {
	if name, ok := strings.CutPrefix(in.Body.Scope, "namespace/"); ok {
		return []string{name}, nil
	}
	job, ok := fsm.Scope(in.Body.Scope).Job()
	if !ok {
		return everywhere(), nil
	}
	path := JobPath{ID: string(job)}
	out, err := path.concerns(view)
	in.Body.Scope = string(fsm.ScopeJob(partition.JobID(path.ID)))
	return out, err
}

// An alert that names no dataset starts nothing, and a body that is none is for the handler to refuse.
func (in *triggerInput) concerns(*fsm.View) ([]string, error) {
	group, err := decodeAlerts(in.RawBody)
	if err != nil {
		return nil, nil
	}
	var out []string
	for _, a := range group.Alerts {
		if name := a.dataset(); name != "" && a.Status != "resolved" {
			namespace, _ := name.Split()
			out = append(out, namespace)
		}
	}
	return out, nil
}

func (in *consentInput) concerns(view *fsm.View) ([]string, error) {
	c, ok, err := view.Consent(in.ID)
	if err == nil && !ok {
		err = notFound("request", in.ID, "backstitch access requests")
	}
	return []string{cmp.Or(c.Namespace, fsm.EveryNamespace)}, err
}

// missing reports whether err says that there is no such object.
func missing(err error) bool {
	var p *problem
	return errors.As(err, &p) && p.Code == client.CodeNotFound
}
