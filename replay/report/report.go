package report

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"backstitch/fsm"
	"backstitch/fsm/runbook"
	"backstitch/partition"
)

// Versions of the document. A report is of the first that can say all of it, so that programs read what they can.
const (
	Version1 = 1 // the proof and its timeline
	Version2 = 2 // besides: decisions, commands and a runbook
)

// Report is one proof of one job.
type Report struct {
	Version      int          `json:"version"`
	Proof        string       `json:"proof"` // id
	Job          string       `json:"job"`
	Name         string       `json:"name"`
	Namespace    string       `json:"namespace"`
	Plan         string       `json:"plan"`              // SHA-256 of the plan, 64 hexadecimal digits
	Cluster      string       `json:"cluster,omitempty"` // id of the backstitch cluster
	Source       string       `json:"source"`            // what was the reference, for people
	Target       string       `json:"target"`
	Dataset      string       `json:"dataset"` // the target's topic
	Verdict      string       `json:"verdict"`
	Evidence     string       `json:"evidence"`
	At           string       `json:"at"` // RFC 3339, UTC
	By           string       `json:"by"`
	Index        uint64       `json:"index"` // of the log entry that recorded the proof, 0 when none did
	Written      int64        `json:"written"`
	Suppressed   int64        `json:"suppressed"` // found in the target already
	Quarantined  int64        `json:"quarantined"`
	WritersKnown bool         `json:"writersKnown"`         // whether the cluster noted who wrote; without, nothing is E4
	Left         []string     `json:"left,omitempty"`       // places that the reference could not give
	NotChecked   []string     `json:"notChecked,omitempty"` // what no partition's comparison could see
	Nodes        []Node       `json:"nodes,omitempty"`
	Comparisons  []Comparison `json:"comparisons,omitempty"`
	Timeline     []Event      `json:"timeline,omitempty"`

	// Of version 2.
	Decisions []Decision `json:"decisions,omitempty"`
	Commands  []Command  `json:"commands,omitempty"`
	Runbook   string     `json:"runbook,omitempty"` // what to read about a proof that is no pass, a path in the repository
}

// Node is a member of the cluster, so that ids can be read.
type Node struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Zone string `json:"zone,omitempty"`
}

// Event is a fact of the book: who did what, when and why.
type Event struct {
	Index uint64 `json:"index"`
	At    string `json:"at"` // RFC 3339, UTC, of the proposer's clock
	Who   string `json:"who"`
	What  string `json:"what"`
	Why   string `json:"why,omitempty"`
}

// Side is one side of a comparison.
type Side struct {
	Records int64  `json:"records"`
	Bytes   int64  `json:"bytes"`
	Sum     string `json:"sum"`             // multiset hash, 32 hexadecimal digits
	Chain   string `json:"chain,omitempty"` // ordered hash; windows have none
}

// Comparison is fsm.Comparison in the form of the document.
type Comparison struct {
	Partition             int32    `json:"partition"`
	From                  int64    `json:"from"` // positions of the reference, half-open
	To                    int64    `json:"to"`
	Verdict               string   `json:"verdict"`
	Evidence              string   `json:"evidence"`
	Expected              Side     `json:"expected"`
	Actual                Side     `json:"actual"`
	Missing               int64    `json:"missing"`
	Extra                 int64    `json:"extra"`
	PreexistingDuplicates int64    `json:"preexistingDuplicates"`
	IntroducedDuplicates  int64    `json:"introducedDuplicates"`
	OrderViolations       int64    `json:"orderViolations"`
	Quarantined           int64    `json:"quarantined"`
	Detail                string   `json:"detail,omitempty"`
	NotChecked            []string `json:"notChecked,omitempty"`
	ReadBy                string   `json:"readBy,omitempty"`
	WrittenBy             []string `json:"writtenBy,omitempty"` // nodes that were given fill slices of it
	Windows               []Window `json:"windows,omitempty"`
}

// Window is fsm.Window in the form of the document.
type Window struct {
	From     int64 `json:"from"`
	To       int64 `json:"to"`
	FromMs   int64 `json:"fromMs"`
	ToMs     int64 `json:"toMs"`
	Filled   int64 `json:"filled"` // records that the plan found missing
	Expected Side  `json:"expected"`
	Actual   Side  `json:"actual"`
}

// About is what a report says besides the proof.
type About struct {
	Name, Namespace string
	PlanHash        [32]byte
	Cluster         string
	Source, Target  string
	Dataset         string
	Written         int64
	Suppressed      int64
	Quarantined     int64
	Left            []string
	Writers         fsm.Writers
	Windows         map[int32][]fsm.Window // by partition
	Nodes           []Node
	Timeline        []Event
	Decisions       []Decision
	Commands        []Command // with any of the two the report is of version 2
}

// never is what no comparison ever looks at.
var never = []string{
	"whether the reference itself is complete",
	"what consumers made of the records",
	"records that others wrote into the target after the plan was made",
}

// New makes the report of a proof.
func New(p fsm.Proof, a About) *Report {
	r := &Report{
		Version: Version1, Proof: string(p.ID), Job: string(p.Job), Name: a.Name, Namespace: a.Namespace, Plan: hex.EncodeToString(a.PlanHash[:]),
		Cluster: a.Cluster, Source: a.Source, Target: a.Target, Dataset: a.Dataset, Verdict: p.Verdict.String(), Evidence: p.Evidence.String(),
		At: stamp(p.UnixNanos), By: p.By, Index: p.Index, Written: a.Written, Suppressed: a.Suppressed, Quarantined: a.Quarantined,
		WritersKnown: a.Writers.Known, Left: a.Left, NotChecked: slices.Clone(never), Nodes: a.Nodes, Timeline: a.Timeline,
	}
	if len(a.Decisions) > 0 || len(a.Commands) > 0 {
		r.Version, r.Decisions, r.Commands, r.Runbook = Version2, a.Decisions, a.Commands, toRead(p.Verdict)
	}
	bare := 0
	for _, c := range p.Comparisons {
		out := freeze(c)
		for _, id := range a.Writers.Of(c.Partition) {
			out.WrittenBy = append(out.WrittenBy, string(id))
		}
		if out.Windows = addingUp(a.Windows[c.Partition], c); out.Windows == nil && c.Expected.Records > 0 {
			bare++
		}
		r.Comparisons = append(r.Comparisons, out)
	}
	if bare > 0 {
		r.NotChecked = append(r.NotChecked, fmt.Sprintf("numbers per window of %d of %d partitions: none are kept for this proof", bare, len(r.Comparisons)))
	}
	return r
}

// toRead names the page about a verdict, "" for a pass.
func toRead(v fsm.Verdict) string {
	switch v {
	case fsm.Fail:
		return runbook.OfAlert("BackstitchVerifyFailed")
	case fsm.Indeterminate:
		return runbook.OfAlert("BackstitchVerifyIndeterminate")
	}
	return ""
}

func stamp(unixNanos int64) string { return time.Unix(0, unixNanos).UTC().Format(time.RFC3339Nano) }

func freeze(c fsm.Comparison) Comparison {
	return Comparison{
		Partition: c.Partition, From: c.Range.From, To: c.Range.To, Verdict: c.Verdict.String(), Evidence: c.Evidence.String(),
		Expected: side(c.Expected), Actual: side(c.Actual), Missing: c.Missing, Extra: c.Extra,
		PreexistingDuplicates: c.PreexistingDuplicates, IntroducedDuplicates: c.IntroducedDuplicates, OrderViolations: c.OrderViolations,
		Quarantined: c.Quarantined, Detail: c.Detail, NotChecked: c.NotChecked, ReadBy: string(c.ReadBy),
	}
}

func side(s fsm.Side) Side {
	return Side{Records: s.Records, Bytes: s.Bytes, Sum: hex.EncodeToString(s.Sum[:]), Chain: hex.EncodeToString(s.Chain[:])}
}

// thaw is the inverse of freeze.
func (c *Comparison) thaw() (fsm.Comparison, error) {
	verdict, err := parseVerdict(c.Verdict)
	if err != nil {
		return fsm.Comparison{}, err
	}
	evidence, err := parseEvidence(c.Evidence)
	if err != nil {
		return fsm.Comparison{}, err
	}
	out := fsm.Comparison{
		Partition: c.Partition, Range: partition.Range{From: c.From, To: c.To}, Verdict: verdict, Evidence: evidence, Missing: c.Missing, Extra: c.Extra,
		PreexistingDuplicates: c.PreexistingDuplicates, IntroducedDuplicates: c.IntroducedDuplicates, OrderViolations: c.OrderViolations,
		Quarantined: c.Quarantined, Detail: c.Detail, NotChecked: c.NotChecked, ReadBy: partition.NodeID(c.ReadBy),
	}
	if out.Expected, err = c.Expected.thaw(); err != nil {
		return out, err
	}
	out.Actual, err = c.Actual.thaw()
	return out, err
}

func (s *Side) thaw() (out fsm.Side, err error) {
	out.Records, out.Bytes = s.Records, s.Bytes
	if out.Sum, err = thawHash(s.Sum); err != nil {
		return out, err
	}
	out.Chain, err = thawHash(s.Chain)
	return out, err
}

func thawHash(text string) (out [16]byte, err error) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != len(out) {
		return out, fmt.Errorf("hash %q: want 32 hexadecimal digits", text)
	}
	return [16]byte(b), nil
}

func parseVerdict(s string) (fsm.Verdict, error) {
	for _, v := range []fsm.Verdict{fsm.Pass, fsm.Fail, fsm.Indeterminate} {
		if v.String() == s {
			return v, nil
		}
	}
	return 0, fmt.Errorf("verdict %q: want pass, fail or indeterminate", s)
}

func parseEvidence(s string) (fsm.Evidence, error) {
	for e := fsm.E0; e <= fsm.E4; e++ {
		if e.String() == s {
			return e, nil
		}
	}
	return 0, fmt.Errorf("evidence %q: want E0 to E4", s)
}

// book returns comparisons and writers in the form of the book.
func (r *Report) book() ([]fsm.Comparison, fsm.Writers, error) {
	cs, w := make([]fsm.Comparison, 0, len(r.Comparisons)), fsm.Writers{Known: r.WritersKnown}
	for i := range r.Comparisons {
		c, err := r.Comparisons[i].thaw()
		if err != nil {
			return nil, w, fmt.Errorf("partition %d: %w", r.Comparisons[i].Partition, err)
		}
		cs = append(cs, c)
		l := fsm.LaneWriters{Partition: c.Partition}
		for _, id := range r.Comparisons[i].WrittenBy {
			l.Nodes = append(l.Nodes, partition.NodeID(id))
		}
		w.Lanes = append(w.Lanes, l)
	}
	slices.SortFunc(w.Lanes, func(a, b fsm.LaneWriters) int { return int(a.Partition) - int(b.Partition) })
	for i := 1; i < len(w.Lanes); i++ {
		if w.Lanes[i].Partition == w.Lanes[i-1].Partition {
			return nil, w, errors.New("a partition is there twice")
		}
	}
	return cs, w, nil
}

// ExitStatus is what a command ends with that shows this report: 0, 4 or 5.
func (r *Report) ExitStatus() int { return ExitStatus(r.Verdict) }

// ExitStatus of a verdict's word: 0 for a pass, 4 for a fail, 5 for everything else.
func ExitStatus(verdict string) int {
	switch verdict {
	case fsm.Pass.String():
		return 0
	case fsm.Fail.String():
		return 4
	}
	return 5
}
