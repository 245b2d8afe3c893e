package notify

import (
	"encoding/hex"
	"time"

	"backstitch/fsm"
	"backstitch/fsm/runbook"
)

// CloudEvents 1.0 in structured mode: everything is in the body, so a proxy that drops headers loses nothing. Source and id name an
// event, and a receiver may take two of the same for one (cloudevents/spec, section "id").

type envelope struct {
	SpecVersion     string    `json:"specversion"`
	ID              string    `json:"id"`
	Source          string    `json:"source"`
	Type            string    `json:"type"`
	Subject         string    `json:"subject"`
	Time            time.Time `json:"time"`
	DataContentType string    `json:"datacontenttype"`
	Runbook         string    `json:"runbook,omitempty"` // extension, a URI-reference: what to read about it, of what wants a person
	Data            any       `json:"data"`              // jobData or flowData
}

// jobData is the data of dev.backstitch.job.*.v1, .scan.*.v1, .gap.*.v1 and .plan.*.v1 and .sla.*.v1. Fields are only added.
type jobData struct {
	Namespace   string            `json:"namespace"`
	Dataset     string            `json:"dataset"`
	Annotations map[string]string `json:"annotations,omitempty"`
	Index       uint64            `json:"index"` // of the cluster's log: events of one dataset are in its order
	Job         string            `json:"job"`
	JobName     string            `json:"jobName"`
	Why         string            `json:"why,omitempty"`
	Reference   placeData         `json:"reference"`
	Targets     []placeData       `json:"targets"`
	Proof       *proofData        `json:"proof,omitempty"`
	Scan        *scanData         `json:"scan,omitempty"`
	Plan        *planData         `json:"plan,omitempty"`
	SLA         *slaData          `json:"sla,omitempty"`
	Anomalies   []anomalyData     `json:"anomalies,omitempty"`
}

// slaData is a deadline.
type slaData struct {
	DetectedAt  time.Time     `json:"detectedAt"` // when the loss was known: the clock began
	Deadline    time.Time     `json:"deadline"`
	CompletePPM uint32        `json:"completePPM"` // millionths of the planned records that have to be in the target
	Anomalies   []anomalyData `json:"anomalies,omitempty"`
}

// planData is a plan; of one that was not made the last numbers are zero.
type planData struct {
	ID      string `json:"id"`
	Scan    string `json:"scan"`          // whose findings it is about
	Job     string `json:"job,omitempty"` // that would run it
	SHA256  string `json:"sha256,omitempty"`
	Records int64  `json:"records"`
	Bytes   int64  `json:"bytes"`
	Read    string `json:"read,omitempty"` // what to type, of one that waits
	Approve string `json:"approve,omitempty"`
	Reject  string `json:"reject,omitempty"`
}

// scanData are the numbers of a scan; of one that has only begun they are zero.
type scanData struct {
	Comparable   int64 `json:"comparablePartitions"`
	Compared     int64 `json:"comparedRecords"`
	Missing      int64 `json:"missingRecords"`
	MissingBytes int64 `json:"missingBytes"`
	Duplicates   int64 `json:"duplicateRecords"`
	Extra        int64 `json:"extraRecords"`
	Findings     int64 `json:"findings"`
	Unknown      int64 `json:"unknownFindings"`
}

type placeData struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
}

type proofData struct {
	ID       string `json:"id"`
	Verdict  string `json:"verdict"`
	Evidence string `json:"evidence"`
	numbers
}

var cloudTypes = map[fsm.NoticeKind]string{
	fsm.NoticeStarted: "dev.backstitch.job.started.v1", fsm.NoticeSucceeded: "dev.backstitch.job.completed.v1",
	fsm.NoticeFailed: "dev.backstitch.job.failed.v1", fsm.NoticeCancelled: "dev.backstitch.job.cancelled.v1",
	fsm.NoticeAtRisk: "dev.backstitch.sla.at-risk.v1", fsm.NoticeMissed: "dev.backstitch.sla.missed.v1",
}

var hourTypes = map[fsm.NoticeKind]string{
	fsm.NoticeAnomaly: "dev.backstitch.anomaly.detected.v1", fsm.NoticeUsual: "dev.backstitch.anomaly.over.v1",
}

// anomalyData is what is unusual, with its evidence: Seen of the hour that is off most, and what nineteen of twenty such hours have.
type anomalyData struct {
	ID       string `json:"id"`
	Topic    string `json:"topic"`
	About    string `json:"about"`
	More     bool   `json:"more"`
	SinceMs  int64  `json:"since"`
	UntilMs  int64  `json:"until"`
	Records  int64  `json:"records"`
	HourMs   int64  `json:"hour"`
	From     int64  `json:"expectedFrom"`
	To       int64  `json:"expectedTo"`
	Seen     int64  `json:"seen"`
	Season   string `json:"season,omitempty"`
	Reason   string `json:"reason"`
	Cause    string `json:"cause,omitempty"`
	Scan     string `json:"scan,omitempty"`
	Evidence string `json:"evidence"`
}

func anomalies(all []fsm.Anomaly, topics map[string]string) (out []anomalyData) {
	const hourMs = 3600 * 1000
	for _, a := range all {
		u := a.Unusual
		out = append(out, anomalyData{
			ID: a.ID, Topic: topics[a.ID], About: u.About, More: u.More, SinceMs: u.SinceHour * hourMs, UntilMs: u.UntilHour * hourMs, Records: u.Off, HourMs: u.Hour * hourMs,
			From: u.From, To: u.To, Seen: u.Seen, Season: u.Season, Reason: u.Reason, Cause: u.Cause, Scan: string(a.Scan), Evidence: "E0",
		})
	}
	return out
}

var planTypes = map[fsm.NoticeKind]string{
	fsm.NoticeStarted: "dev.backstitch.plan.started.v1", fsm.NoticePlanned: "dev.backstitch.plan.waiting.v1",
	fsm.NoticeFailed: "dev.backstitch.plan.failed.v1", fsm.NoticeCancelled: "dev.backstitch.plan.cancelled.v1",
}

var scanTypes = map[fsm.NoticeKind]string{
	fsm.NoticeStarted: "dev.backstitch.scan.started.v1", fsm.NoticeSucceeded: "dev.backstitch.scan.completed.v1",
	fsm.NoticeFailed: "dev.backstitch.scan.failed.v1", fsm.NoticeCancelled: "dev.backstitch.scan.cancelled.v1",
	fsm.NoticeFound: "dev.backstitch.gap.detected.v1",
}

// toRead names the page of the first alert that an event raises, by its address where that is known.
func toRead(e Event) string {
	for _, m := range alarms(e) {
		if !m.firing {
			continue
		}
		page := runbook.OfAlert(m.name)
		if at := runbook.At(e.Runbooks, page); at != "" {
			return at
		}
		return page
	}
	return ""
}

func cloudEvent(e Event) envelope {
	out := envelope{
		SpecVersion: "1.0", ID: e.ID, Source: clusterURN + e.Cluster, Runbook: toRead(e), Subject: e.about(), Time: e.Time, DataContentType: "application/json",
	}
	if e.Flow != nil {
		out.Type, out.Data = flowTypes[e.Kind], e.flowData()
		return out
	}
	d := jobData{
		Namespace: e.Namespace, Dataset: e.Dataset, Annotations: e.annotations(), Index: e.Index, Job: e.Job, JobName: e.JobName, Why: e.Why,
		Reference: placeData(e.Reference), Targets: []placeData{},
	}
	for _, t := range e.Targets {
		d.Targets = append(d.Targets, placeData(t))
	}
	if p := e.Proof; p != nil {
		d.Proof = &proofData{ID: string(p.ID), Verdict: p.Verdict.String(), Evidence: p.Evidence.String(), numbers: sums(p)}
	}
	kind := cloudTypes[e.Kind]
	if c := e.Scan; c != nil {
		kind = scanTypes[e.Kind]
		d.Scan = &scanData{c.Comparable, c.Compared, c.Missing, c.MissingBytes, c.Duplicates, c.Extra, c.Findings, c.Unknown}
	}
	if hour := hourTypes[e.Kind]; hour != "" {
		kind, d.Anomalies = hour, anomalies(e.Anomalies, e.Topics)
	}
	if e.Plan != nil || e.Kind == fsm.NoticePlanned {
		kind = planTypes[e.Kind]
	}
	if x := e.Terms; x != nil {
		d.SLA = &slaData{DetectedAt: time.Unix(0, x.DetectedUnixNanos).UTC(), Deadline: time.Unix(0, x.DeadlineUnixNanos).UTC(), CompletePPM: x.CompletePPM}
	}
	if p := e.Plan; p != nil {
		d.Plan = &planData{ID: string(p.ID), Scan: string(p.Scan), Job: string(p.Job), Records: p.Records, Bytes: p.Bytes}
		if p.Job != "" {
			d.Plan.SHA256 = hex.EncodeToString(p.Hash[:])
		}
		if e.Kind == fsm.NoticePlanned {
			d.Plan.Read, d.Plan.Approve, d.Plan.Reject = e.typed("plan"), e.typed("approve"), e.typed("reject")
		}
	}
	out.Type, out.Data = kind, d
	return out
}
