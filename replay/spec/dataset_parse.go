package spec

import (
	"cmp"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"backstitch/partition/due"

	"github.com/goccy/go-yaml"
)

// ParseDataset reads a dataset. name is how errors call the file. Everything that is wrong comes back in one *Error.
func ParseDataset(name string, data []byte, opts Options) (*Dataset, error) {
	d := &document{format: datasetFormat, name: name, text: string(data)}
	var set Dataset
	if err := d.parse(data, &set); err != nil {
		return nil, err
	}
	if d.problems = append(d.problems, set.semantics(opts)...); len(d.problems) > 0 {
		return nil, d.error()
	}
	return &set, nil
}

// KindOf returns what a file says that it describes, "" when it does not say so. It finds nothing wrong with it.
func KindOf(data []byte) string {
	var head struct {
		Kind string `yaml:"kind"`
	}
	if len(data) > MaxBytes || yaml.Unmarshal(data, &head) != nil {
		return ""
	}
	return head.Kind
}

// semantics finds what the schema can not say.
func (d *Dataset) semantics(opts Options) []Problem {
	c := &checker{opts: opts}
	reference, at := d.Spec.Reference.registry()
	c.agentRegistry("spec.reference."+at, reference)
	c.source("spec.reference", d.Spec.Reference)
	for i, t := range d.Spec.Targets {
		path := fmt.Sprintf("spec.targets.%d", i)
		target, to := t.registry()
		c.agentRegistry(path+"."+to, target)
		c.bothRegistries("spec.reference."+at, reference, "reference", path+"."+to, target, "target")
		c.target(path, t)
		if t.Kafka != nil && t.Kafka.Partitioner != "" && t.Kafka.Partitioner != DefaultPartitioner {
			c.add(CodeTogether, path+".kafka.partitioner", "scans of a dataset compare partitions of the same number", "make a plan of a spec of its own: backstitch plan -f SPEC")
		}
		if t.Kafka != nil && t.Kafka.Schemas == RemapSchemas && reference == "" {
			c.add(CodeRequired, "spec.reference."+at, "schemas: remap needs the registry of each side: it tells what its names of schemas stand for", "registry: NAME on both sides, or leave schemas out")
		}
		c.same(path, d.Spec.Reference, t)
		for j, other := range d.Spec.Targets[:i] {
			if t.place() == other.place() {
				c.add(CodeTwice, path, fmt.Sprintf("targets %d and %d are the same", j+1, i+1), "keep one of them")
			}
		}
	}
	c.annotations(d.Metadata.Annotations)
	if s := d.Spec.Schedule; s != nil {
		c.dueTimes(s.Every, s.Cron, "UTC")
		if n, err := s.Rate.Parse(); err != nil || s.Rate != "" && n == 0 {
			c.add(CodeUnit, "spec.schedule.rate", fmt.Sprintf("spec.schedule.rate is %s", s.Rate), unitHints[bytesPattern])
		}
	}
	c.policy(d.Spec)
	c.terms(d.Spec)
	c.schemas(d.Spec.Schemas, reference)
	c.anomalies(d.Spec)
	for i, n := range d.Spec.Notify {
		path := fmt.Sprintf("spec.notify.%d", i)
		c.endpoint(path, n, d.Spec.Notify[:i], NotifyOn(n.Format))
		c.happens(path, n, d.Spec)
	}
	return c.problems
}

// schemas refuses a watch that has nothing to look at.
func (c *checker) schemas(w *SchemaWatch, registry string) {
	if w == nil {
		return
	}
	if registry == "" {
		c.add(CodeTogether, "spec.schemas", "schemas are told by registries, and reference and targets name none", "registry: NAME beside the topic of the reference and of each target")
	}
	if w.Mode != "" && w.Expect != ExpectCompatible {
		c.add(CodeTogether, "spec.schemas.mode", "spec.schemas.mode is for expect: compatible", "leave it out, or write expect: compatible")
	}
}

// agentRegistry refuses an address: agents ask only the registries of their configuration.
func (c *checker) agentRegistry(path, name string) {
	before := len(c.problems)
	if c.registry(path, name); len(c.problems) == before && strings.Contains(name, ":") {
		c.add(CodeValue, path, path+" is an address, and agents ask only the registries of their configuration", "registry: NAME, and connections.NAME.registry on every agent")
	}
}

// Bounds of annotations: they are sent with every notification.
const (
	maxAnnotations     = 32
	maxAnnotationBytes = 1024
)

func (c *checker) annotations(all map[string]string) {
	if len(all) > maxAnnotations {
		c.add(CodeValue, "metadata.annotations", fmt.Sprintf("metadata.annotations has %d keys", len(all)), fmt.Sprintf("at most %d", maxAnnotations))
	}
	for k, v := range all {
		if k == "" || len(k)+len(v) > maxAnnotationBytes {
			c.add(CodeValue, "metadata.annotations."+k, fmt.Sprintf("annotation %q is empty or too long", k), fmt.Sprintf("at most %d bytes with its value", maxAnnotationBytes))
		}
	}
}

// minEvery is the shortest time between two scans that a cluster takes.
const minEvery = time.Minute

// dueTimes refuses a schedule that says when in no way, in two, or in one that can not be meant. zone is how people call the clocks that a line goes by.
func (c *checker) dueTimes(often Duration, cron, zone string) {
	every, err := often.Parse()
	switch {
	case err != nil:
		c.add(CodeUnit, "spec.schedule.every", err.Error(), "")
		return
	case (often == "") == (cron == ""):
		c.add(CodeTogether, "spec.schedule", "a schedule has either every or cron", "every: 6h, or cron: \"0 3 * * *\"")
		return
	case often != "" && every < minEvery:
		c.add(CodeValue, "spec.schedule.every", fmt.Sprintf("spec.schedule.every is %s", often), "at least "+minEvery.String())
	case cron != "":
		if err := (due.Rule{Cron: cron}).Check(); err != nil {
			c.add(CodeValue, "spec.schedule.cron", err.Error(), "five fields in "+zone+", such as 0 3 * * *")
		}
	}
}

// terms refuses hours and a deadline of jobs that there will not be, and those that can not be meant.
func (c *checker) terms(s DatasetSpec) {
	starts := cmp.Or(s.Policy, DefaultPolicy) != DefaultPolicy
	for _, field := range [...]struct {
		name string
		has  bool
	}{{"hours", s.Hours != nil}, {"sla", s.SLA != nil}} {
		if field.has && !starts {
			c.add(CodeTogether, "spec."+field.name, fmt.Sprintf("policy %s starts no jobs, so nobody would keep to %s", DefaultPolicy, field.name),
				"leave it out, or policy: planAndWait")
		}
	}
	if h := s.Hours; h != nil && len(h.PeakHours)+len(h.Blackout) == 0 {
		c.add(CodeCalendar, "spec.hours", "hours without a window", `such as blackout: [{cron: "0 7 * * MON-FRI", duration: 12h}]`)
	} else {
		c.calendar("spec.hours", s.Hours.schedule())
	}
	c.deadline(s.SLA)
}

// policy refuses what would write without limits, and limits that nobody would look at.
func (c *checker) policy(s DatasetSpec) {
	switch run := s.Policy == PolicyRun; {
	case run && s.Limits == nil:
		c.add(CodeTogether, "spec.policy", "policy run needs limits: what it may write without a person", "limits: {maxRecords: 100000, maxBytes: 1GiB}")
	case !run && s.Limits != nil:
		c.add(CodeTogether, "spec.limits", fmt.Sprintf("policy %s runs nothing by itself, so nobody would look at limits", cmp.Or(s.Policy, DefaultPolicy)),
			"leave limits out, or policy: run")
	case s.Limits != nil:
		c.limits(s.Limits)
	}
}

func (c *checker) limits(l *PolicyLimits) {
	if n, err := l.MaxBytes.Parse(); err != nil || n <= 0 {
		c.add(CodeUnit, "spec.limits.maxBytes", fmt.Sprintf("spec.limits.maxBytes is %q", l.MaxBytes), unitHints[bytesPattern])
	}
}

// endpoint refuses who can not be told, and words that its format does not have.
func (c *checker) endpoint(path string, n Notify, before []Notify, words []string) {
	for _, b := range before {
		if b.Name == n.Name {
			c.add(CodeTwice, path+".name", fmt.Sprintf("two endpoints are called %s", n.Name), "give each a name of its own")
		}
	}
	u, err := url.Parse(n.URL)
	switch {
	case err != nil || u.Hostname() == "":
		// What the parser says repeats the URL, which may hold a secret.
		c.add(CodeSecret, path+".url", path+".url is not a URL with a host", "write it as https://HOST:PORT/PATH")
	case u.User != nil:
		c.add(CodeSecret, path+".url", path+".url holds a user or a password", "take it out, and name a token: token: env:BACKSTITCH_NOTIFY_NAME")
	case u.Fragment != "":
		c.add(CodeValue, path+".url", path+".url has a fragment, which is never sent", "leave out what begins with #")
	case n.Format == "alertmanager" && (u.RawQuery != "" || strings.HasSuffix(strings.TrimRight(u.Path, "/"), "/alerts")):
		c.add(CodeValue, path+".url", path+".url is not the base of an Alertmanager", "write what is in front of /api/v2/alerts, such as http://alertmanager:9093")
	}
	if err == nil && n.Token != "" && u.Scheme != "https" && !loopback(u.Hostname()) {
		c.add(CodeTogether, path+".token", "a token would go over plain http, where anybody can read it", "use an https URL, or leave the token out")
	}
	for i, on := range n.On {
		if !slices.Contains(words, on) {
			c.add(CodeTogether, path+".on", fmt.Sprintf("format %s has no word for %s", n.Format, on), "one of "+strings.Join(words, ", "))
		}
		if slices.Contains(n.On[:i], on) {
			c.add(CodeTwice, path+".on", fmt.Sprintf("%s stands in the list twice", on), "keep one of them")
		}
	}
}

// happens refuses what never happens to the dataset.
func (c *checker) happens(path string, n Notify, set DatasetSpec) {
	for _, on := range n.On {
		if hourly(on) && set.Anomalies == nil {
			c.add(CodeTogether, path+".on", "nothing is unusual where no hours are counted", "leave "+on+" out, or say anomalies: {}")
		}
		if on == "planned" && cmp.Or(set.Policy, DefaultPolicy) == DefaultPolicy {
			c.add(CodeTogether, path+".on", "nothing is planned under policy "+DefaultPolicy, "leave planned out, or policy: planAndWait")
		}
	}
}

// place is a target as one text, to find two that are the same.
func (t Target) place() string {
	switch {
	case t.Kafka != nil:
		return "kafka " + t.Kafka.Connection + " " + t.Kafka.Brokers + " " + t.Kafka.Topic
	case t.Dir != nil:
		return "dir " + strings.TrimRight(t.Dir.Path, "/") + " " + t.Dir.Topic
	case t.S3 != nil:
		return "s3 " + t.S3.Connection + " " + t.S3.Endpoint + " " + t.S3.Bucket + "/" + strings.Trim(t.S3.Prefix, "/") + " " + t.S3.Topic
	}
	return ""
}

func loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.Unmap().IsLoopback()
}
