package recovery

import (
	"errors"
	"strings"
	"time"

	"backstitch/partition"
	"backstitch/replay/gap"
	"backstitch/replay/rule"
	"backstitch/replay/spec"
)

// NewRecipe is what workers get to know of a spec with its defaults, and its scope.
func NewRecipe(r *spec.Recovery) (Recipe, gap.Scope, error) {
	s := &r.Spec
	var out Recipe
	switch {
	case s.Source.S3 != nil:
		c := s.Source.S3
		out.Source = Source{Layout: c.Layout.Layout, URL: s3URL(c.Bucket, c.Prefix), Endpoint: c.Endpoint, Region: c.Region, Connection: c.Connection,
			Topic: c.Layout.Topic, Inventory: c.Inventory}
		out.Source.archive(&c.Layout)
		out.Source.Registry = c.Registry
	case s.Source.Dir != nil:
		c := s.Source.Dir
		out.Source = Source{Layout: c.Layout.Layout, URL: c.Path, Topic: c.Layout.Topic, Registry: c.Registry}
		out.Source.archive(&c.Layout)
	case s.Source.Kafka != nil:
		c := s.Source.Kafka
		out.Source = Source{Layout: "kafka", Brokers: c.Brokers, Connection: c.Connection, Topic: c.Topic, Registry: c.Registry}
	}
	if t := s.Transform; t != nil {
		out.Source.Transform = &Transform{Version: t.Version, Steps: t.Steps}
	}
	if v := s.Validate; v != nil {
		if len(v.Rules) > 0 {
			out.Source.Rules = &Rules{Version: v.Version, Rules: v.Rules}
		}
		for _, n := range v.NullRate {
			out.Nulls = append(out.Nulls, rule.Limit{Field: n.Field, Allowed: -1}) // the plan says how many
		}
	}
	switch {
	case s.Target.Kafka != nil:
		c := s.Target.Kafka
		out.Target = Target{Kind: "kafka", Brokers: c.Brokers, Connection: c.Connection, Topic: c.Topic, Registry: c.Registry}
		if c.Partitioner == Murmur2 {
			out.Target.Reshape = &Reshape{Partitioner: c.Partitioner}
		}
	case s.Target.Dir != nil:
		out.Target = Target{Kind: "dir", Path: s.Target.Dir.Path, Topic: s.Target.Dir.Topic}
	case s.Target.S3 != nil:
		c := s.Target.S3
		out.Target = Target{Kind: "s3", Path: s3URL(c.Bucket, c.Prefix), Connection: c.Connection, Endpoint: c.Endpoint, Region: c.Region, Topic: c.Topic}
	}
	if t := s.Transform; t != nil {
		out.Source.Transform.Values = newDatums(t.Values, &out)
	}
	every, err := s.Write.CommitInterval.Parse()
	if err != nil {
		return out, gap.Scope{}, err
	}
	out.Write = Write{OriginHeaders: *s.Write.OriginHeaders, CommitRecords: s.Write.CommitRecords, CommitMs: every.Milliseconds(), MaxQuarantine: s.Write.MaxQuarantine}
	if err := out.files(r.Files()); err != nil {
		return out, gap.Scope{}, err
	}
	if out.Dedupe, err = newDedupe(s.Write.Dedupe); err != nil {
		return out, gap.Scope{}, err
	}
	if out.Late, err = newLate(s.Write.Late); err != nil {
		return out, gap.Scope{}, err
	}
	if out.Feedback, err = newFeedback(s.Throttle); err != nil {
		return out, gap.Scope{}, err
	}
	if out.Terms, err = TermsOf(s); err != nil {
		return out, gap.Scope{}, err
	}
	out.Version = out.Needs()
	var scope gap.Scope
	if g := s.Range; g != nil {
		if g.Offsets != nil {
			scope.Offsets = partition.Range{From: g.Offsets.From, To: g.Offsets.To}
		} else {
			from, ferr := g.From.Parse()
			to, terr := g.To.Parse()
			if err := errors.Join(ferr, terr); err != nil {
				return out, scope, err
			}
			scope.FromMs, scope.ToMs = ceilMs(from), ceilMs(to)
			out.Source.FromMs, out.Source.ToMs = scope.FromMs, scope.ToMs
		}
	}
	return out, scope, nil
}

// files takes over what a spec says of the files that are written.
func (r *Recipe) files(f *spec.Files) error {
	if f == nil {
		return nil
	}
	n, err := f.FileBytes.Parse()
	if err != nil {
		return err
	}
	if f.FileBytes != spec.DefaultFileBytes {
		r.Write.CommitBytes = n
	}
	if f.Format != spec.DefaultFileFormat {
		r.Target.Format, r.Target.Codec = f.Format, f.Codec
	} else if f.Codec != "none" {
		r.Target.Codec = f.Codec
	}
	r.Target.Columns = newColumns(f.Values, r.Target.Topic)
	return nil
}

func s3URL(bucket, prefix string) string {
	return strings.TrimRight("s3://"+bucket+"/"+strings.Trim(prefix, "/"), "/")
}

// archive takes over what a spec says of an archive's layout.
func (s *Source) archive(l *spec.Layout) {
	s.Format, s.Fields, s.TopicsDir, s.DirDelim, s.FileDelim = l.Format, l.Fields, l.TopicsDir, l.DirectoryDelim, l.FileDelim
	s.Values, s.Envelope = newValues(l), l.Envelope
}

// ceilMs is the first millisecond that is not before t, so that [from,to) holds the same records at Kafka's precision.
func ceilMs(t time.Time) int64 {
	ms := t.UnixMilli()
	if time.UnixMilli(ms).Before(t) {
		ms++
	}
	return ms
}
