package spec

import (
	"slices"
	"strconv"
)

// The comments of these types are read by people, as those in recovery.go are.

// KindDataset is the other value that kind has.
const KindDataset = "Dataset"

// Dataset is a named stream that a cluster looks after: where its truth is kept, where it must be complete, and who hears of it.
type Dataset struct {
	// Version of this format.
	APIVersion string `json:"apiVersion" jsonschema:"enum=backstitch.dev/v1"`
	// What the file describes.
	Kind string `json:"kind" jsonschema:"enum=Dataset"`
	// What the dataset is called.
	Metadata DatasetMetadata `json:"metadata"`
	// What belongs together, and what happens about it.
	Spec DatasetSpec `json:"spec"`
}

// DatasetMetadata names the dataset.
type DatasetMetadata struct {
	// Name of the dataset: lower-case letters, digits and dashes. Jobs of this name, and of names that go on with a dot, such as orders.refill, are about it.
	Name string `json:"name" jsonschema:"minLength=1,maxLength=63,pattern=^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"`
	// Namespace of the dataset and of its jobs.
	Namespace string `json:"namespace,omitempty" jsonschema:"maxLength=63,pattern=^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$,default=default"`
	// Annotations go with each notification: runbook_url, an owner, a dashboard.
	Annotations map[string]string `json:"annotations,omitempty"`
}

// DatasetSpec says what belongs together, and what happens about it.
type DatasetSpec struct {
	// Where the truth is. Exactly one kind.
	Reference Source `json:"reference"`
	// Where it must be complete. Each has exactly one kind.
	Targets []Target `json:"targets" jsonschema:"minItems=1,maxItems=16"`
	// What happens when a scan has found records missing that the reference still has. notify tells the endpoints below and changes nothing. planAndWait makes a plan, tells them, and waits until a person says yes or no. run makes a plan and runs it, within limits.
	Policy string `json:"policy,omitempty" jsonschema:"enum=notify,enum=planAndWait,enum=run,default=notify"`
	// What policy run may write without a person, in one plan. Needed with it, and with it only.
	Limits *PolicyLimits `json:"limits,omitempty"`
	// When jobs may work that the policy starts. They keep to it as to spec.schedule of a recovery. Of policies that start jobs only.
	Hours *Hours `json:"hours,omitempty"`
	// Until when they have to be done. The clock starts when the scan ended that found the loss. Of policies that start jobs only.
	SLA *SLA `json:"sla,omitempty"`
	// Which change of the schemas that records name is expected. Needs registries. Left out, schemas are noted and nothing is said about them.
	Schemas *SchemaWatch `json:"schemas,omitempty"`
	// Which targets are counted by the hour, to say what is unusual of them: those that are topics. Left out, none is.
	Anomalies *AnomalyWatch `json:"anomalies,omitempty"`
	// When the cluster scans the targets against the reference. Left out, it scans when it is told to.
	Schedule *DatasetSchedule `json:"schedule,omitempty"`
	// Who hears of what happens to the dataset.
	Notify []Notify `json:"notify,omitempty" jsonschema:"maxItems=8"`
}

// Hours are when jobs may work. At least one of its lists has a window.
type Hours struct {
	// Time zone of the windows, an IANA name such as Europe/Berlin. Left out, it is UTC.
	Timezone string `json:"timezone,omitempty" jsonschema:"minLength=1,maxLength=64"`
	// Hours in which a job keeps below a limit.
	PeakHours []PeakHours `json:"peakHours,omitempty" jsonschema:"minItems=1,maxItems=32"`
	// Hours in which nothing of a job runs. What runs when one begins commits, and goes on when it is over.
	Blackout []Blackout `json:"blackout,omitempty" jsonschema:"minItems=1,maxItems=32"`
}

// schedule is the part of a recovery's schedule that says the same.
func (h *Hours) schedule() *Schedule {
	if h == nil {
		return nil
	}
	return &Schedule{Timezone: h.Timezone, PeakHours: h.PeakHours, Blackout: h.Blackout}
}

// SchemaWatch says what a schema has to be that records name and that no earlier scan of the pair has met. What is not so is a finding.
type SchemaWatch struct {
	// known takes none: each new schema is a finding. registered takes those that the topic's subject of the registry lists. compatible takes of these the ones that go together with the schema before.
	Expect string `json:"expect" jsonschema:"enum=known,enum=registered,enum=compatible"`
	// Mode by which compatible is meant. Left out, it is the registry's for the subject.
	Mode string `json:"mode,omitempty" jsonschema:"enum=backward,enum=backward_transitive,enum=forward,enum=forward_transitive,enum=full,enum=full_transitive"`
}

// AnomalyWatch says what of each topic is counted by the hour, and held against what such hours usually have: all records, those of each partition, without a value, late, and of each sender.
type AnomalyWatch struct {
	// Where a record names its sender: key, header:NAME, or a JSON pointer into the value, like /meta/host. Left out, nobody is missed who falls silent.
	Source string `json:"source,omitempty" jsonschema:"maxLength=256"`
	// Fields that records should have, as JSON pointers into the value, like /customer/id.
	Nulls []string `json:"nulls,omitempty" jsonschema:"maxItems=8"`
	// How soon something is unusual: high needs seven tenths of the evidence of normal and is wrong more often, low one and a half times as much.
	Sensitivity string `json:"sensitivity,omitempty" jsonschema:"enum=low,enum=normal,enum=high,default=normal"`
	// Time zone whose clock the hours of the day and the days of the week go by, such as Europe/Berlin.
	Zone string `json:"zone,omitempty" jsonschema:"maxLength=64,default=UTC"`
	// By how much a record is older than one before it in its partition, to be late.
	Late Duration `json:"late,omitempty" jsonschema:"default=5m"`
	// How long after its end an hour may still get records. It is counted then.
	Grace Duration `json:"grace,omitempty" jsonschema:"default=10m"`
	// Bytes that what was learned of one topic takes in the cluster's book at most, from 128KiB to 1MiB. It bounds how many partitions and senders are looked at one by one.
	State Bytes `json:"state,omitempty" jsonschema:"default=512KiB"`
	// Bytes that are read per second at most, such as 20MiB. Left out, as fast as it can.
	Rate Bytes `json:"rate,omitempty"`
	// Whether what begins to be unusual starts a scan of its target, of which the policy makes what it makes of all scans.
	Scan bool `json:"scan,omitempty"`
}

// Values of SchemaWatch.Expect.
const (
	ExpectKnown      = "known"
	ExpectRegistered = "registered"
	ExpectCompatible = "compatible"
)

// PolicyLimits bound what is written without a person. What is larger waits for one.
type PolicyLimits struct {
	// Records that one plan may write.
	MaxRecords int64 `json:"maxRecords" jsonschema:"minimum=1"`
	// Bytes that one plan may write, uncompressed, such as 1GiB.
	MaxBytes Bytes `json:"maxBytes"`
}

// DatasetSchedule says when the cluster scans: every so often, or by a cron line.
type DatasetSchedule struct {
	// Time between two scans, at least 1m, such as 6h.
	Every Duration `json:"every,omitempty"`
	// Minute, hour, day of month, month and day of week, in UTC, such as "0 3 * * *". Instead of every.
	Cron string `json:"cron,omitempty" jsonschema:"maxLength=128"`
	// Bytes that each node reads per second at most, such as 20MiB. Left out, as fast as it can.
	Rate Bytes `json:"rate,omitempty"`
}

// Notify is one endpoint that hears of what happens to the dataset. The leader of the cluster sends, at least once, and gives up on what could not be delivered for a day.
type Notify struct {
	// Name of the endpoint, unique in the dataset.
	Name string `json:"name" jsonschema:"minLength=1,maxLength=63,pattern=^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"`
	// Format of what is sent. alertmanager raises and resolves alerts at an Alertmanager, alertmanager-webhook is what an Alertmanager itself sends to a webhook, cloudevents is CloudEvents 1.0 in structured mode, openlineage is run events of OpenLineage.
	Format string `json:"format" jsonschema:"enum=alertmanager,enum=alertmanager-webhook,enum=cloudevents,enum=openlineage"`
	// URL to post to. Of an alertmanager it is the base, such as http://alertmanager:9093; of the others it is the whole address. Redirects are not followed.
	URL string `json:"url" jsonschema:"maxLength=2048,pattern=^https?://"`
	// Where the agents find a bearer token: env:BACKSTITCH_NOTIFY_NAME, or file:NAME of a file in their notify.secretDir.
	Token string `json:"token,omitempty" jsonschema:"pattern=^(env:BACKSTITCH_NOTIFY_[A-Z0-9_]+|file:[A-Za-z0-9_-][A-Za-z0-9._-]*)$"`
	// What is told. Left out, it is everything that the format has words for and that can happen: alerts are raised by failed, found, planned, sla-at-risk, sla-missed and anomaly, and resolved by succeeded and usual; nothing is planned under policy notify, and nothing unusual without anomalies. Of deadlines, sla-at-risk and sla-missed, nothing is told by default where the dataset has no sla; jobs that people start may have one all the same.
	On []string `json:"on,omitempty" jsonschema:"enum=started,enum=succeeded,enum=failed,enum=cancelled,enum=found,enum=planned,enum=sla-at-risk,enum=sla-missed,enum=anomaly,enum=usual"`
}

// NotifyOn are the values that the list on may have for a format.
func NotifyOn(format string) []string {
	switch format {
	case "alertmanager", "alertmanager-webhook":
		return []string{"succeeded", "failed", "found", "planned", "sla-at-risk", "sla-missed", "anomaly", "usual"}
	case "openlineage": // a plan that waits is no event of a run, and nor is an hour
		return []string{"started", "succeeded", "failed", "cancelled", "found", "sla-at-risk", "sla-missed"}
	}
	return []string{"started", "succeeded", "failed", "cancelled", "found", "planned", "sla-at-risk", "sla-missed", "anomaly", "usual"}
}

// notifyDefault are those that on has when it is left out. An older cluster has no word for deadlines, and takes what names none.
func notifyDefault(format string, s DatasetSpec) []string {
	return slices.DeleteFunc(NotifyOn(format), func(word string) bool {
		return word == "planned" && s.Policy == DefaultPolicy || (word == "sla-at-risk" || word == "sla-missed") && s.SLA == nil || hourly(word) && s.Anomalies == nil
	})
}

// hourly says whether a word of the list on is about hours that are counted.
func hourly(word string) bool { return word == "anomaly" || word == "usual" }

// WithDefaults returns a copy of d in which everything that was left out is written out.
func (d *Dataset) WithDefaults() *Dataset {
	out := *d
	orText(&out.Metadata.Namespace, DefaultNamespace)
	orText(&out.Spec.Policy, DefaultPolicy)
	if d.Spec.Hours != nil {
		h := *d.Spec.Hours
		orText(&h.Timezone, DefaultTimezone)
		out.Spec.Hours = &h
	}
	out.Spec.SLA = d.Spec.SLA.withDefaults()
	out.Spec.Anomalies = d.Spec.Anomalies.withDefaults()
	out.Spec.Notify = make([]Notify, len(d.Spec.Notify))
	for i, n := range d.Spec.Notify {
		if len(n.On) == 0 {
			n.On = notifyDefault(n.Format, out.Spec)
		}
		out.Spec.Notify[i] = n
	}
	if len(out.Spec.Notify) == 0 {
		out.Spec.Notify = nil
	}
	return &out
}

// Terms is a recovery with the hours and the deadline that jobs of the policy have, nil where they have neither. d has its defaults.
func (d *Dataset) Terms() *Recovery {
	if d.Spec.Hours == nil && d.Spec.SLA == nil {
		return nil
	}
	r := &Recovery{Spec: Spec{Schedule: &Schedule{}, SLA: d.Spec.SLA}}
	if d.Spec.Hours != nil {
		r.Spec.Schedule = d.Spec.Hours.schedule()
	}
	return r
}

func (w *AnomalyWatch) withDefaults() *AnomalyWatch {
	if w == nil {
		return nil
	}
	out := *w
	orText(&out.Sensitivity, "normal")
	orText(&out.Zone, DefaultTimezone)
	orText(&out.Late, "5m")
	orText(&out.Grace, "10m")
	orText(&out.State, "512KiB")
	return &out
}

// Recoveries returns the dataset as pairs of reference and target, in the order of the targets: what a scan of each compares.
func (d *Dataset) Recoveries() []*Recovery {
	out := make([]*Recovery, len(d.Spec.Targets))
	for i, t := range d.Spec.Targets {
		name := d.Metadata.Name + ".scan"
		if len(d.Spec.Targets) > 1 {
			name += "-" + strconv.Itoa(i+1)
		}
		out[i] = &Recovery{
			APIVersion: APIVersion, Kind: Kind, Metadata: Metadata{Name: name, Namespace: d.Metadata.Namespace},
			Spec: Spec{Source: d.Spec.Reference, Target: t},
		}
	}
	return out
}
