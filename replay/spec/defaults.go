package spec

import (
	"slices"
	"time"
)

// Limits that the schema can not say, because the values have units.
const (
	minCommitInterval = 10 * time.Millisecond
	maxCommitInterval = 30 * time.Second // a broker ends transactions that take longer than a minute
	maxFileInterval   = 10 * time.Minute // what a node holds is written again by another when it dies
	minFileBytes      = 64 << 10
	maxFileBytes      = 128 << 20 // a file is made in memory
	minSliceBytes     = 64 << 10
)

// Defaults. The schema prints the same; a test compares them.
const (
	DefaultNamespace      = "default"
	DefaultPriority       = 50
	DefaultTimezone       = "UTC"
	DefaultCompleteness   = Percent("100%")
	DefaultAlertAt        = Percent("75%")
	DefaultCommitRecords  = 20_000
	DefaultCommitInterval = Duration("1s")
	DefaultSliceBytes     = Bytes("256MiB")
	DefaultSliceRecords   = 1_000_000
	DefaultLayout         = "archive"
	DefaultOnly           = "missing"
	DefaultFormat         = "json"
	DefaultFileFormat     = "ndjson"
	DefaultFileValues     = "confluent"
	DefaultFileBytes      = Bytes("64MiB")
	DefaultPartitioner    = "keep"
	DefaultSchemas        = "keep"
	DefaultEventTime      = EventTime("timestamp")
	DefaultPolicy         = "notify"
	DefaultWasmFunction   = "transform"
	DefaultWasmMemory     = Bytes("16MiB")
	DefaultWasmTime       = Duration("50ms")
	FeedbackOn            = "on"
	FeedbackOff           = "off"
	DefaultFloor          = ByteRate("256KiB/s")
	DefaultMaxLagIncrease = Records("10000 records")
	PolicyRun             = "run"   // the policy that needs limits
	RemapSchemas          = "remap" // schemas of a target by its own registry's names
)

// WithDefaults returns a copy of r in which everything that was left out is written out.
func (r *Recovery) WithDefaults() *Recovery {
	out := *r
	s := &out.Spec
	orText(&out.Metadata.Namespace, DefaultNamespace)
	sel, write, sched, size := Select{}, Write{}, Schedule{}, Slices{}
	if s.Select != nil {
		sel = *s.Select
	}
	if s.Write != nil {
		write = *s.Write
	}
	if s.Schedule != nil {
		sched = *s.Schedule
	}
	if s.Slices != nil {
		size = *s.Slices
	}
	orText(&sel.Only, DefaultOnly)
	if write.OriginHeaders == nil {
		on := true
		write.OriginHeaders = &on
	}
	if write.CommitRecords == 0 {
		write.CommitRecords = DefaultCommitRecords
	}
	if write.CommitInterval == "" {
		write.CommitInterval = DefaultCommitInterval
	}
	if write.Late != nil && write.Late.Time == "" {
		l := *write.Late
		l.Time = DefaultEventTime
		write.Late = &l
	}
	if sched.Priority == nil {
		p := DefaultPriority
		sched.Priority = &p
	}
	if sched.Timezone == "" && len(sched.PeakHours)+len(sched.Blackout) > 0 {
		sched.Timezone = DefaultTimezone
	}
	s.SLA = s.SLA.withDefaults()
	if size.Bytes == "" {
		size.Bytes = DefaultSliceBytes
	}
	if size.Records == 0 {
		size.Records = DefaultSliceRecords
	}
	s.Select, s.Write, s.Schedule, s.Slices = &sel, &write, &sched, &size
	if r.framed() {
		t, v := *s.Transform, *s.Transform.Values
		orText(&v.UnknownFields, DefaultUnknownFields)
		t.Values, s.Transform = &v, &t
	}
	if s.Target.Dir != nil {
		c := *s.Target.Dir
		c.Files.fill()
		s.Target.Dir = &c
	}
	if s.Target.S3 != nil {
		c := *s.Target.S3
		c.Files.fill()
		s.Target.S3 = &c
	}
	if s.Source.S3 != nil {
		c := *s.Source.S3
		c.Layout.fill(out.TargetTopic())
		s.Source.S3 = &c
	}
	if s.Source.Dir != nil {
		c := *s.Source.Dir
		c.Layout.fill(out.TargetTopic())
		s.Source.Dir = &c
	}
	if s.Transform != nil {
		s.Transform = s.Transform.withDefaults()
	}
	if s.Throttle != nil {
		s.Throttle = s.Throttle.withDefaults()
	}
	return &out
}

// withDefaults writes out what modules may cost, so that a program with other defaults does not ask for something else.
func (t *Transform) withDefaults() *Transform {
	out := *t
	out.Steps = slices.Clone(t.Steps)
	for i := range out.Steps {
		if w := out.Steps[i].Wasm; w != nil {
			out.Steps[i].Wasm = w.withDefaults()
		}
	}
	return &out
}

func (l *Layout) fill(topic string) {
	orText(&l.Layout, DefaultLayout)
	orText(&l.Topic, topic)
	if l.Layout == "confluent" {
		orText(&l.Format, DefaultFormat)
	}
}

// Files says how r writes files, nil where it writes none.
func (r *Recovery) Files() *Files {
	switch t := r.Spec.Target; {
	case t.Dir != nil:
		return &t.Dir.Files
	case t.S3 != nil:
		return &t.S3.Files
	}
	return nil
}

func orText[S ~string](field *S, value S) {
	if *field == "" {
		*field = value
	}
}

// TargetTopic returns the topic that is to be completed.
func (r *Recovery) TargetTopic() string {
	switch t := r.Spec.Target; {
	case t.Kafka != nil:
		return t.Kafka.Topic
	case t.Dir != nil:
		return t.Dir.Topic
	case t.S3 != nil:
		return t.S3.Topic
	}
	return ""
}

// withDefaults returns a copy in which everything that was left out is written out, nil for nil.
func (s *SLA) withDefaults() *SLA {
	if s == nil {
		return nil
	}
	out := *s
	if out.Completeness == "" {
		out.Completeness = DefaultCompleteness
	}
	if out.AlertAt == "" {
		out.AlertAt = DefaultAlertAt
	}
	return &out
}
