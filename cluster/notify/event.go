package notify

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"backstitch/fsm"
)

// Event is a notice with what a receiver wants to know besides.
type Event struct {
	// ID is the same whoever sends it and however often.
	ID          string
	Cluster     string // id
	Program     string // version of the sender
	Namespace   string // of the dataset or the flow
	Dataset     string // its name, "" for a flow
	Annotations []fsm.Annotation
	Kind        fsm.NoticeKind
	Index       uint64
	Time        time.Time // UTC
	Job         string    // id
	JobName     string
	Why         string
	Reference   fsm.Place
	Targets     []fsm.Place     // that the job writes, as far as its locks tell; otherwise all
	Proof       *fsm.Proof      // nil when none ended the job
	Scan        *fsm.ScanCounts // nil for a job that writes
	Terms       *fsm.Terms      // of what tells of a deadline, nil for others
	Over        bool            // the job had succeeded when that was said: nobody has to do anything
	Runbooks    string          // URL under which the pages of deploy/runbooks are served, "" where they are not
	Anomalies   []fsm.Anomaly   // that the notice tells of, as they are now, and by their fingerprints their topics
	Topics      map[string]string
	Plan        *fsm.Plan // of what makes a plan, nil for others and for one that is forgotten
	Flow        *Flow     // nil for a dataset
}

// NewEvent makes the event of a notice. locks are those of its job; proof is the one that the notice names, nil for none.
func NewEvent(cluster, program string, d fsm.Dataset, n fsm.Notice, locks []string, proof *fsm.Proof) Event {
	namespace, name := d.Name.Split()
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%d", cluster, n.Dataset, n.Index))
	return Event{
		ID: hex.EncodeToString(sum[:16]), Cluster: cluster, Program: program, Namespace: namespace, Dataset: name, Annotations: d.Annotations,
		Kind: n.Kind, Index: n.Index, Time: time.Unix(0, n.UnixNanos).UTC(), Job: string(n.Job), JobName: n.JobName, Why: n.Why,
		Reference: d.Reference, Targets: written(d.Targets, locks), Proof: proof, Scan: n.Scan,
	}
}

// written returns the targets that locks name: "kafka:CLUSTER-ID/TOPIC/PARTITION" and "dir:PATH/PARTITION".
func written(targets []fsm.Place, locks []string) []fsm.Place {
	var out []fsm.Place
	for _, t := range targets {
		for _, lock := range locks {
			at := strings.LastIndex(lock, "/")
			if at < 0 {
				continue
			}
			kind, place, _ := strings.Cut(lock[:at], ":")
			if kind == "dir" && place == strings.TrimRight(t.Name, "/") || kind == "kafka" && strings.HasSuffix(place, "/"+t.Name) {
				out = append(out, t)
				break
			}
		}
	}
	if len(out) == 0 {
		return targets
	}
	return out
}

// summary is one line for people.
func (e Event) summary() string {
	if e.Flow != nil {
		return e.ofFlow()
	}
	switch e.Kind {
	case fsm.NoticeAnomaly:
		return fmt.Sprintf("%s/%s is unusual: %s. It need not be lost. Look: backstitch dataset anomalies %s/%s", e.Namespace, e.Dataset, e.Why, e.Namespace, e.Dataset)
	case fsm.NoticeUsual:
		return fmt.Sprintf("%s/%s: %s", e.Namespace, e.Dataset, e.Why)
	}
	if e.Kind == fsm.NoticePlanned {
		return e.planned()
	}
	what := "job"
	if e.Scan != nil {
		what = "scan"
	}
	if e.Plan != nil {
		what = "plan"
	}
	does := e.Kind.String()
	switch e.Kind {
	case fsm.NoticeAtRisk:
		does = "may miss its deadline"
	case fsm.NoticeMissed:
		does = "has missed its deadline"
	}
	text := fmt.Sprintf("%s/%s: %s %s (%s) %s", e.Namespace, e.Dataset, what, e.JobName, e.Job, does)
	if e.Kind == fsm.NoticeFound {
		// Not every finding is about records that are there or not: a change of schema is none of these.
		text += fmt.Sprintf(" %d findings: %d missing, %d duplicate and %d extra records, and %d places about which nothing can be said. Each is named: backstitch gaps list --scan %s",
			e.Scan.Findings, e.Scan.Missing, e.Scan.Duplicates, e.Scan.Extra, e.Scan.Unknown, e.Job)
	}
	if e.Why != "" {
		text += ": " + e.Why
	}
	return text
}

// lasts is how long an alert is shown that nothing resolves.
func (e Event) lasts() time.Duration {
	switch {
	case e.Kind == fsm.NoticeAnomaly:
		return unusualLasts
	case e.Kind == fsm.NoticeWaiting:
		return flowLasts
	}
	return alertLasts
}

// fingerprints are those of the anomalies that the notice tells of.
func (e Event) fingerprints() string {
	var ids []string
	for _, a := range e.Anomalies {
		ids = append(ids, a.ID)
	}
	return strings.Join(ids, " ")
}

// planned says what waits, for what, and what to type.
func (e Event) planned() string {
	text := fmt.Sprintf("%s/%s: plan %s waits for a person", e.Namespace, e.Dataset, e.Job)
	if p := e.Plan; p != nil {
		text = fmt.Sprintf("%s/%s: plan %s of what scan %s found waits for a person: %d records of %d bytes would be written", e.Namespace, e.Dataset, p.ID, p.Scan,
			p.Records, p.Bytes)
	}
	if e.Why != "" {
		text += ": " + e.Why
	}
	return text + ". Read it: " + e.typed("plan") + "   Say yes: " + e.typed("approve") + "   Say no: " + e.typed("reject")
}

// typed is a command about the event's plan.
func (e Event) typed(verb string) string {
	return fmt.Sprintf("backstitch dataset %s %s/%s %s", verb, e.Namespace, e.Dataset, e.Job)
}

// numbers are a proof's sums over its partitions.
type numbers struct {
	Partitions int   `json:"partitions"`
	Expected   int64 `json:"expectedRecords"`
	Actual     int64 `json:"actualRecords"`
	Missing    int64 `json:"missingRecords"`
	Extra      int64 `json:"extraRecords"`
	Introduced int64 `json:"introducedDuplicates"`
}

func sums(p *fsm.Proof) (n numbers) {
	n.Partitions = len(p.Comparisons)
	for _, c := range p.Comparisons {
		n.Expected += c.Expected.Records
		n.Actual += c.Actual.Records
		n.Missing += c.Missing
		n.Extra += c.Extra
		n.Introduced += c.IntroducedDuplicates
	}
	return n
}
