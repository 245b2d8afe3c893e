package objects

import (
	"errors"

	"backstitch/replay/gap"
)

// Config says how to compare.
type Config struct {
	// Deep reads both objects where no checksum tells them apart.
	Deep bool
	// Versions looks at delete markers and older versions too.
	Versions bool
	// Listing asks for no object: sizes are compared, and nothing is said about contents.
	Listing  bool
	Parallel int // objects that are asked for at a time
	// MaxFindings bounds the findings of one run each. Runs beyond it are one finding per kind and reason.
	MaxFindings int
	// MaxFailures is how many objects the stores may fail to answer for before the comparison ends there.
	MaxFailures int
	// Each is told of every object with a difference, in key order; nil for nobody. Its error ends the comparison.
	Each func(Difference) error
	// Progress is told how many objects and bytes of the reference were compared since the last call; nil for nobody.
	Progress func(objects, bytes int64)
}

// DefaultConfig asks for contents, without reading them.
func DefaultConfig() Config { return Config{Parallel: 32, MaxFindings: 1000, MaxFailures: 100} }

// Validate reports what can not be meant.
func (c Config) Validate() error {
	switch {
	case c.Parallel < 1 || c.MaxFindings < 1 || c.MaxFailures < 1:
		return errors.New("compare buckets: parallel, number of findings and number of failures must be at least 1")
	case c.Deep && c.Listing:
		return errors.New("compare buckets: reading contents and asking for listings alone exclude each other")
	}
	return nil
}

// Difference is what is wrong with one object.
type Difference struct {
	Key    string   `json:"key"`
	Kind   gap.Kind `json:"kind"`
	Bytes  int64    `json:"bytes"` // of the reference; of the target for extra ones
	Reason string   `json:"reason"`
	Detail string   `json:"detail,omitempty"` // what each side says, or the error
	// Evidence is "E1" for what listings show, "E2" when contents were compared, "" when nothing was.
	Evidence string `json:"evidence,omitempty"`
	// Source is where the content is still to be had: "reference", or "reference and target" with Version.
	Source  string `json:"source,omitempty"`
	Version string `json:"version,omitempty"` // of the target, with the content of the reference
}

// Finding is a run of objects, neighbours in the union of both listings, with the same wrong.
type Finding struct {
	ID       string   `json:"id"`
	Kind     gap.Kind `json:"kind"`
	First    string   `json:"first"`          // key
	Last     string   `json:"last"`           // key, included
	Open     bool     `json:"open,omitempty"` // everything behind First, which was itself compared if it is named; Last is ""
	Runs     int64    `json:"runs"`           // 1: every object from First to Last
	Count    int64    `json:"count"`          // objects; -1 when it can not be known
	Bytes    int64    `json:"bytes"`
	Reason   string   `json:"reason"`
	Detail   string   `json:"detail,omitempty"` // of the first object
	Evidence string   `json:"evidence,omitempty"`
	// InReference and InTarget count the objects whose content each side still has: for the target, as an older version.
	InReference int64 `json:"inReference"`
	InTarget    int64 `json:"inTarget"`
	// Runbook is the page about its kind, where the finding is shown to people; see NameRunbooks.
	Runbook string `json:"runbook,omitempty"`
}

// NameRunbooks writes onto each finding which page to read.
func (r *Report) NameRunbooks() {
	for i := range r.Findings {
		r.Findings[i].Runbook = r.Findings[i].Kind.Page()
	}
}

// Side is what a listing showed.
type Side struct {
	URL     string `json:"url"`
	Objects int64  `json:"objects"`
	Bytes   int64  `json:"bytes"`
	Deleted int64  `json:"deleted"` // keys under a delete marker; only with versions
	Older   int64  `json:"older"`   // versions that are not the current ones; only with versions
	Cut     string `json:"cut,omitempty"`
}

// Report is what a comparison found.
type Report struct {
	Reference Side   `json:"reference"`
	Target    Side   `json:"target"`
	Set       string `json:"set"` // stands for all differences
	// Compared are objects of the reference of which something can be said; Equal those without a difference.
	Compared int64 `json:"compared"`
	Equal    int64 `json:"equal"`
	// DeletedInBoth are keys that both sides have deleted.
	DeletedInBoth int64 `json:"deletedInBoth"`
	// By counts how the objects that are on both sides were compared: "size" alone, a checksum, "md5", "content", "empty".
	By       map[string]int64   `json:"by"`
	Kinds    map[gap.Kind]int64 `json:"kinds"`    // objects with a difference
	Evidence string             `json:"evidence"` // the least of what was called equal
	Findings []Finding          `json:"findings"`
	// NotChecked says what the comparison did not look at.
	NotChecked []string `json:"notChecked,omitempty"`
}

// Work is how many objects differ.
func (r *Report) Work() int64 {
	return r.Kinds[gap.Missing] + r.Kinds[gap.Corrupt] + r.Kinds[gap.Extra]
}

// Unknown counts the findings about which nothing can be said.
func (r *Report) Unknown() int {
	n := 0
	for _, f := range r.Findings {
		if f.Kind == gap.NotComparable {
			n++
		}
	}
	return n
}
