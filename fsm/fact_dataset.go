package fsm

import (
	"fmt"
	"net/url"
	"strings"

	"backstitch/partition"
)

// DatasetName is "namespace/name". Neither part holds a slash, and name holds no dot.
type DatasetName string

// DatasetOf returns the dataset that a job of that namespace and name is about, whether or not there is one: the name goes on with a
// dot at most, so "orders" and "orders.refill" are about orders. A job without a namespace is in default.
func DatasetOf(namespace, job string) DatasetName {
	if namespace == "" {
		namespace = defaultNamespace
	}
	name, _, _ := strings.Cut(job, ".")
	return DatasetName(namespace + "/" + name)
}

const defaultNamespace = "default"

// TriggeredScanID is the id of the scan of one target, by its number, that something outside asked for: the same cause and moment give
// the same scan, whoever is told of them and however often.
func TriggeredScanID(n DatasetName, target int, cause string, sinceUnixNanos int64) partition.JobID {
	return jobIDOf(fmt.Sprintf("trigger %d:%s %d %d:%s %d", len(n), n, target, len(cause), cause, sinceUnixNanos))
}

// Split returns the parts of a name.
func (n DatasetName) Split() (namespace, name string) {
	namespace, name, _ = strings.Cut(string(n), "/")
	return namespace, name
}

func (n DatasetName) invalid() string {
	namespace, name, ok := strings.Cut(string(n), "/")
	switch {
	case !ok || namespace == "" || name == "" || len(namespace) > maxIDBytes || len(name) > maxIDBytes:
		return fmt.Sprintf("dataset %q is not NAMESPACE/NAME", n)
	case strings.ContainsAny(name, "/.\x00") || strings.ContainsAny(namespace, "/\x00"):
		return fmt.Sprintf("dataset %q: a name holds neither slash nor dot", n)
	}
	return ""
}

// Dataset is a stream that the cluster looks after: a reference, what has to be as complete as that, and who hears of it.
type Dataset struct {
	Name DatasetName
	// Document is the canonical JSON of replay/spec.Dataset, as it was applied. The book does not read it.
	Document    []byte
	Annotations []Annotation
	Reference   Place
	Targets     []Place
	Endpoints   []Endpoint
	// Orders are the scans of the dataset, one for each target, in their order; none when nobody may order one. EveryNanos or
	// Cron say how often they are due, neither when they are not.
	Orders     []ScanOrder
	EveryNanos int64
	Cron       string

	CreatedBy        string
	CreatedUnixNanos int64
	ChangedBy        string
	ChangedUnixNanos int64
	CreateIndex      uint64
	ModifyIndex      uint64
}

// Annotation is one key with its value, which go with each notification.
type Annotation struct{ Key, Value string }

// Place is how OpenLineage calls a source or a target.
type Place struct{ Namespace, Name string }

// EndpointFormat is how an endpoint is spoken to. The numbers are stored; never reuse one.
type EndpointFormat uint8

const (
	FormatAlertmanager EndpointFormat = 1 // alerts of its API v2
	FormatAlertWebhook EndpointFormat = 2 // what an Alertmanager sends to a webhook, version 4
	FormatCloudEvents  EndpointFormat = 3 // CloudEvents 1.0, structured
	FormatOpenLineage  EndpointFormat = 4 // run events
)

var formatNames = map[EndpointFormat]string{
	FormatAlertmanager: "alertmanager", FormatAlertWebhook: "alertmanager-webhook", FormatCloudEvents: "cloudevents", FormatOpenLineage: "openlineage",
}

// String returns the word that specs and the API use.
func (f EndpointFormat) String() string {
	if s := formatNames[f]; s != "" {
		return s
	}
	return fmt.Sprintf("format %d", uint8(f))
}

// ParseEndpointFormat is the other way round; ok is false for a word that is none.
func ParseEndpointFormat(word string) (f EndpointFormat, ok bool) {
	for f, s := range formatNames {
		if s == word {
			return f, true
		}
	}
	return 0, false
}

// Endpoint is one receiver of notices.
type Endpoint struct {
	Name   string
	Format EndpointFormat
	URL    string
	// Token says where each node finds a bearer token, "" for none: env:NAME or file:NAME. The book never holds the token.
	Token string
	On    uint32 // a bit for each NoticeKind that is told, at its number
}

// Hears reports whether the endpoint is told of a kind.
func (e Endpoint) Hears(k NoticeKind) bool { return e.On&(1<<k) != 0 }

// Bounds of a dataset.
const (
	MaxDatasets        = 1000
	MaxEndpoints       = 8
	MaxTargets         = 16
	maxDocumentBytes   = 256 << 10
	maxURLBytes        = 2048
	maxAnnotations     = 32
	maxAnnotationBytes = 1024
	maxOrdersBytes     = 2 << 20 // of all recipes together
	firstKinds         = 1<<NoticeStarted | 1<<NoticeSucceeded | 1<<NoticeFailed | 1<<NoticeCancelled | 1<<NoticeFound
	planKinds          = firstKinds | 1<<NoticePlanned // from policiesSince on
	// everyKind is what there is from toldSince on, which is also the version of watches.
	everyKind = planKinds | 1<<NoticeAtRisk | 1<<NoticeMissed | 1<<NoticeAnomaly | 1<<NoticeUsual
	// flowKinds are those of flows, whose outboxes there are from version 8 on.
	flowKinds           = 1<<NoticeStarted | 1<<NoticeSucceeded | 1<<NoticeFailed | 1<<NoticeCancelled | 1<<NoticeWaiting | 1<<NoticeAnswered | 1<<NoticeRolledBack | 1<<NoticeRollbackFailed
	maxSettledWhyBytes  = 512
	maxNoticesOfDataset = 256
)

// invalid says what contradicts itself. kinds are the notices that there are in the cluster's version.
func (d Dataset) invalid(kinds uint32) string {
	if why := d.Name.invalid(); why != "" {
		return why
	}
	switch {
	case len(d.Document) == 0 || len(d.Document) > maxDocumentBytes:
		return fmt.Sprintf("a document of %d bytes, want 1 to %d", len(d.Document), maxDocumentBytes)
	case len(d.Targets) == 0 || len(d.Targets) > MaxTargets:
		return fmt.Sprintf("%d targets, want 1 to %d", len(d.Targets), MaxTargets)
	case len(d.Endpoints) > MaxEndpoints:
		return fmt.Sprintf("%d endpoints, at most %d are allowed", len(d.Endpoints), MaxEndpoints)
	}
	if why := d.invalidOrders(); why != "" {
		return why
	}
	for _, p := range append([]Place{d.Reference}, d.Targets...) {
		if p.Name == "" || len(p.Name)+len(p.Namespace) > maxURLBytes {
			return fmt.Sprintf("a place whose name has %d bytes", len(p.Name)+len(p.Namespace))
		}
	}
	if why := invalidAnnotations(d.Annotations); why != "" {
		return why
	}
	return invalidEndpoints(d.Endpoints, kinds)
}

// invalidEndpoints says what is wrong with a list of them.
func invalidEndpoints(all []Endpoint, kinds uint32) string {
	for i, e := range all {
		if why := e.invalid(kinds); why != "" {
			return fmt.Sprintf("endpoint %q %s", e.Name, why)
		}
		for _, other := range all[:i] {
			if other.Name == e.Name {
				return fmt.Sprintf("two endpoints are called %s", e.Name)
			}
		}
	}
	return ""
}

// invalidAnnotations says what is wrong with a list of them.
func invalidAnnotations(all []Annotation) string {
	if len(all) > maxAnnotations {
		return fmt.Sprintf("%d annotations, at most %d are allowed", len(all), maxAnnotations)
	}
	for i, a := range all {
		if a.Key == "" || len(a.Key)+len(a.Value) > maxAnnotationBytes || i > 0 && a.Key <= all[i-1].Key {
			return fmt.Sprintf("annotation %q is empty, too long or out of order", a.Key)
		}
	}
	return ""
}

func (d Dataset) invalidOrders() string {
	if len(d.Orders) != 0 && len(d.Orders) != len(d.Targets) {
		return fmt.Sprintf("%d scans of %d targets", len(d.Orders), len(d.Targets))
	}
	if len(d.Orders) == 0 && (d.EveryNanos != 0 || d.Cron != "") {
		return "scans are due, and there are none"
	}
	namespace, name := d.Name.Split()
	bytes := 0
	for i, o := range d.Orders {
		if why := o.invalid(); why != "" {
			return fmt.Sprintf("scan of target %d: %s", i+1, why)
		}
		if o.Namespace != namespace || o.Dataset != name {
			return fmt.Sprintf("scan of target %d is about dataset %s/%s", i+1, o.Namespace, o.Dataset)
		}
		bytes += len(o.Recipe)
	}
	if bytes > maxOrdersBytes {
		return fmt.Sprintf("recipes of %d bytes, at most %d are allowed", bytes, maxOrdersBytes)
	}
	return ""
}

// scheduleName is that of the schedule of one target.
func (n DatasetName) scheduleName(target int) string { return fmt.Sprintf("dataset/%s/%d", n, target) }

// schedules are the schedules that a dataset needs, first due at next.
func (d Dataset) schedules(next int64) []PutSchedule {
	if d.EveryNanos == 0 && d.Cron == "" {
		return nil
	}
	var out []PutSchedule
	for i := range d.Orders {
		out = append(out, PutSchedule{Name: d.Name.scheduleName(i), Order: &d.Orders[i], EveryNanos: d.EveryNanos, Cron: d.Cron, NextUnixNanos: next})
	}
	return out
}

// NextScan is when a target of a dataset is scanned next by its schedule, 0 without one.
func (v *View) NextScan(n DatasetName) (unixNanos int64, err error) {
	for i := 0; ; i++ {
		s, ok, err := v.Schedule(n.scheduleName(i))
		if err != nil || !ok {
			return unixNanos, err
		}
		if i == 0 || s.NextUnixNanos < unixNanos {
			unixNanos = s.NextUnixNanos
		}
	}
}

// scheduled returns the names of the schedules that a dataset has in the book.
func (t *tx) scheduled(n DatasetName) []string {
	var out []string
	for _, k := range t.keys(scheduleKey("dataset/" + string(n) + "/")) {
		out = append(out, string(k[1:]))
	}
	return out
}

// invalid says what is wrong. It does not repeat the URL or the token: they may be what nobody else should see.
func (e Endpoint) invalid(kinds uint32) string {
	u, err := url.Parse(e.URL)
	kind, rest, _ := strings.Cut(e.Token, ":")
	switch {
	case e.Name == "" || len(e.Name) > maxIDBytes || strings.ContainsRune(e.Name, 0):
		return "has no name, or one that is too long"
	case formatNames[e.Format] == "":
		return "has " + e.Format.String() + ", which there is not"
	case err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || len(e.URL) > maxURLBytes:
		return "has no http or https URL without user and password"
	case e.Token != "" && (rest == "" || kind != "env" && kind != "file" || len(e.Token) > maxIDBytes):
		return "has a token that is no reference"
	case e.On == 0 || e.On&^kinds != 0:
		return "is told of nothing, or of what there is not"
	}
	return ""
}

func datasetKey(n DatasetName) []byte { return key(kindDataset, []byte(n)) }

func (t *tx) dataset(n DatasetName) (d Dataset, ok bool) {
	ok = t.read(datasetKey(n), &d)
	return d, ok
}

// Dataset returns a dataset; ok is false when there is none of that name.
func (v *View) Dataset(n DatasetName) (d Dataset, ok bool, err error) {
	ok, err = v.read(datasetKey(n), &d)
	return d, ok, err
}

// Datasets returns all datasets by name.
func (v *View) Datasets() ([]Dataset, error) {
	var out []Dataset
	for d, err := range each[Dataset](v, key(kindDataset), nil) {
		if err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	return out, nil
}
