package report

import (
	"fmt"
	"strings"

	"backstitch/fsm"
)

// Who did what, when and why, from the audit trail between the job's submission and its proof. Leases and members are not of one
// job: what moved in that time is listed whoever it was moved for.

// maxEvents bounds a timeline. What is left out in the middle is counted.
const maxEvents = 500

// freeLanes is the leader's reason for a grant that moves nothing.
const freeLanes = "free lanes"

func timeline(v *fsm.View, j fsm.Job, p fsm.Proof, nodes []Node) ([]Event, error) {
	named := byName(nodes)
	var out []Event
	begun := false
	for rec, err := range v.Audit(j.CreateIndex) {
		if err != nil {
			return nil, err
		}
		if rec.Index > p.Index {
			break
		}
		begun = begun || rec.Index == j.CreateIndex
		if what := happened(rec, j, p); what != "" && rec.Code == fsm.OK {
			out = append(out, Event{Index: rec.Index, At: stamp(rec.UnixNanos), Who: named(rec.Actor), What: named(what), Why: named(rec.Reason)})
		}
	}
	if !begun { // the trail keeps its newest records only
		out = append([]Event{{Index: j.CreateIndex, At: stamp(j.CreatedUnixNanos), Who: j.CreatedBy, What: "the plan was submitted; the records of the time after it are kept no more"}}, out...)
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

// happened puts a record of the trail into words, "" when it is of no interest here.
func happened(rec fsm.AuditRecord, j fsm.Job, p fsm.Proof) string {
	mine := rec.Subject == "job "+string(j.ID)
	switch rec.Op {
	case fsm.SubmitJob{}.Op():
		return when(mine, "the plan was submitted")
	case fsm.StartJob{}.Op():
		return when(mine, "the job was approved and started")
	case fsm.PauseJob{}.Op():
		return when(mine, "the job was paused")
	case fsm.ResumeJob{}.Op():
		return when(mine, "the job went on")
	case fsm.RetryJob{}.Op():
		return when(mine, "the job was tried again")
	case fsm.BeginVerify{}.Op():
		return when(mine, "everything was written; comparing began")
	case fsm.FailSlice{}.Op():
		return when(strings.HasPrefix(rec.Subject, "slice "+string(j.ID)+"/"), rec.Subject+" failed")
	case fsm.GrantLeases{}.Op():
		return when(rec.Reason != freeLanes, rec.Subject+" moved to other nodes")
	case fsm.RevokeLeases{}.Op():
		return rec.Subject + " given up"
	case fsm.PutMember{}.Op():
		return rec.Subject + " joined or came back"
	case fsm.SetMemberState{}.Op():
		return rec.Subject + " changed its state"
	case fsm.RemoveMember{}.Op():
		return rec.Subject + " was removed"
	case fsm.PutProofKey{}.Op():
		return rec.Subject + " speaks for the cluster"
	case fsm.RecordProof{}.Op():
		return when(rec.Subject == fmt.Sprintf("proof %s of job %s", p.ID, j.ID), fmt.Sprintf("the proof was recorded: %s at %s", p.Verdict, p.Evidence))
	}
	return ""
}

func when(yes bool, text string) string {
	if yes {
		return text
	}
	return ""
}
