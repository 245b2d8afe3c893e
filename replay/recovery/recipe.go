package recovery

import (
	"fmt"
	"slices"

	"backstitch/partition"
	"backstitch/replay/framed"
	"backstitch/replay/gap"
	"backstitch/replay/record"
	"backstitch/replay/rename"
	"backstitch/replay/rule"
	"backstitch/replay/source"
	"backstitch/replay/spec"
	"backstitch/replay/transform"
)

// Recipe is what a worker needs besides its slice. Its canonical JSON is fsm.Job.Recipe.
type Recipe struct {
	Version int    `json:"version"` // what Needs says
	Source  Source `json:"source"`
	Target  Target `json:"target"`
	Write   Write  `json:"write"`
	// Left names places of the range that the reference can not give, each with the reason, as far as they are listed; LeftMore is how
	// many there are beyond. They are not written and no proof covers them, so a job that has any is never complete without saying so.
	Left     []string `json:"left,omitempty"`
	LeftMore int64    `json:"leftMore,omitempty"`
	// Aside are records that the reference gives and a step or a rule has refused: the same holds for them.
	Aside     []Aside `json:"aside,omitempty"`
	AsideMore int64   `json:"asideMore,omitempty"`
	// Nulls is how often members may lack a value in all that the plan has looked at.
	Nulls []rule.Limit `json:"nulls,omitempty"`
	// Dedupe says which records are repetitions; nil where all are written. The slices of a plan know already: it is for the proof.
	Dedupe *Dedupe `json:"dedupe,omitempty"`
	// Late says which records come later than is allowed; nil where none says so.
	Late *Late `json:"late,omitempty"`
	// Feedback says for whom the job slows down; nil is for its own target alone.
	Feedback *Feedback `json:"feedback,omitempty"`
	// Terms are when the job may work and until when it has to be done; nil where it has neither.
	Terms *Terms `json:"terms,omitempty"`
}

// Tally counts what the recipe bounds, in the range of its source; nil where it bounds nothing.
func (r *Recipe) Tally() (*rule.Tally, error) {
	scope := gap.Scope{FromMs: r.Source.FromMs, ToMs: r.Source.ToMs}
	return rule.NewTally(r.Nulls, func(rec *record.Record) bool { return scope.HasTime(rec.TimestampMs) })
}

// LeftOut says for people what no proof of the job covers: what the reference can not give, and how many records were refused.
func (r *Recipe) LeftOut() []string {
	out := slices.Clone(r.Left)
	if r.LeftMore > 0 {
		out = append(out, fmt.Sprintf("and %s more", gap.Count(r.LeftMore)))
	}
	if n := r.Refused(); n > 0 {
		out = append(out, gap.Plural(n, "record")+" that "+r.refusers()+": backstitch quarantine list")
	}
	return out
}

// refusers says why records are set aside.
func (r *Recipe) refusers() string {
	const superseded = "newer change events of their rows supersede"
	some := slices.ContainsFunc(r.Aside, func(a Aside) bool { return a.Code == source.CodeSuperseded })
	switch {
	case !some:
		return "a step or a rule refuses"
	case slices.ContainsFunc(r.Aside, func(a Aside) bool { return a.Code != source.CodeSuperseded }):
		return "a step or a rule refuses, or " + superseded
	}
	return superseded
}

// Refused is how many records steps and rules have refused, or were left out because they are superseded.
func (r *Recipe) Refused() int64 { return int64(len(r.Aside)) + r.AsideMore }

// Aside is a record of the reference that the plan has left out, and why.
type Aside struct {
	Partition int32            `json:"partition"`
	Offset    partition.Offset `json:"offset"`
	Code      string           `json:"code"`
	Rule      string           `json:"rule,omitempty"` // that the record broke, "" for what is no rule
}

// Source names the reference.
type Source struct {
	Layout     string `json:"layout"`               // "archive" (ours), one of replay/layout, or "kafka"; "auto" only before a plan is made
	URL        string `json:"url,omitempty"`        // s3://bucket/prefix or a directory, for archives
	Endpoint   string `json:"endpoint,omitempty"`   // of an S3-compatible store, "" for AWS
	Region     string `json:"region,omitempty"`     // "" for the environment's
	Brokers    string `json:"brokers,omitempty"`    // host:port,... for layout kafka
	Connection string `json:"connection,omitempty"` // agent-side object that holds addresses and credentials; wins over the above
	Topic      string `json:"topic"`                // as it is called in the reference
	Format     string `json:"format,omitempty"`     // of an archive's objects, found out by the plan where the spec does not say
	Keys       bool   `json:"keys,omitempty"`       // confluent: value files have .keys companions, found out by the plan
	Headers    bool   `json:"headers,omitempty"`    // confluent: the same of .headers
	Rows       bool   `json:"rows,omitempty"`       // confluent: a companion is in Parquet
	// Fields are the parts of a record that objects hold, in their order, for layouts in which that differs.
	Fields   []string `json:"fields,omitempty"`
	Envelope *bool    `json:"envelope,omitempty"` // whether rows and datums are envelopes; nil where their columns say it
	// TopicsDir, DirDelim and FileDelim are what the writer was told; nil and "" are its defaults.
	TopicsDir *string `json:"topicsDir,omitempty"`
	DirDelim  string  `json:"dirDelim,omitempty"`
	FileDelim string  `json:"fileDelim,omitempty"`
	Values    *Values `json:"values,omitempty"`    // what bytes a value had whose datum an object holds
	Inventory string  `json:"inventory,omitempty"` // where an S3 inventory of the archive lies; "" lists the archive itself
	FromMs    int64   `json:"fromMs,omitempty"`    // time range [FromMs, ToMs) in Kafka milliseconds; both zero for all
	ToMs      int64   `json:"toMs,omitempty"`
	Registry  string  `json:"registry,omitempty"` // connection to the registry that its records name schemas of, or its address; no plan has one
	// Names are those of schemas in the target's registry, which records get before anything else looks at them; nil leaves them as they are.
	Names *Names `json:"names,omitempty"`
	// Transform changes each value before anything else looks at it; nil leaves them as they are.
	Transform *Transform `json:"transform,omitempty"`
	// Rules judge each record behind the transform; nil lets all pass.
	Rules *Rules `json:"rules,omitempty"`
}

// Rules are those of spec.Validate that are about single records.
type Rules struct {
	Version string      `json:"version"`
	Rules   []spec.Rule `json:"rules"`
}

// String names r for people: Rules r1, 4 rules.
func (r *Rules) String() string {
	return fmt.Sprintf("Rules %s, %s", r.Version, plural(len(r.Rules), "rule"))
}

// Names are those of the rules, in order.
func (r *Rules) Names() []string {
	if r == nil {
		return nil
	}
	out := make([]string, len(r.Rules))
	for i := range r.Rules {
		out[i] = r.Rules[i].Name
	}
	return out
}

// Set is the rules, ready for use; nil where there are none.
func (r *Rules) Set() (*rule.Set, error) {
	if r == nil {
		return nil, nil
	}
	s, err := rule.New(r.Rules)
	if err != nil {
		return nil, fmt.Errorf("rules %s: %w", r.Version, err)
	}
	return s, nil
}

// Over is src as the recipe of s wants it: under the target's names of schemas, changed by the transform, without what breaks a rule, and counted by tally, which may be nil.
func (s *Source) Over(src source.Source, tally *rule.Tally) (source.Source, error) {
	return s.overBy(src, tally, nil)
}

// overBy is Over by what is known of writers; nil are those of the recipe.
func (s *Source) overBy(src source.Source, tally *rule.Tally, writers framed.Writers) (source.Source, error) {
	set, err := s.Rules.Set()
	if err != nil {
		return nil, err
	}
	if s.Names != nil {
		table, err := s.Names.table()
		if err != nil {
			return nil, err
		}
		src = rename.Over(src, table)
	}
	if s.Transform != nil && s.Transform.Values != nil {
		return s.over(src, set, tally, writers)
	}
	chain, err := s.Transform.Chain()
	if err != nil {
		return nil, err
	}
	return rule.Over(transform.Over(src, chain), set, tally), nil
}

// Transform is spec.Transform without its examples.
type Transform struct {
	Version string      `json:"version"`
	Steps   []spec.Step `json:"steps"`
	Values  *Datums     `json:"values,omitempty"` // nil where values are JSON
}

// String names t for people: Transform v3, 4 steps.
func (t *Transform) String() string {
	noun := "steps"
	if len(t.Steps) == 1 {
		noun = "step"
	}
	if d := t.Values; d != nil {
		into := fmt.Sprintf("%s@%d", d.Subject, d.Version)
		if d.alone() {
			into = "version " + d.Glue.Output
		}
		return fmt.Sprintf("Transform %s, %d %s over %s into %s", t.Version, len(t.Steps), noun, formName(d.As), into)
	}
	return fmt.Sprintf("Transform %s, %d %s", t.Version, len(t.Steps), noun)
}

// pinned is t with digests of modules alone, which say as much and are shorter; nil for nil.
func (t *Transform) pinned() *Transform {
	if t == nil {
		return nil
	}
	out := &Transform{Version: t.Version, Steps: slices.Clone(t.Steps)}
	for i := range out.Steps {
		if w := out.Steps[i].Wasm; w != nil {
			short := *w
			short.Inline = nil
			out.Steps[i].Wasm = &short
		}
	}
	return out
}

// Chain is the steps, ready for use; nil where there are none.
func (t *Transform) Chain() (*transform.Chain, error) {
	if t == nil {
		return nil, nil
	}
	c, err := transform.New(t.Steps)
	if err != nil {
		return nil, fmt.Errorf("transform %s: %w", t.Version, err)
	}
	return c, nil
}

// Target names where records are written.
type Target struct {
	Kind       string `json:"kind"` // "kafka", "dir" or "s3"
	Brokers    string `json:"brokers,omitempty"`
	Connection string `json:"connection,omitempty"`
	ClusterID  string `json:"clusterId,omitempty"` // of the Kafka cluster
	Topic      string `json:"topic,omitempty"`
	TopicID    string `json:"topicId,omitempty"`  // another id means that the topic was recreated since the plan
	Path       string `json:"path,omitempty"`     // for kind dir, and s3://bucket/prefix for kind s3
	Endpoint   string `json:"endpoint,omitempty"` // of an S3-compatible store, "" for AWS
	Region     string `json:"region,omitempty"`   // "" for the environment's
	Registry   string `json:"registry,omitempty"`
	Format     string `json:"format,omitempty"` // of files, "" for NDJSON
	Codec      string `json:"codec,omitempty"`  // that they are compressed with, "" for the format's default
	// Columns says what the columns of values in files are made of; nil keeps values as their bytes.
	Columns *Columns `json:"columns,omitempty"`
	// Reshape gives records another partition than they have in the reference; nil keeps it.
	Reshape *Reshape `json:"reshape,omitempty"`
}

// Files reports whether records are written into files, of a directory or an object store. Such a target has every partition that
// anybody asks for; one that nobody wrote yet is empty.
func (t Target) Files() bool { return t.Kind == "dir" || t.Kind == "s3" }

// Write says how.
type Write struct {
	OriginHeaders bool  `json:"originHeaders"`         // add backstitch.origin and backstitch.job
	CommitRecords int   `json:"commitRecords"`         // records between two commits, at most
	CommitMs      int64 `json:"commitMs"`              // milliseconds between two commits, at most
	CommitBytes   int64 `json:"commitBytes,omitempty"` // bytes of records between two commits, at most; 0 is the engine's default
	MaxQuarantine int64 `json:"maxQuarantine"`         // more poison records than this fail the job
}
