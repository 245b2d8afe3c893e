package notify

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"backstitch/fsm"
	"backstitch/fsm/runbook"
)

// Two ways to Prometheus' world. An Alertmanager is told of alerts by its API v2, and routes, silences and groups them as all others;
// that is what most people have. A receiver that an Alertmanager would call can be called directly instead, with payload version 4
// (prometheus.io/docs/alerting/latest/configuration/#webhook_config).
//
// What goes wrong raises an alert and what goes well afterwards resolves it. So the labels name the dataset and not the job, or the flow: two alerts
// are the same when their labels are.

// alarm is what an event says about one alert.
type alarm struct {
	name, severity string
	firing         bool
}

// alarms are the alerts that an event raises or resolves. A repair does not resolve what a scan has found: the next scan does.
// It does resolve that its plan waits, and what was said of its deadline: it may have come late, and it has come.
func alarms(e Event) []alarm {
	failed := e.Kind == fsm.NoticeFailed
	found := e.Kind == fsm.NoticeFound
	switch {
	case e.Flow != nil:
		return flowAlarms(e.Kind)
	case e.Kind == fsm.NoticeAnomaly || e.Kind == fsm.NoticeUsual:
		return []alarm{{"BackstitchAnomaly", "warning", e.Kind == fsm.NoticeAnomaly}}
	case e.Kind == fsm.NoticePlanned:
		return []alarm{{"BackstitchPlanWaiting", "warning", true}}
	case e.Kind == fsm.NoticeAtRisk:
		return []alarm{{atRisk, "warning", true}}
	case e.Kind == fsm.NoticeMissed: // one call for one deadline
		return []alarm{{missed, "critical", !e.Over}, {atRisk, "warning", false}}
	case !failed && !found && e.Kind != fsm.NoticeSucceeded:
		return nil
	case e.Scan == nil:
		out := []alarm{{"BackstitchRecoveryFailed", "critical", failed}}
		if !failed {
			out = append(out, alarm{"BackstitchPlanWaiting", "warning", false}) // none of the plan's pair waits while a job of it runs
			out = append(out, alarm{missed, "critical", false}, alarm{atRisk, "warning", false})
		}
		return out
	case failed:
		return []alarm{{"BackstitchScanFailed", "warning", true}}
	}
	return []alarm{{"BackstitchGapDetected", "critical", found}, {"BackstitchScanFailed", "warning", false}}
}

// Alerts of a job with a deadline.
const (
	atRisk = "BackstitchSlaAtRisk"
	missed = "BackstitchSlaMissed"
)

// Alerts of flows.
const (
	flowWaiting = "BackstitchFlowWaiting"
	flowFailed  = "BackstitchFlowFailed"
)

// clusterURN is what names of clusters begin with, where others see them.
const clusterURN = "urn:backstitch:cluster:"

// Raised reports whether an alert with this generator URL was raised by a cluster of backstitch, this one or another. An Alertmanager hands the
// URL on as it got it, whatever is done to labels on the way.
func Raised(generatorURL string) bool { return strings.HasPrefix(generatorURL, clusterURN) }

// Ours reports whether an alert of that name is one of ours: a cluster raises it, or a rule of deploy/alerts out of what clusters measure. Rules are evaluated
// by a Prometheus, which puts its own generator URL onto what it raises.
func Ours(alertname string) bool { return runbook.OfAlert(alertname) != "" }

const (
	// alertLasts is how long an Alertmanager shows the alert if nothing resolves it. Without an end it would resolve it by itself
	// after its resolve_timeout, 5 minutes, since nobody repeats it.
	alertLasts = 24 * time.Hour
	// unusualLasts is the same of hours, of which a fingerprint is told once: for longer than a source is said to be silent.
	unusualLasts = 15 * 24 * time.Hour
)

// alert is one alert, in the form that both ways share.
type alert struct {
	Status       string            `json:"status,omitempty"` // webhook only
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     time.Time         `json:"startsAt"`
	EndsAt       time.Time         `json:"endsAt"` // the zero time while it fires, in a webhook
	GeneratorURL string            `json:"generatorURL"`
	Fingerprint  string            `json:"fingerprint,omitempty"` // webhook only
}

// webhook is payload version 4.
type webhook struct {
	Version           string            `json:"version"`
	GroupKey          string            `json:"groupKey"`
	TruncatedAlerts   uint64            `json:"truncatedAlerts"`
	Status            string            `json:"status"`
	Receiver          string            `json:"receiver"`
	GroupLabels       map[string]string `json:"groupLabels"`
	CommonLabels      map[string]string `json:"commonLabels"`
	CommonAnnotations map[string]string `json:"commonAnnotations"`
	ExternalURL       string            `json:"externalURL"`
	Alerts            []alert           `json:"alerts"`
}

// alerts is the body of POST /api/v2/alerts.
func alerts(e Event) []alert {
	var out []alert
	for _, m := range alarms(e) {
		a := newAlert(e, m)
		if m.firing {
			a.EndsAt = e.Time.Add(e.lasts())
		}
		out = append(out, a)
	}
	return out
}

func newAlert(e Event, m alarm) alert {
	a := alert{
		Labels:       e.labels(),
		Annotations:  map[string]string{"summary": e.summary(), "notice_id": e.ID},
		StartsAt:     e.Time,
		GeneratorURL: clusterURN + e.Cluster + ":dataset:" + e.Namespace + "/" + e.Dataset,
	}
	a.Labels["alertname"], a.Labels["cluster"], a.Labels["severity"] = m.name, e.Cluster, m.severity
	switch {
	case e.Flow != nil:
		a.GeneratorURL = clusterURN + e.Cluster + ":flow:" + string(e.Flow.ID)
	case e.Job != "":
		a.Annotations["job_id"], a.GeneratorURL = e.Job, clusterURN+e.Cluster+":job:"+e.Job
	}
	if ids := e.fingerprints(); ids != "" {
		a.Annotations["anomaly_ids"] = ids
	}
	for _, n := range e.Annotations {
		if k := labelName(n.Key); a.Annotations[k] == "" {
			a.Annotations[k] = n.Value
		}
	}
	if page := runbook.OfAlert(m.name); page != "" {
		// The path is true whoever serves it. What a dataset says itself knows more than we do.
		if a.Annotations["runbook"] == "" {
			a.Annotations["runbook"] = page
		}
		if at := runbook.At(e.Runbooks, page); at != "" && a.Annotations["runbook_url"] == "" {
			a.Annotations["runbook_url"] = at
		}
	}
	if e.Proof != nil {
		a.Annotations["proof_id"] = string(e.Proof.ID)
	}
	if !m.firing {
		a.EndsAt = e.Time
	}
	return a
}

func alertWebhook(receiver string, e Event) webhook {
	group := e.labels()
	out := webhook{
		Version: "4", GroupKey: groupKey(group), Status: "resolved", Receiver: receiver, GroupLabels: group,
		ExternalURL: clusterURN + e.Cluster,
	}
	for _, m := range alarms(e) {
		a := newAlert(e, m)
		a.Status, a.Fingerprint = "resolved", fingerprint(a.Labels)
		if m.firing {
			a.Status, out.Status = "firing", "firing"
		}
		out.Alerts = append(out.Alerts, a)
		out.CommonLabels, out.CommonAnnotations = common(out.CommonLabels, a.Labels), common(out.CommonAnnotations, a.Annotations)
	}
	return out
}

// common keeps of have what all has too; a nil have is the beginning.
func common(have, all map[string]string) map[string]string {
	if have == nil {
		return maps.Clone(all)
	}
	maps.DeleteFunc(have, func(k, v string) bool { return all[k] != v })
	return have
}

// labelName makes a name that every Alertmanager takes: older ones answer 400 to acme.com/ticket.
func labelName(k string) string {
	out := []byte(k)
	for i, c := range out {
		if letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'; !letter && (i == 0 || c < '0' || c > '9') {
			out[i] = '_'
		}
	}
	return string(out)
}

// groupKey is written as an Alertmanager writes that of a route without matchers.
func groupKey(labels map[string]string) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		parts = append(parts, fmt.Sprintf("%s=%q", k, labels[k]))
	}
	return "{}:{" + strings.Join(parts, ", ") + "}"
}

// fingerprint is Prometheus' own: FNV-1a over names and values in order, each ended by 0xff.
func fingerprint(labels map[string]string) string {
	const offset, prime = 14695981039346656037, 1099511628211
	sum := uint64(offset)
	add := func(s string) {
		for i := range len(s) {
			sum = (sum ^ uint64(s[i])) * prime
		}
		sum = (sum ^ 0xff) * prime
	}
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		add(k)
		add(labels[k])
	}
	return fmt.Sprintf("%016x", sum)
}
