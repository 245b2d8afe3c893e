package spec

import (
	"fmt"
	"slices"
	"strings"
)

// semantics finds what a schema can not say: an empty range, fields that exclude each other, source and target that are the
// same, connections that are not there. It does not ask Kafka or a store; a plan does.
func semantics(r *Recovery, opts Options) []Problem {
	c := &checker{opts: opts}
	c.source(r)
	c.target(r)
	c.same(r)
	c.bounds(r)
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

func (c *checker) source(r *Recovery) {
	switch s := r.Spec.Source; {
	case s.S3 != nil:
		if s.S3.Connection != "" && (s.S3.Endpoint != "" || s.S3.Region != "") {
			c.add(CodeTogether, "spec.source.s3.connection", "connection and endpoint or region exclude each other", "keep the connection")
		}
		c.connection("spec.source.s3.connection", s.S3.Connection, "s3")
		c.layout("spec.source.s3", s.S3.Layout)
	case s.Dir != nil:
		c.layout("spec.source.dir", s.Dir.Layout)
	case s.Kafka != nil:
		c.kafka("spec.source.kafka", s.Kafka.Connection, s.Kafka.Brokers)
	}
}

func (c *checker) target(r *Recovery) {
	if t := r.Spec.Target.Kafka; t != nil {
		c.kafka("spec.target.kafka", t.Connection, t.Brokers)
	}
}

func (c *checker) kafka(path, connection, brokers string) {
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
	if l.Layout == "confluent" {
		return
	}
	if l.Format != "" {
		c.add(CodeTogether, path+".format", "format belongs to layout confluent", "set layout: confluent, or leave format out")
	}
}

// same refuses a target that is its own reference: nothing could ever be missing.
func (c *checker) same(r *Recovery) {
	s, t := r.Spec.Source, r.Spec.Target
	switch {
	case s.Kafka != nil && t.Kafka != nil:
		if s.Kafka.Topic == t.Kafka.Topic && s.Kafka.Connection == t.Kafka.Connection && s.Kafka.Brokers == t.Kafka.Brokers {
			c.add(CodeSame, "spec.target.kafka.topic", fmt.Sprintf("source and target are both topic %q of the same cluster", t.Kafka.Topic),
				"name another topic, or an archive as the source")
		}
	case s.Dir != nil && t.Dir != nil:
		a, b := strings.TrimRight(s.Dir.Path, "/")+"/", strings.TrimRight(t.Dir.Path, "/")+"/"
		if strings.HasPrefix(a, b) || strings.HasPrefix(b, a) {
			c.add(CodeSame, "spec.target.dir.path", fmt.Sprintf("source %s and target %s lie in each other", s.Dir.Path, t.Dir.Path),
				"a target must be a directory of its own")
		}
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
	if s := r.Spec.Source; s.S3 != nil && s.S3.Layout.Layout == "confluent" || s.Dir != nil && s.Dir.Layout.Layout == "confluent" {
		c.add(CodeTogether, "spec.range.from", "files of layout confluent hold no timestamps, so a range can not go by time", "use spec.range.offsets, or leave the range out")
	}
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
		case w.CommitInterval != "" && (d < minCommitInterval || d > maxCommitInterval):
			c.add(CodeValue, "spec.write.commitInterval", fmt.Sprintf("spec.write.commitInterval is %s", w.CommitInterval),
				fmt.Sprintf("from %s to %s", minCommitInterval, maxCommitInterval))
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
