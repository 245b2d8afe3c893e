package client

import (
	"encoding/hex"
	"fmt"
	"time"

	"backstitch/fsm"
	"backstitch/partition"
)

// Proof is what was compared with what.
type Proof struct {
	ID          string       `json:"id"`
	Job         string       `json:"job"`
	Verdict     string       `json:"verdict" enum:"pass,fail,indeterminate"`
	Evidence    string       `json:"evidence" enum:"E0,E1,E2,E3,E4"`
	Comparisons []Comparison `json:"comparisons"`
	At          time.Time    `json:"at"`
	By          string       `json:"by"`
	Index       uint64       `json:"index,omitempty"`
}

// Proofs is GET /v1/jobs/{id}/proofs, newest first.
type Proofs struct {
	Proofs []Proof `json:"proofs"`
}

// Side is what one side of a comparison holds.
type Side struct {
	Records int64  `json:"records"`
	Bytes   int64  `json:"bytes"`
	Sum     string `json:"sum" doc:"multiset hash, 32 hex digits"`
	Chain   string `json:"chain" doc:"ordered hash chain, 32 hex digits; zero below E3"`
}

// Comparison is one partition compared on both sides.
type Comparison struct {
	Partition             int32    `json:"partition"`
	Range                 Range    `json:"range"`
	Verdict               string   `json:"verdict" enum:"pass,fail,indeterminate"`
	Evidence              string   `json:"evidence" enum:"E0,E1,E2,E3,E4"`
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

// NewProof makes the API's form of a proof.
func NewProof(p fsm.Proof) Proof {
	out := Proof{
		ID: string(p.ID), Job: string(p.Job), Verdict: p.Verdict.String(), Evidence: p.Evidence.String(),
		At: time.Unix(0, p.UnixNanos).UTC(), By: p.By, Index: p.Index, Comparisons: []Comparison{},
	}
	for _, c := range p.Comparisons {
		out.Comparisons = append(out.Comparisons, Comparison{
			Partition: c.Partition, Range: Range{From: c.Range.From, To: c.Range.To}, Verdict: c.Verdict.String(),
			Evidence: c.Evidence.String(), Expected: newSide(c.Expected), Actual: newSide(c.Actual), Missing: c.Missing,
			Extra: c.Extra, PreexistingDuplicates: c.PreexistingDuplicates, IntroducedDuplicates: c.IntroducedDuplicates,
			OrderViolations: c.OrderViolations, Quarantined: c.Quarantined, Detail: c.Detail, NotChecked: c.NotChecked,
			ReadBy: string(c.ReadBy),
		})
	}
	return out
}

// Fact makes the book's form of a proof, without its index. Words that are not known are errors.
func (p Proof) Fact() (fsm.Proof, error) {
	out := fsm.Proof{ID: fsm.ProofID(p.ID), Job: partition.JobID(p.Job), UnixNanos: p.At.UnixNano(), By: p.By}
	var err error
	if out.Verdict, out.Evidence, err = judgement(p.Verdict, p.Evidence); err != nil {
		return fsm.Proof{}, fmt.Errorf("proof %s: %w", p.ID, err)
	}
	for _, c := range p.Comparisons {
		fact, err := c.fact()
		if err != nil {
			return fsm.Proof{}, fmt.Errorf("proof %s: partition %d: %w", p.ID, c.Partition, err)
		}
		out.Comparisons = append(out.Comparisons, fact)
	}
	return out, nil
}

func (c Comparison) fact() (fsm.Comparison, error) {
	out := fsm.Comparison{
		Partition: c.Partition, Range: partition.Range{From: c.Range.From, To: c.Range.To}, Missing: c.Missing, Extra: c.Extra,
		PreexistingDuplicates: c.PreexistingDuplicates, IntroducedDuplicates: c.IntroducedDuplicates,
		OrderViolations: c.OrderViolations, Quarantined: c.Quarantined, Detail: c.Detail, NotChecked: c.NotChecked,
		ReadBy: partition.NodeID(c.ReadBy),
	}
	var err error
	if out.Verdict, out.Evidence, err = judgement(c.Verdict, c.Evidence); err != nil {
		return out, err
	}
	if out.Expected, err = c.Expected.fact(); err != nil {
		return out, fmt.Errorf("expected: %w", err)
	}
	if out.Actual, err = c.Actual.fact(); err != nil {
		return out, fmt.Errorf("actual: %w", err)
	}
	return out, nil
}

func newSide(s fsm.Side) Side {
	return Side{Records: s.Records, Bytes: s.Bytes, Sum: hex.EncodeToString(s.Sum[:]), Chain: hex.EncodeToString(s.Chain[:])}
}

func (s Side) fact() (fsm.Side, error) {
	out := fsm.Side{Records: s.Records, Bytes: s.Bytes}
	if err := hash(out.Sum[:], s.Sum); err != nil {
		return out, fmt.Errorf("sum: %w", err)
	}
	if err := hash(out.Chain[:], s.Chain); err != nil {
		return out, fmt.Errorf("chain: %w", err)
	}
	return out, nil
}

func hash(into []byte, s string) error {
	b, err := hex.DecodeString(s)
	if err != nil {
		return err
	}
	if len(b) != len(into) {
		return fmt.Errorf("%q has %d bytes, want %d", s, len(b), len(into))
	}
	copy(into, b)
	return nil
}

func judgement(verdict, evidence string) (fsm.Verdict, fsm.Evidence, error) {
	for v := fsm.Pass; v <= fsm.Indeterminate; v++ {
		if v.String() != verdict {
			continue
		}
		for e := fsm.E0; e <= fsm.E4; e++ {
			if e.String() == evidence {
				return v, e, nil
			}
		}
		return 0, 0, fmt.Errorf("evidence %q, want E0 to E4", evidence)
	}
	return 0, 0, fmt.Errorf("verdict %q, want pass, fail or indeterminate", verdict)
}
