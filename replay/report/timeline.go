package report

import (
	"fmt"
	"slices"
	"strings"

	"backstitch/fsm"
)

// Who did what, when and why, from the audit trail: from the making of the job's plan to now. Leases and members are not of one
// job: what changed up to its proof is listed whoever it was for. After the proof only what is about the job is.
//
// The trail keeps who, why and what about, and not to what: that a priority or a bound changed is known, and the new value is not. Of leases
// it keeps their number.

// maxEvents bounds a timeline. What is left out in the middle is counted.
const maxEvents = 500

// freeLanes is the leader's reason for a grant that moves nothing.
const freeLanes = "free lanes"

// teller puts the trail into words.
type teller struct {
	job     fsm.Job
	proof   fsm.Proof
	plan    string   // its subject in the trail, "" where nobody knows of one
	aliases []string // their subjects
}

func timeline(v *fsm.View, j fsm.Job, p fsm.Proof, plan fsm.Plan, planned bool, nodes []Node) ([]Event, error) {
	named := byName(nodes)
	var out []Event
	t := teller{job: j, proof: p}
	from := j.CreateIndex
	if planned {
		found, err := detected(v, plan)
		if err != nil {
			return nil, err
		}
		t.plan, from, out = "plan "+string(plan.ID), plan.CreateIndex, append(out, found)
	}
	names, err := v.AliasesOf(j.ID)
	if err != nil {
		return nil, err
	}
	for _, n := range names {
		t.aliases = append(t.aliases, "alias "+n)
	}
	begun := false
	for rec, err := range v.Audit(from) {
		if err != nil {
			return nil, err
		}
		begun = begun || rec.Index == j.CreateIndex
		what := t.about(rec)
		if what == "" && rec.Index > j.CreateIndex && rec.Index <= p.Index {
			what = t.around(rec)
		}
		if what != "" && rec.Code == fsm.OK {
			out = append(out, Event{Index: rec.Index, At: stamp(rec.UnixNanos), Who: named(rec.Actor), What: named(what), Why: named(rec.Reason)})
		}
	}
	if !begun { // the trail keeps its newest records only
		lost := Event{Index: j.CreateIndex, At: stamp(j.CreatedUnixNanos), Who: j.CreatedBy, What: "the plan was submitted; the records of the time after it are kept no more"}
		at := 0
		if planned {
			at = 1 // behind what was found, which a fact tells and not the trail
		}
		out = slices.Insert(out, at, lost)
	}
	if n := len(out) - maxEvents; n > 0 {
		half := maxEvents / 2
		gap := Event{Index: out[half].Index, At: out[half].At, Who: "report", What: fmt.Sprintf("%d more events, left out", n)}
		out = append(append(out[:half:half], gap), out[half+n:]...)
	}
	return out, nil
}

// byName returns a function that puts the names of nodes for their ids, which people do not know.
func byName(nodes []Node) func(string) string {
	names := map[string]string{}
	for _, n := range nodes {
		names[n.ID] = n.Name
	}
	inside := func(r rune) bool {
		return r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
	}
	return func(text string) string {
		var b strings.Builder
		for text != "" {
			n := strings.IndexFunc(text, func(r rune) bool { return !inside(r) })
			if n < 0 {
				n = len(text)
			}
			word := text[:n]
			if name, ok := names[word]; ok {
				word = name
			}
			b.WriteString(word)
			rest := strings.IndexFunc(text[n:], inside)
			if rest < 0 {
				rest = len(text) - n
			}
			b.WriteString(text[n : n+rest])
			text = text[n+rest:]
		}
		return b.String()
	}
}

// about says what a record of the trail did to the job, "" when it is about something else.
func (t *teller) about(rec fsm.AuditRecord) string {
	job := string(t.job.ID)
	mine := rec.Subject == "job "+job
	switch rec.Op {
	case fsm.KeepPlan{}.Op():
		if rec.Index == t.job.CreateIndex {
			return when(rec.Subject == t.plan, "the plan was made, and started by the policy")
		}
		return when(rec.Subject == t.plan, "the plan was made, and waits for a person")
	case fsm.ApprovePlan{}.Op():
		return when(rec.Subject == t.plan, "the plan was approved, and started")
	case fsm.SubmitJob{}.Op():
		return when(mine, "the plan was submitted")
	case fsm.SubmitJobOnTerms{}.Op():
		return when(mine, "the plan was submitted, with hours or a deadline")
	case fsm.PlanStep{}.Op(), fsm.PlanStepOnTerms{}.Op():
		return when(rec.Index == t.job.CreateIndex, "the plan was made and started by "+rec.Subject)
	case fsm.ApproveStep{}.Op():
		return when(rec.Index == t.job.CreateIndex, "the plan was approved and started, of "+rec.Subject)
	case fsm.TellSLA{}.Op():
		return when(mine, "the deadline was told of")
	case fsm.StartJob{}.Op():
		return when(mine, "the job was approved and started")
	case fsm.PauseJob{}.Op():
		return when(mine, "the job was paused")
	case fsm.ResumeJob{}.Op():
		return when(mine, "the job went on")
	case fsm.CancelJob{}.Op():
		return when(mine, "the job was cancelled")
	case fsm.RetryJob{}.Op():
		return when(mine, "the job was tried again")
	case fsm.SetPriority{}.Op():
		return when(mine, "the job's priority was changed")
	case fsm.PutBudget{}.Op():
		return when(rec.Subject == "budget of "+string(fsm.ScopeJob(t.job.ID)), "the job's bound was changed")
	case fsm.BeginVerify{}.Op():
		return when(mine, "everything was written; comparing began")
	case fsm.FinishJob{}.Op():
		return when(mine, "the job ended")
	case fsm.FailSlice{}.Op():
		return when(strings.HasPrefix(rec.Subject, "slice "+job+"/"), rec.Subject+" failed")
	case fsm.DiscardRecords{}.Op():
		return when(mine, "records in quarantine were given up")
	case fsm.RestoreRecords{}.Op():
		return when(mine, "records that were given up were taken back")
	case fsm.VoidJob{}.Op():
		return when(mine, "the job was rolled back: what it wrote into files is made void")
	case fsm.PutAlias{}.Op():
		return when(rec.Index > t.job.CreateIndex && slices.Contains(t.aliases, rec.Subject), rec.Subject+" was moved")
	case fsm.RevertAlias{}.Op():
		return when(rec.Index > t.job.CreateIndex && slices.Contains(t.aliases, rec.Subject), rec.Subject+" was taken back")
	case fsm.RecordProof{}.Op():
		if rec.Subject == fmt.Sprintf("proof %s of job %s", t.proof.ID, job) {
			return fmt.Sprintf("the proof was recorded: %s at %s", t.proof.Verdict, t.proof.Evidence)
		}
		return when(strings.HasSuffix(rec.Subject, " of job "+job), "another proof was recorded: "+rec.Subject)
	}
	return ""
}

// around says what a record of the trail did that jobs feel which run at the time, "" when it did nothing of that kind.
func (t *teller) around(rec fsm.AuditRecord) string {
	switch rec.Op {
	case fsm.GrantLeases{}.Op():
		return when(rec.Reason != freeLanes, rec.Subject+" moved to other nodes")
	case fsm.RevokeLeases{}.Op():
		return rec.Subject + " given up"
	case fsm.PutBudget{}.Op():
		held := slices.Contains(t.job.Scopes(), fsm.Scope(strings.TrimPrefix(rec.Subject, "budget of ")))
		return when(held, rec.Subject+" was changed")
	case fsm.PutMember{}.Op():
		return rec.Subject + " joined or came back"
	case fsm.SetMemberState{}.Op():
		return rec.Subject + " changed its state"
	case fsm.RemoveMember{}.Op():
		return rec.Subject + " was removed"
	case fsm.PutProofKey{}.Op():
		return rec.Subject + " speaks for the cluster"
	}
	return ""
}

func when(yes bool, text string) string {
	if yes {
		return text
	}
	return ""
}
