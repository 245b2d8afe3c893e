package recovery

import (
	"fmt"

	"backstitch/replay/spec"
	"backstitch/replay/transform"
)

// Recipe is what a worker needs besides its slice. Its canonical JSON is fsm.Job.Recipe.
type Recipe struct {
	Version int    `json:"version"` // RecipeVersion, or TransformVersion where the source has a transform
	Source  Source `json:"source"`
	Target  Target `json:"target"`
	Write   Write  `json:"write"`
	// Left names places of the range that the reference can not give, each with the reason. They are not written and no proof
	// covers them, so a job that has any is never complete without saying so.
	Left []string `json:"left,omitempty"`
}

// Versions of a recipe. A program that knows the first alone would read past a transform and write values as they were, so a recipe
// that has one says that it is another.
const (
	RecipeVersion    = 1
	TransformVersion = 2
)

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
	// Fields are the parts of a record that objects hold, in their order, for layouts in which that differs.
	Fields []string `json:"fields,omitempty"`
	// TopicsDir, DirDelim and FileDelim are what the writer was told; nil and "" are its defaults.
	TopicsDir *string `json:"topicsDir,omitempty"`
	DirDelim  string  `json:"dirDelim,omitempty"`
	FileDelim string  `json:"fileDelim,omitempty"`
	Inventory string  `json:"inventory,omitempty"` // where an S3 inventory of the archive lies; "" lists the archive itself
	FromMs    int64   `json:"fromMs,omitempty"`    // time range [FromMs, ToMs) in Kafka milliseconds; both zero for all
	ToMs      int64   `json:"toMs,omitempty"`
	Registry  string  `json:"registry,omitempty"` // connection to the registry that its records name schemas of, or its address; no plan has one
	// Transform changes each value before anything else looks at it; nil leaves them as they are.
	Transform *Transform `json:"transform,omitempty"`
}

// Transform is spec.Transform without its examples.
type Transform struct {
	Version string      `json:"version"`
	Steps   []spec.Step `json:"steps"`
}

// String names t for people: Transform v3, 4 steps.
func (t *Transform) String() string {
	noun := "steps"
	if len(t.Steps) == 1 {
		noun = "step"
	}
	return fmt.Sprintf("Transform %s, %d %s", t.Version, len(t.Steps), noun)
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
}

// Files reports whether records are written into files, of a directory or an object store. Such a target has every partition that
// anybody asks for; one that nobody wrote yet is empty.
func (t Target) Files() bool { return t.Kind == "dir" || t.Kind == "s3" }

// Write says how.
type Write struct {
	OriginHeaders bool  `json:"originHeaders"` // add backstitch.origin and backstitch.job
	CommitRecords int   `json:"commitRecords"` // records between two commits, at most
	CommitMs      int64 `json:"commitMs"`      // milliseconds between two commits, at most
	MaxQuarantine int64 `json:"maxQuarantine"` // more poison records than this fail the job
}
