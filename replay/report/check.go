package report

import (
	"errors"
	"fmt"

	"backstitch/fsm"
)

// ErrDisagrees says that a report claims what its own numbers do not show.
var ErrDisagrees = errors.New("report and its numbers disagree")

// Check judges the report again from its numbers. A pass must be one by every figure, partition by partition.
func (r *Report) Check() error {
	cs, writers, err := r.book()
	if err != nil {
		return err
	}
	for i, c := range cs {
		err := consistent(c)
		if err == nil && writers.Level(c) != c.Evidence {
			err = fmt.Errorf("it claims %s, and %s, which read it, is not known to have written nothing of it", c.Evidence, name(string(c.ReadBy)))
		}
		if err == nil {
			err = windowsDisagree(r.Comparisons[i].Windows, c)
		}
		if err != nil {
			return fmt.Errorf("partition %d: %w: %w", c.Partition, err, ErrDisagrees)
		}
	}
	verdict, evidence := fsm.Judge(cs, writers)
	if verdict.String() != r.Verdict || evidence.String() != r.Evidence {
		return fmt.Errorf("it says %s at %s, its numbers say %s at %s: %w", r.Verdict, r.Evidence, verdict, evidence, ErrDisagrees)
	}
	return nil
}

// consistent reports a pass that is none.
func consistent(c fsm.Comparison) error {
	if c.Verdict != fsm.Pass {
		return nil
	}
	switch {
	case c.Expected.Records == 0:
		return errors.New("it passed without a record compared")
	case c.Missing > 0 || c.IntroducedDuplicates > 0 || c.OrderViolations > 0:
		return fmt.Errorf("it passed with %d missing, %d twice and %d out of order", c.Missing, c.IntroducedDuplicates, c.OrderViolations)
	case c.Expected.Records != c.Actual.Records:
		return fmt.Errorf("it passed with %d records of %d", c.Actual.Records, c.Expected.Records)
	case c.Evidence >= fsm.E2 && c.Expected.Sum != c.Actual.Sum:
		return errors.New("it passed with different sums")
	case c.Evidence >= fsm.E3 && c.Expected.Chain != c.Actual.Chain:
		return errors.New("it passed at E3 with different chains")
	}
	return nil
}

func name(node string) string {
	if node == "" {
		return "nobody"
	}
	return node
}

// Difference is one figure that another run of the comparison found to be another one.
type Difference struct {
	Partition int32  `json:"partition"`
	What      string `json:"what"`
	Was       string `json:"was"`
	Is        string `json:"is"`
}

// Differences compares the report with a comparison that was run again. None means that the proof stands.
// windows are those of the new run, by partition; where one of the two has none, they are not compared.
func (r *Report) Differences(again []fsm.Comparison, windows map[int32][]fsm.Window) []Difference {
	now := map[int32]Comparison{}
	for _, c := range again {
		now[c.Partition] = freeze(c)
	}
	var out []Difference
	for _, was := range r.Comparisons {
		is, ok := now[was.Partition]
		if !ok {
			out = append(out, Difference{was.Partition, "partition", "compared", "not compared"})
			continue
		}
		delete(now, was.Partition)
		for _, f := range []struct{ what, was, is string }{
			{"verdict", was.Verdict, is.Verdict},
			{"expected records", fmt.Sprint(was.Expected.Records), fmt.Sprint(is.Expected.Records)},
			{"actual records", fmt.Sprint(was.Actual.Records), fmt.Sprint(is.Actual.Records)},
			{"expected sum", was.Expected.Sum, is.Expected.Sum},
			{"actual sum", was.Actual.Sum, is.Actual.Sum},
			{"expected chain", was.Expected.Chain, is.Expected.Chain},
			{"actual chain", was.Actual.Chain, is.Actual.Chain},
			{"missing", fmt.Sprint(was.Missing), fmt.Sprint(is.Missing)},
			{"twice since the job", fmt.Sprint(was.IntroducedDuplicates), fmt.Sprint(is.IntroducedDuplicates)},
			{"quarantined", fmt.Sprint(was.Quarantined), fmt.Sprint(is.Quarantined)},
			{"out of order", fmt.Sprint(was.OrderViolations), fmt.Sprint(is.OrderViolations)},
		} {
			if f.was != f.is {
				out = append(out, Difference{was.Partition, f.what, f.was, f.is})
			}
		}
		out = append(out, was.windowDifferences(windows[was.Partition])...)
	}
	for _, c := range again {
		if _, left := now[c.Partition]; left {
			out = append(out, Difference{c.Partition, "partition", "not compared", "compared"})
		}
	}
	return out
}
