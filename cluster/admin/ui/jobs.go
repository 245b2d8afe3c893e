package ui

import (
	"cmp"
	"slices"

	"backstitch/cluster/client"
)

// jobs lists all jobs, newest first, or those of one state.
func (v *visit) jobs() error {
	all, _, err := v.c.Jobs(v.r.Context(), client.Blocking{})
	if err != nil {
		return err
	}
	state := v.r.URL.Query().Get("state")
	if state != "" {
		all = slices.DeleteFunc(all, func(j client.Job) bool { return j.State != state })
	}
	list, paging := cut(v, all)
	return v.show("jobs.html", "Jobs", "jobs", true, struct {
		Rows   []client.Job
		Paging Paging
		State  string
		States []string
	}{list, paging, state, []string{"planned", "running", "verifying", "paused", "succeeded", "failed", "cancelled"}})
}

// jobView is a job with what surrounds it.
type jobView struct {
	client.Job
	Phases   []phase
	Lanes    []lane // by partition
	Failed   []client.SliceState
	Budgets  []client.Budget
	Feedback []client.Pace
	Burn     *chart
	Rates    []*chart
	Seen     client.Curve
	Proofs   []client.Proof
	Events   []client.AuditRecord
	Paging   Paging
}

// Done is how many of the planned records are dealt with.
func (j jobView) Done() int64 { return dealtWith(j.Progress) }

func dealtWith(p client.Progress) int64 { return p.Written + p.Suppressed + p.Quarantined }

// phase is one of the parts of a job's life.
type phase struct {
	Name, State, Text string
}

// phases are what a job goes through. One that is paused stands where it will go on.
func phases(j client.Job) []phase {
	order := []string{"planned", "running", "verifying", "succeeded"}
	state := j.State
	if state == "paused" {
		state = j.ResumeState
	}
	at := slices.Index(order, state)
	out := []phase{{Name: "accept"}, {Name: "write", Text: count(dealtWith(j.Progress)) + " of " + count(j.Records) + " records"},
		{Name: "verify", Text: count(j.VerifyDone) + " of " + count(j.VerifySlices) + " slices"}}
	for i := range out {
		switch {
		case at > i:
			out[i].State = "done"
		case at == i:
			out[i].State = j.State
		case j.Terminal(): // failed or cancelled: how far it came is in the numbers
			out[i].State = "-"
		default:
			out[i].State = "to come"
		}
	}
	return out
}

// lane is what is done of one partition.
type lane struct {
	Partition     int32
	Done, Records int64
	Slices        int
	Left          int
	Owner         string
}

// lanes adds up slices by partition.
func lanes(all []client.SliceState) []lane {
	of := map[int32]*lane{}
	for _, s := range all {
		if s.Kind != "fill" {
			continue
		}
		l := of[s.Partition]
		if l == nil {
			l = &lane{Partition: s.Partition}
			of[s.Partition] = l
		}
		l.Slices++
		l.Records += s.Records
		l.Done += dealtWith(s.Progress)
		if s.Status != "done" {
			l.Left++
		}
		if s.Status == "leased" {
			l.Owner = s.OwnerName
		}
	}
	var out []lane
	for _, l := range of {
		out = append(out, *l)
	}
	slices.SortFunc(out, func(a, b lane) int { return cmp.Compare(a.Partition, b.Partition) })
	return out
}

// jobEvents is how many audit records a job's page shows.
const jobEvents = 20

func (v *visit) job() error {
	ctx := v.r.Context()
	j, _, err := v.c.Job(ctx, v.r.PathValue("job"), client.Blocking{})
	if err != nil {
		return err
	}
	body := jobView{Job: j, Phases: phases(j)}
	if body.Seen, err = v.c.Curve(ctx, j.ID); err != nil {
		return err
	}
	body.Rates, body.Burn = rates(body.Seen.Points, zone(v.r)), burndown(j, body.Seen.Points, v.Clock(), zone(v.r))
	states, _, err := v.c.Slices(ctx, j.ID, client.Blocking{})
	if err != nil {
		return err
	}
	body.Lanes, body.Paging = cut(v, lanes(states))
	for _, s := range states {
		if s.Error != "" && len(body.Failed) < pageRows {
			body.Failed = append(body.Failed, s)
		}
	}
	if !j.Terminal() {
		b, err := v.c.Budgets(ctx, j.ID)
		if err != nil {
			return err
		}
		body.Budgets, body.Feedback = b.Budgets, b.Feedback
	}
	if body.Proofs, err = v.c.Proofs(ctx, j.ID); err != nil {
		return err
	}
	if body.Events, err = v.events(j.ID); err != nil {
		return err
	}
	body.Events = body.Events[:min(len(body.Events), jobEvents)]
	return v.show("job.html", "Job "+j.ID, "jobs", !j.Terminal(), body)
}

// events are what was commanded about a job, the newest first, without slices that have ended: of those there are many, and the table of partitions
// has them. There are none for who may not read the trail, which speaks of all namespaces.
func (v *visit) events(job string) ([]client.AuditRecord, error) {
	told, _, err := v.c.Audit(v.r.Context(), client.AuditQuery{Subject: job, Limit: 10 * jobEvents}, client.Blocking{})
	if told, err = unless(told, err); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(told.Records, func(r client.AuditRecord) bool { return r.Name == "finish-slice" && r.Result == "ok" }), nil
}

// changeJob does one thing to a job.
func (v *visit) changeJob() (string, error) {
	ctx, id := v.r.Context(), v.r.PathValue("job")
	back := "/ui/jobs/" + id
	var err error
	switch v.r.PathValue("verb") {
	case "pause":
		_, err = v.c.Pause(ctx, id, v.reason())
	case "resume":
		_, err = v.c.Resume(ctx, id, v.reason())
	case "cancel":
		_, err = v.c.Cancel(ctx, id, v.reason())
	case "retry":
		_, err = v.c.Retry(ctx, id, v.reason())
	case "throttle":
		put := client.PutBudget{Scope: "job/" + id, Reason: v.reason()}
		if said := v.r.PostFormValue("bytes"); said != "" {
			if put.Rate.Bytes, err = byteRate(said); err != nil {
				return "", badForm(err)
			}
		}
		_, err = v.c.PutBudget(ctx, put)
	case "priority":
		n, wrong := number(v.r.PostFormValue("priority"), 0, 100)
		if wrong != nil {
			return "", badForm(wrong)
		}
		_, err = v.c.Prioritise(ctx, id, uint8(n), v.reason())
	default:
		err = errNoPage
	}
	return back, err
}
