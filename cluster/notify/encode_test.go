package notify

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"backstitch/fsm"
	"backstitch/partition"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var update = flag.Bool("update", false, "write the golden files anew")

var (
	theDataset = fsm.Dataset{
		Name: "shop/orders", Document: []byte("{}"), Annotations: []fsm.Annotation{{Key: "runbook_url", Value: "https://wiki.internal/orders"}},
		Reference: fsm.Place{Namespace: "s3://acme-archive", Name: "orders"},
		Targets:   []fsm.Place{{Namespace: "kafka://h:9092", Name: "orders"}, {Namespace: "file", Name: "/copy"}},
	}
	theProof = fsm.Proof{ID: "r-abc", Job: "bs-7f3k2m", Verdict: fsm.Fail, Evidence: fsm.E3, Comparisons: []fsm.Comparison{
		{Partition: 0, Range: partition.Range{From: 0, To: 100}, Verdict: fsm.Pass, Evidence: fsm.E3, Expected: fsm.Side{Records: 100}, Actual: fsm.Side{Records: 100}},
		{Partition: 7, Range: partition.Range{From: 40, To: 90}, Verdict: fsm.Fail, Evidence: fsm.E3, Expected: fsm.Side{Records: 50}, Actual: fsm.Side{Records: 49},
			Missing: 2, Extra: 1, IntroducedDuplicates: 3},
	}}
	at = time.Date(2026, 11, 20, 5, 0, 2, 123_000_000, time.UTC)
)

func notice(k fsm.NoticeKind, index uint64) fsm.Notice {
	n := fsm.Notice{Dataset: theDataset.Name, Index: index, UnixNanos: at.UnixNano(), Kind: k, Job: "bs-7f3k2m", JobName: "orders.refill"}
	if k == fsm.NoticeFailed {
		n.Why, n.Proof = "proof r-abc: fail at E3", "r-abc"
	}
	return n
}

func event(k fsm.NoticeKind) Event {
	n := notice(k, 300)
	var proof *fsm.Proof
	switch k {
	case fsm.NoticeFailed:
		proof = &theProof
	case fsm.NoticeSucceeded:
		good := theProof
		good.Verdict, good.Comparisons = fsm.Pass, good.Comparisons[:1]
		proof = &good
	}
	return NewEvent("c1", "v0.1.0", theDataset, n, []string{"kafka:abc/orders/0", "kafka:abc/orders/7"}, proof)
}

// scanEvent is an event of a scan of the first target.
func scanEvent(k fsm.NoticeKind) Event {
	n := notice(k, 300)
	n.Proof, n.Why, n.JobName, n.Scan = "", "", "orders.scan", &fsm.ScanCounts{}
	if k != fsm.NoticeStarted {
		n.Scan = &fsm.ScanCounts{Comparable: 2, Compared: 150, Matched: 150, Target: 150}
	}
	if k == fsm.NoticeFound {
		n.Scan = &fsm.ScanCounts{Comparable: 2, Compared: 150, Matched: 147, Target: 150, Missing: 3, MissingBytes: 300, Extra: 1, Findings: 3, Unknown: 1}
	}
	d := theDataset
	d.Targets = d.Targets[:1]
	return NewEvent("c1", "v0.1.0", d, n, nil, nil)
}

// slaEvent is an event of a job with a deadline.
func slaEvent(k fsm.NoticeKind) Event {
	n := notice(k, 300)
	n.Why = "it had to be proved until 2026-11-20T05:00:00Z, and is running with 70000 of 90000 records written"
	e := NewEvent("c1", "v0.1.0", theDataset, n, []string{"kafka:abc/orders/0"}, nil)
	e.Terms = &fsm.Terms{Job: "bs-7f3k2m", DetectedUnixNanos: at.Add(-6 * time.Hour).UnixNano(), DeadlineUnixNanos: at.Add(-2 * time.Second).UnixNano(), AlertPercent: 75, CompletePPM: 999_990}
	return e
}

// planEvent is an event of a plan, which waits, could not be made or was said no to.
func planEvent(k fsm.NoticeKind) Event {
	n := notice(k, 300)
	n.Proof, n.Why = "", map[fsm.NoticeKind]string{
		fsm.NoticePlanned: "70000 records are more than limits.maxRecords, 50000", fsm.NoticeFailed: "BST-E1128: plan: the plan is larger than a cluster keeps by itself",
	}[k]
	e := NewEvent("c1", "v0.1.0", theDataset, n, nil, nil)
	e.Plan = &fsm.Plan{ID: "bs-7f3k2m", Dataset: theDataset.Name, Scan: "bs-7f3k2n", State: fsm.PlanMaking}
	if k != fsm.NoticeFailed {
		e.Plan.State, e.Plan.Job, e.Plan.Hash, e.Plan.Records, e.Plan.Bytes = fsm.PlanWaiting, "bs-7f3k2p", [32]byte{0xab}, 70_000, 7_000_000
	}
	return e
}

// hoursEvent is an event of hours that are unusual, or are so no more.
func hoursEvent(k fsm.NoticeKind) Event {
	n := fsm.Notice{Dataset: theDataset.Name, Index: 300, UnixNanos: at.UnixNano(), Kind: k, Why: "orders: hours are as usual again"}
	if k == fsm.NoticeAnomaly {
		n.Why = "orders: source web-3: nothing since 2026-11-20T01:00:00Z (an-7f3k); scan bs-7f3k2m looks into it"
	}
	e := NewEvent("c1", "v0.1.0", theDataset, n, nil, nil)
	if k == fsm.NoticeAnomaly {
		e.Anomalies = []fsm.Anomaly{{ID: "an-7f3k", ToldIndex: 300, Scan: "bs-7f3k2m", Unusual: fsm.Unusual{
			About: "records", SinceHour: 490_000, UntilHour: 490_003, Off: 751, New: 250, Hour: 490_001, From: 400, To: 500, Seen: 200,
			Season: "Fridays 03:00 to 04:00 UTC", Reason: "fewer than usual for 3 hours", Cause: "producers send less"}}}
		e.Topics = map[string]string{"an-7f3k": "orders"}
	}
	return e
}

// flowKinds are what is told of flows.
var flowKinds = []fsm.NoticeKind{fsm.NoticeStarted, fsm.NoticeSucceeded, fsm.NoticeFailed, fsm.NoticeCancelled, fsm.NoticeWaiting, fsm.NoticeAnswered, fsm.NoticeRolledBack, fsm.NoticeRollbackFailed}

var theOutbox = fsm.FlowOutbox{Name: "fl-7f3k2m", Flow: "november-outage", Namespace: "payments", Annotations: []fsm.Annotation{{Key: "ticket", Value: "INC-4211"}}}

// flowEvent is an event of a flow.
func flowEvent(k fsm.NoticeKind) Event {
	n := fsm.Notice{Dataset: "fl-7f3k2m", Index: 300, UnixNanos: at.UnixNano(), Kind: k, Job: "fl-7f3k2m"}
	switch k {
	case fsm.NoticeWaiting:
		n.JobName, n.Why = "reopen-gate", "Release held consumers?"
	case fsm.NoticeAnswered:
		n.JobName, n.Why = "reopen-gate", "dashboards are right"
	case fsm.NoticeFailed, fsm.NoticeRolledBack, fsm.NoticeRollbackFailed:
		n.Why = "answered 404 Not Found"
	}
	return NewFlowEvent("c1", "v0.1.0", theOutbox, n)
}

// TestPayloads compares each format's bytes, for each kind that it has a word for, with files that were read beside the specifications.
func TestPayloads(t *testing.T) {
	all := []fsm.NoticeKind{fsm.NoticeStarted, fsm.NoticeSucceeded, fsm.NoticeFailed, fsm.NoticeCancelled}
	alarming := []fsm.NoticeKind{fsm.NoticeSucceeded, fsm.NoticeFailed}
	for format, kinds := range map[fsm.EndpointFormat][]fsm.NoticeKind{
		fsm.FormatAlertmanager: alarming, fsm.FormatAlertWebhook: alarming, fsm.FormatCloudEvents: all, fsm.FormatOpenLineage: all,
	} {
		for _, k := range kinds {
			payload(t, format, "job."+k.String(), event(k))
		}
		for _, k := range append(kinds, fsm.NoticeFound) {
			payload(t, format, "scan."+k.String(), scanEvent(k))
		}
		if format != fsm.FormatOpenLineage {
			payload(t, format, "plan.planned", planEvent(fsm.NoticePlanned))
		}
		for _, k := range []fsm.NoticeKind{fsm.NoticeAtRisk, fsm.NoticeMissed} {
			payload(t, format, k.String(), slaEvent(k))
		}
		payload(t, format, "plan.failed", planEvent(fsm.NoticeFailed))
	}
	for _, k := range flowKinds {
		for _, format := range []fsm.EndpointFormat{fsm.FormatAlertmanager, fsm.FormatAlertWebhook, fsm.FormatCloudEvents, fsm.FormatOpenLineage} {
			if alarms := format == fsm.FormatAlertmanager || format == fsm.FormatAlertWebhook; !alarms || k != fsm.NoticeStarted {
				payload(t, format, "flow."+k.String(), flowEvent(k))
			}
		}
	}
	payload(t, fsm.FormatCloudEvents, "plan.cancelled", planEvent(fsm.NoticeCancelled))
	for _, format := range []fsm.EndpointFormat{fsm.FormatAlertmanager, fsm.FormatAlertWebhook, fsm.FormatCloudEvents} {
		payload(t, format, "hours.anomaly", hoursEvent(fsm.NoticeAnomaly))
		payload(t, format, "hours.usual", hoursEvent(fsm.NoticeUsual))
	}
}

func payload(t *testing.T, format fsm.EndpointFormat, name string, e Event) {
	t.Helper()
	m, err := Encode(fsm.Endpoint{Name: "pager", Format: format, URL: "https://host/base/"}, e)
	if err != nil {
		t.Errorf("%s %s: %v", format, name, err)
		return
	}
	var pretty bytes.Buffer
	pretty.WriteString("POST " + m.URL + "\nContent-Type: " + m.ContentType + "\nIdempotency-Key: " + m.ID + "\n\n")
	if err := json.Indent(&pretty, m.Body, "", "  "); err != nil {
		t.Fatal(err)
	}
	pretty.WriteByte('\n')
	golden(t, format.String()+"."+name, pretty.Bytes())
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(got), string(want)); diff != "" {
		t.Errorf("%s (-got +want), write it anew with -update:\n%s", path, diff)
	}
}

func TestFormatsHaveNoWordForSomeKinds(t *testing.T) {
	for _, f := range []fsm.EndpointFormat{fsm.FormatAlertmanager, fsm.FormatAlertWebhook} {
		for _, k := range []fsm.NoticeKind{fsm.NoticeStarted, fsm.NoticeCancelled} {
			if m, err := Encode(fsm.Endpoint{Format: f, URL: "https://h"}, event(k)); err == nil {
				t.Errorf("%s %s: got %s, want an error", f, k, m.Body)
			}
		}
	}
	if m, err := Encode(fsm.Endpoint{Format: fsm.FormatAlertmanager, URL: "https://h"}, flowEvent(fsm.NoticeStarted)); err == nil {
		t.Errorf("an alert of a flow that runs: got %s, want an error", m.Body)
	}
	if m, err := Encode(fsm.Endpoint{Format: fsm.FormatOpenLineage, URL: "https://h"}, planEvent(fsm.NoticePlanned)); err == nil {
		t.Errorf("a run event of a plan that waits: got %s, want an error", m.Body)
	}
	if _, err := Encode(fsm.Endpoint{Format: 99, URL: "https://h"}, event(fsm.NoticeFailed)); err == nil {
		t.Error("format 99: got no error")
	}
}

// TestAResolvedAlertIsTheOneThatFired: an Alertmanager tells alerts apart by their labels alone.
func TestAResolvedAlertIsTheOneThatFired(t *testing.T) {
	for _, row := range []struct{ fires, resolves Event }{
		{event(fsm.NoticeFailed), event(fsm.NoticeSucceeded)},
		{scanEvent(fsm.NoticeFound), scanEvent(fsm.NoticeSucceeded)},
	} {
		fired, resolved := alerts(row.fires)[0], alerts(row.resolves)[0]
		if diff := cmp.Diff(resolved.Labels, fired.Labels); diff != "" {
			t.Errorf("labels differ:\n%s", diff)
		}
		if !fired.EndsAt.After(fired.StartsAt) || resolved.EndsAt.After(resolved.StartsAt) {
			t.Errorf("fired until %s, resolved at %s", fired.EndsAt, resolved.EndsAt)
		}
	}
	for _, k := range []fsm.NoticeKind{fsm.NoticeAtRisk, fsm.NoticeMissed} {
		fired, resolved := alerts(slaEvent(k))[0], map[string]bool{}
		for _, a := range alerts(event(fsm.NoticeSucceeded)) {
			resolved[fingerprint(a.Labels)] = !a.EndsAt.After(a.StartsAt)
		}
		if !fired.EndsAt.After(fired.StartsAt) || !resolved[fingerprint(fired.Labels)] {
			t.Errorf("%s fires until %s and is not resolved by a job that succeeds: %v", k, fired.EndsAt, resolved)
		}
	}
	late := slaEvent(fsm.NoticeMissed)
	late.Over = true
	for _, a := range alerts(late) {
		if a.EndsAt.After(a.StartsAt) {
			t.Errorf("%s fires, and the job had succeeded already: nothing would resolve it", a.Labels["alertname"])
		}
	}
	for _, row := range []struct {
		name     string
		fires    fsm.NoticeKind
		resolves []fsm.NoticeKind
	}{
		{flowWaiting, fsm.NoticeWaiting, []fsm.NoticeKind{fsm.NoticeAnswered, fsm.NoticeSucceeded, fsm.NoticeFailed, fsm.NoticeCancelled, fsm.NoticeRolledBack, fsm.NoticeRollbackFailed}},
		{flowFailed, fsm.NoticeFailed, []fsm.NoticeKind{fsm.NoticeSucceeded, fsm.NoticeCancelled}},
		{flowFailed, fsm.NoticeRollbackFailed, []fsm.NoticeKind{fsm.NoticeSucceeded, fsm.NoticeCancelled}},
	} {
		fired := alerts(flowEvent(row.fires))[0]
		if fired.Labels["alertname"] != row.name || !fired.EndsAt.After(fired.StartsAt) {
			t.Errorf("%s: %+v does not fire", row.fires, fired)
		}
		for _, k := range row.resolves {
			resolved := false
			for _, a := range alerts(flowEvent(k)) {
				resolved = resolved || cmp.Equal(a.Labels, fired.Labels) && !a.EndsAt.After(a.StartsAt)
			}
			if !resolved {
				t.Errorf("%s of a flow that is %s is not resolved by %s", row.name, row.fires, k)
			}
		}
	}
	failed, found := alerts(scanEvent(fsm.NoticeFailed))[0], alerts(scanEvent(fsm.NoticeFound))[1]
	if diff := cmp.Diff(found.Labels, failed.Labels); diff != "" || found.EndsAt.After(found.StartsAt) {
		t.Errorf("a scan that went well does not resolve one that failed:\n%s", diff)
	}
}

// The sum is the one that Prometheus' own test of its label signatures expects.
func TestFingerprint(t *testing.T) {
	if got, want := fingerprint(map[string]string{"name": "garland, briggs", "fear": "love is not enough"}), "507a62d79ee76c9a"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestAnnotationsOfAlertsHaveNamesThatAllTake(t *testing.T) {
	for k, want := range map[string]string{"runbook_url": "runbook_url", "acme.com/ticket-1": "acme_com_ticket_1", "7up": "_up", "é": "__"} {
		if got := labelName(k); got != want {
			t.Errorf("%s: got %s, want %s", k, got, want)
		}
	}
}

func TestRunIDIsTheSameForEachEventOfARun(t *testing.T) {
	if got, want := runID("c1", "bs-7f3k2m"), "9ab5313f-1eee-5aab-9523-d4c3116fb3c5"; got != want {
		t.Errorf("got %s, want the UUIDv5 %s", got, want)
	}
	start, end := runEvent(event(fsm.NoticeStarted)), runEvent(event(fsm.NoticeFailed))
	if start.Run.RunID != end.Run.RunID || start.Job.Name != end.Job.Name || start.Job.Namespace != end.Job.Namespace {
		t.Errorf("START of run %s of %s, FAIL of run %s of %s", start.Run.RunID, start.Job.Name, end.Run.RunID, end.Job.Name)
	}
}

func TestEventIDs(t *testing.T) {
	seen := map[string]string{}
	for _, cluster := range []string{"c1", "c2"} {
		for _, index := range []uint64{300, 301} {
			e := NewEvent(cluster, "v", theDataset, notice(fsm.NoticeFailed, index), nil, nil)
			again := NewEvent(cluster, "another version", theDataset, notice(fsm.NoticeFailed, index), nil, &theProof)
			if e.ID != again.ID {
				t.Errorf("one notice has ids %s and %s", e.ID, again.ID)
			}
			if other := seen[e.ID]; other != "" {
				t.Errorf("two notices have id %s", e.ID)
			}
			seen[e.ID] = cluster
		}
	}
}

func TestTargetsOfAJob(t *testing.T) {
	kafka, dir := theDataset.Targets[0], theDataset.Targets[1]
	for _, row := range []struct {
		lock string
		want []fsm.Place
	}{
		{"kafka:abc/orders/3", []fsm.Place{kafka}}, {"dir:/copy/3", []fsm.Place{dir}},
		{"kafka:abc/other-orders/3", []fsm.Place{kafka, dir}}, {"nonsense", []fsm.Place{kafka, dir}},
	} {
		if diff := cmp.Diff(written(theDataset.Targets, []string{row.lock}), row.want); diff != "" {
			t.Errorf("%s (-got +want):\n%s", row.lock, diff)
		}
	}
}

// TestAlertsNameTheirRunbook: the path always; the address when the node knows one and the dataset says none of its own.
func TestAlertsNameTheirRunbook(t *testing.T) {
	bare := scanEvent(fsm.NoticeFound)
	bare.Annotations = nil
	served := bare
	served.Runbooks = "https://docs.acme.com/runbooks/"
	owned := scanEvent(fsm.NoticeFound)
	owned.Runbooks = served.Runbooks
	const page, at = "deploy/runbooks/BackstitchGapDetected.md", "https://docs.acme.com/runbooks/BackstitchGapDetected.md"
	for name, c := range map[string]struct {
		event           Event
		path, url, read string
	}{
		"no address": {bare, page, "", page}, "served": {served, page, at, at}, "the dataset's own": {owned, page, "https://wiki.internal/orders", at},
	} {
		got := alerts(c.event)[0].Annotations
		if got["runbook"] != c.path || got["runbook_url"] != c.url {
			t.Errorf("%s: got runbook %q and runbook_url %q, want %q and %q", name, got["runbook"], got["runbook_url"], c.path, c.url)
		}
		if got := cloudEvent(c.event).Runbook; got != c.read {
			t.Errorf("%s: the event names %q, want %q", name, got, c.read)
		}
	}
	if got := cloudEvent(event(fsm.NoticeSucceeded)).Runbook; got != "" {
		t.Errorf("an event that wants nobody names %q", got)
	}
}
