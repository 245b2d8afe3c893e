package report

import (
	"encoding/hex"
	"fmt"

	"backstitch/fsm"
	"backstitch/partition"
)

// Version of the document that this program writes.
const Version = 1

// Report is one proof of one job.
type Report struct {
	Version     int          `json:"version"`
	Proof       string       `json:"proof"` // id
	Job         string       `json:"job"`
	Name        string       `json:"name"`
	Namespace   string       `json:"namespace"`
	Plan        string       `json:"plan"`              // SHA-256 of the plan, 64 hexadecimal digits
	Cluster     string       `json:"cluster,omitempty"` // id of the backstitch cluster
	Source      string       `json:"source"`            // what was the reference, for people
	Target      string       `json:"target"`
	Dataset     string       `json:"dataset"` // the target's topic
	Verdict     string       `json:"verdict"`
	Evidence    string       `json:"evidence"`
	Comparisons []Comparison `json:"comparisons"`
	UnixNanos   int64        `json:"unixNanos"`
	By          string       `json:"by"`
	Index       uint64       `json:"index"` // of the log entry that recorded the proof
	Written     int64        `json:"written"`
	Suppressed  int64        `json:"suppressed"` // found in the target already
	Quarantined int64        `json:"quarantined"`
}

// Side is one side of a comparison.
type Side struct {
	Records int64  `json:"records"`
	Bytes   int64  `json:"bytes"`
	Sum     string `json:"sum"`   // multiset hash, 32 hexadecimal digits
	Chain   string `json:"chain"` // ordered hash
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
}

// New makes the report of a proof.
func New(p fsm.Proof, a About) *Report {
	r := &Report{
		Version: Version, Proof: string(p.ID), Job: string(p.Job), Name: a.Name, Namespace: a.Namespace, Plan: hex.EncodeToString(a.PlanHash[:]),
		Cluster: a.Cluster, Source: a.Source, Target: a.Target, Dataset: a.Dataset, Verdict: p.Verdict.String(), Evidence: p.Evidence.String(),
		UnixNanos: p.UnixNanos, By: p.By, Index: p.Index, Written: a.Written, Suppressed: a.Suppressed, Quarantined: a.Quarantined,
	}
	for _, c := range p.Comparisons {
		r.Comparisons = append(r.Comparisons, freeze(c))
	}
	return r
}

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

func (s *Side) thaw() (fsm.Side, error) {
	out := fsm.Side{Records: s.Records, Bytes: s.Bytes}
	for _, f := range []struct {
		text string
		to   *[16]byte
	}{{s.Sum, &out.Sum}, {s.Chain, &out.Chain}} {
		b, err := hex.DecodeString(f.text)
		if err != nil || len(b) != len(f.to) {
			return out, fmt.Errorf("hash %q: want 32 hexadecimal digits", f.text)
		}
		*f.to = [16]byte(b)
	}
	return out, nil
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

// Comparisons of the report in the form of the book.
func (r *Report) comparisons() ([]fsm.Comparison, error) {
	out := make([]fsm.Comparison, 0, len(r.Comparisons))
	for i := range r.Comparisons {
		c, err := r.Comparisons[i].thaw()
		if err != nil {
			return nil, fmt.Errorf("partition %d: %w", r.Comparisons[i].Partition, err)
		}
		out = append(out, c)
	}
	return out, nil
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
