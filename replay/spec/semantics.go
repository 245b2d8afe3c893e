package spec

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
)

// semantics finds what a schema can not say: an empty range, fields that exclude each other, source and target that are the
// same, connections that are not there. It does not ask Kafka or a store; a plan does.
func semantics(r *Recovery, opts Options) []Problem {
	c := &checker{opts: opts}
	c.source("spec.source", r.Spec.Source)
	c.target("spec.target", r.Spec.Target)
	c.same("spec.target", r.Spec.Source, r.Spec.Target)
	c.registries(r)
	c.readSchemas(r.Spec.Transform)
	c.readModules(r.Spec.Transform)
	c.transform(r)
	c.read(r.Spec.Validate)
	c.validate(r)
	c.dedupe(r)
	c.superseded(r)
	c.late(r)
	c.partitioner(r)
	c.remapped(r)
	c.bounds(r)
	c.throttle(r)
	c.calendar("spec.schedule", r.Spec.Schedule)
	c.deadline(r.Spec.SLA)
	c.units(r)
	return c.problems
}

type checker struct {
	opts     Options
	problems []Problem
}

func (c *checker) add(code, path, message, hint string) {
	c.problems = append(c.problems, Problem{Code: code, Path: path, Message: message, Hint: hint})
}

func (c *checker) source(path string, s Source) {
	switch {
	case s.S3 != nil:
		c.s3(path+".s3", s.S3.Connection, s.S3.Endpoint, s.S3.Region, s.S3.Bucket)
		c.layout(path+".s3", s.S3.Layout)
		if s.S3.Inventory != "" && s.S3.Layout.Layout != "auto" && !slices.Contains(foreignLayouts, s.S3.Layout.Layout) {
			c.add(CodeTogether, path+".s3.inventory", "an inventory belongs to archives that others wrote", "set layout, or leave inventory out")
		}
	case s.Dir != nil:
		c.layout(path+".dir", s.Dir.Layout)
	case s.Kafka != nil:
		c.kafka(path+".kafka", s.Kafka.Connection, s.Kafka.Brokers)
	}
}

func (c *checker) target(path string, t Target) {
	switch {
	case t.Kafka != nil:
		c.kafka(path+".kafka", t.Kafka.Connection, t.Kafka.Brokers)
	case t.S3 != nil:
		c.s3(path+".s3", t.S3.Connection, t.S3.Endpoint, t.S3.Region, t.S3.Bucket)
		c.files(path+".s3", t.S3.Files)
	case t.Dir != nil:
		c.files(path+".dir", t.Dir.Files)
	}
}

// s3 refuses logins in an address, which would stand in plans and in the book, and does not repeat them.
func (c *checker) s3(path, connection, endpoint, region, bucket string) {
	const next = "connection: NAME of one whose configuration names the keys"
	if u, err := url.Parse(endpoint); err != nil || strings.Contains(endpoint, "@") || u.RawQuery != "" || u.Fragment != "" {
		c.add(CodeSecret, path+".endpoint", path+".endpoint holds more than https://HOST:PORT", next)
	}
	if strings.ContainsAny(bucket, "@:") && !strings.HasPrefix(bucket, "arn:") {
		c.add(CodeSecret, path+".bucket", path+".bucket is not the name of a bucket", next)
	}
	if connection != "" && (endpoint != "" || region != "") {
		c.add(CodeTogether, path+".connection", "connection and endpoint or region exclude each other", "keep the connection")
	}
	c.connection(path+".connection", connection, "s3")
}

func (c *checker) kafka(path, connection, brokers string) {
	if strings.Contains(brokers, "@") { // not repeated, for it is a login
		c.add(CodeSecret, path+".brokers", path+".brokers holds a user or a password", "connection: NAME of one whose configuration has the login")
	}
	switch {
	case connection == "" && brokers == "":
		c.add(CodeRequired, path, path+" names neither connection nor brokers", "brokers: HOST:9092")
	case connection != "" && brokers != "":
		c.add(CodeTogether, path+".connection", "connection and brokers exclude each other", "keep one of them")
	}
	c.connection(path+".connection", connection, "kafka")
}

func (c *checker) connection(path, name, kind string) {
	if name == "" || c.opts.Connections == nil {
		return
	}
	var names []string
	for n, k := range c.opts.Connections {
		if k == kind {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	got, ok := c.opts.Connections[name]
	if ok && got == kind {
		return
	}
	message := fmt.Sprintf("there is no connection %q", name)
	if ok {
		message = fmt.Sprintf("connection %q is of kind %s, want %s", name, got, kind)
	}
	hint := "configured: " + strings.Join(names, ", ")
	if len(names) == 0 {
		hint = "no connection of kind " + kind + " is configured"
	}
	if near := nearest(name, names); near != "" {
		hint = "did you mean " + near + "?"
	}
	c.add(CodeConnect, path, message, hint)
}

func (c *checker) layout(path string, l Layout) {
	only := func(set bool, field string, layouts ...string) {
		if set && !slices.Contains(layouts, l.Layout) {
			c.add(CodeTogether, path+"."+field, field+" belongs to layout "+strings.Join(layouts, ", "), "set layout, or leave "+field+" out")
		}
	}
	if formats, ok := layoutFormats[l.Layout]; l.Format != "" && ok && len(formats) > 0 && !slices.Contains(formats, l.Format) {
		hint := "formats: " + strings.Join(formats, ", ")
		if l.Layout == "lenses" && l.Format == "csv" {
			hint += "; csv of lenses holds what the fields of values print as, and no value can be made of it: name another reference"
		}
		c.add(CodeValue, path+".format", fmt.Sprintf("layout %s has no format %s", l.Layout, l.Format), hint)
	} else {
		only(l.Format != "" && len(formats) == 0, "format", "confluent", "hdfs", "lenses", "aiven", "firehose")
	}
	c.values(path, l)
	only(len(l.Fields) > 0, "fields", "aiven")
	only(l.Envelope != nil, "envelope", "lenses", "aiven")
	c.envelope(path+".envelope", l)
	only(l.TopicsDir != nil, "topicsDir", "confluent", "hdfs")
	only(l.DirectoryDelim != "", "directoryDelim", "confluent", "hdfs")
	only(l.FileDelim != "", "fileDelim", "confluent", "hdfs")
}

// layoutFormats are the formats that a layout's files can have.
var layoutFormats = map[string][]string{
	"confluent": {"json", "bin", "avro", "parquet"}, "hdfs": {"json", "bin", "avro", "parquet"}, "lenses": {"json", "envelope", "bytes", "avro", "parquet"},
	"aiven": {"csv", "json", "envelope", "array", "avro", "parquet"}, "firehose": {"concat", "bin", "parquet"},
}

// foreignLayouts are the layouts that other programs write.
var foreignLayouts = []string{"confluent", "lenses", "aiven", "firehose", "oso", "gazette", "hdfs"}

// untimed are the layouts whose files hold no timestamps, whatever their writer was told.
var untimed = []string{"confluent", "hdfs", "firehose", "gazette"}

// same refuses a target that is its own reference: nothing could ever be missing.
func (c *checker) same(path string, s Source, t Target) {
	switch {
	case s.Kafka != nil && t.Kafka != nil:
		if s.Kafka.Topic == t.Kafka.Topic && s.Kafka.Connection == t.Kafka.Connection && s.Kafka.Brokers == t.Kafka.Brokers {
			c.add(CodeSame, path+".kafka.topic", fmt.Sprintf("source and target are both topic %q of the same cluster", t.Kafka.Topic),
				"name another topic, or an archive as the source")
		}
	case s.Dir != nil && t.Dir != nil:
		if nested(s.Dir.Path, t.Dir.Path) {
			c.add(CodeSame, path+".dir.path", fmt.Sprintf("source %s and target %s lie in each other", s.Dir.Path, t.Dir.Path),
				"a target must be a directory of its own")
		}
	case s.S3 != nil && t.S3 != nil:
		if s.S3.Bucket == t.S3.Bucket && s.S3.Connection == t.S3.Connection && s.S3.Endpoint == t.S3.Endpoint && nested("/"+s.S3.Prefix, "/"+t.S3.Prefix) {
			c.add(CodeSame, path+".s3.prefix", fmt.Sprintf("source and target lie in each other in bucket %s", t.S3.Bucket),
				"a target must have a prefix of its own")
		}
	}
}

// nested reports whether one of two paths lies in the other.
func nested(a, b string) bool {
	a, b = strings.TrimRight(a, "/")+"/", strings.TrimRight(b, "/")+"/"
	return strings.HasPrefix(a, b) || strings.HasPrefix(b, a)
}

// registries refuses to compare by schema on one side and by number on the other: every record would differ.
func (c *checker) registries(r *Recovery) {
	source, at := r.Spec.Source.registry()
	target, to := r.Spec.Target.registry()
	c.registry("spec.source."+at, source)
	c.registry("spec.target."+to, target)
	if r.framed() {
		return // each side's registry tells its own schemas, and nothing is compared by them
	}
	c.bothRegistries("spec.source."+at, source, "source", "spec.target."+to, target, "target")
}

// remapped refuses to write records under names that nobody tells.
func (c *checker) remapped(r *Recovery) {
	if k := r.Spec.Target.Kafka; k == nil || k.Schemas != RemapSchemas {
		return
	}
	const path = "spec.target.kafka.schemas"
	if source, at := r.Spec.Source.registry(); source == "" {
		c.add(CodeRequired, "spec.source."+at, "schemas: remap needs the registry of each side: it tells what its names of schemas stand for", "registry: NAME on both sides, or leave schemas out")
	} else if r.framed() {
		c.add(CodeTogether, path, "values that steps make have the number of the output schema, and keys keep theirs", "leave schemas out")
	}
}

func (c *checker) bothRegistries(at, a, side, to, b, other string) {
	const hint = "name both registries, or none to compare the numbers as bytes"
	switch {
	case a != "" && b == "":
		c.add(CodeTogether, at, fmt.Sprintf("the %s has a registry and the %s has none", side, other), hint)
	case a == "" && b != "":
		c.add(CodeTogether, to, fmt.Sprintf("the %s has a registry and the %s has none", other, side), hint)
	}
}

// registry refuses what is neither a connection nor an address. An address with a login is a secret, and not repeated.
func (c *checker) registry(path, name string) {
	if !strings.ContainsAny(name, ":@") {
		c.connection(path, name, "registry")
		return
	}
	u, err := url.Parse(name)
	if err != nil || strings.ContainsAny(name, "@?#") {
		c.add(CodeSecret, path, path+" is not an address of the form https://HOST:PORT, or holds more than that",
			"name a connection whose configuration has the login: registry: NAME")
		return
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		c.add(CodeValue, path, path+" is neither a connection nor an address", "registry: NAME, or registry: https://HOST:8081")
	}
}

// registry is that of s, "" for none, and where it stands.
func (s Source) registry() (name, at string) {
	switch {
	case s.S3 != nil:
		return s.S3.Registry, "s3.registry"
	case s.Dir != nil:
		return s.Dir.Registry, "dir.registry"
	case s.Kafka != nil:
		return s.Kafka.Registry, "kafka.registry"
	}
	return "", ""
}

func (t Target) registry() (name, at string) {
	if t.Kafka == nil {
		return "", "dir"
	}
	return t.Kafka.Registry, "kafka.registry"
}

// partitioner refuses to give records other partitions where nothing would tell afterwards which ones they had, and what is proved in another way.
func (c *checker) partitioner(r *Recovery) {
	k, w := r.Spec.Target.Kafka, r.Spec.Write
	if k == nil || k.Partitioner == "" || k.Partitioner == DefaultPartitioner || w == nil {
		return
	}
	if w.OriginHeaders != nil && !*w.OriginHeaders {
		c.add(CodeTogether, "spec.write.originHeaders", "with another number of partitions, what the target has is told by origin headers", "leave write.originHeaders out")
	}
}

func (c *checker) bounds(r *Recovery) {
	g := r.Spec.Range
	if g == nil {
		return
	}
	if g.Offsets != nil {
		if g.From != "" || g.To != "" {
			c.add(CodeTogether, "spec.range.offsets", "a range goes by time or by offsets", "leave out from and to, or offsets")
		}
		if g.Offsets.To <= g.Offsets.From {
			c.add(CodeEmpty, "spec.range.offsets.to", fmt.Sprintf("the range [%d,%d) is empty", g.Offsets.From, g.Offsets.To), "ranges are half-open; to must be larger than from")
		}
		return
	}
	for _, f := range []struct {
		name  string
		value Time
	}{{"from", g.From}, {"to", g.To}} {
		if f.value == "" {
			c.add(CodeRequired, "spec.range", "spec.range."+f.name+" is missing", "write both from and to, or leave range out for everything")
			return
		}
	}
	from, ferr := g.From.Parse()
	to, terr := g.To.Parse()
	for _, f := range []struct {
		name string
		err  error
	}{{"from", ferr}, {"to", terr}} {
		if f.err != nil {
			c.add(CodeUnit, "spec.range."+f.name, f.err.Error(), "")
			return
		}
	}
	if !to.After(from) {
		c.add(CodeEmpty, "spec.range.to", fmt.Sprintf("the range [%s,%s) is empty", g.From, g.To), "ranges are half-open; to must be later than from")
	}
	if layout := r.Spec.Source.layout(); slices.Contains(untimed, layout) {
		c.add(CodeTogether, "spec.range.from", "files of layout "+layout+" hold no timestamps, so a range can not go by time", "use spec.range.offsets, or leave the range out")
	}
}

// maxInterval is the longest time between two commits.
func (r *Recovery) maxInterval() time.Duration {
	if r.Files() != nil {
		return maxFileInterval
	}
	return maxCommitInterval
}

func (c *checker) units(r *Recovery) {
	if s := r.Spec.Select; s != nil {
		if _, err := s.Partitions.Parse(); err != nil {
			c.add(CodeValue, "spec.select.partitions", err.Error(), unitHints[partitionsPattern])
		}
	}
	if w := r.Spec.Write; w != nil {
		switch d, err := w.CommitInterval.Parse(); {
		case err != nil:
			c.add(CodeUnit, "spec.write.commitInterval", err.Error(), "")
		case w.CommitInterval != "" && (d < minCommitInterval || d > r.maxInterval()):
			c.add(CodeValue, "spec.write.commitInterval", fmt.Sprintf("spec.write.commitInterval is %s", w.CommitInterval),
				fmt.Sprintf("from %s to %s", minCommitInterval, r.maxInterval()))
		}
	}
	if s := r.Spec.Slices; s != nil {
		switch n, err := s.Bytes.Parse(); {
		case err != nil:
			c.add(CodeUnit, "spec.slices.bytes", err.Error(), "")
		case s.Bytes != "" && n < minSliceBytes:
			c.add(CodeValue, "spec.slices.bytes", fmt.Sprintf("spec.slices.bytes is %s", s.Bytes), "at least 64KiB")
		}
	}
}
