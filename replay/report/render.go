package report

import (
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"backstitch/replay/gap"
	"backstitch/replay/record"
)

// WriteText prints the report for people. It is a pure function of the report.
func (r *Report) WriteText(w io.Writer) error {
	hash, err := r.Hash()
	if err != nil {
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s/%s   job %s   report %s   evidence %s\n", title(r.Verdict), r.Namespace, r.Name, r.Job, r.Proof, r.Evidence)
	fmt.Fprintf(&b, "  Reference  %s\n  Target     %s\n", r.Source, r.Target)
	t := r.totals()
	fmt.Fprintf(&b, "  Compared   %s of %s records, 100 %% of what is there, no sampling; %d of %d partitions passed\n\n", gap.Count(t.actual), gap.Count(t.expected), t.passed, len(r.Comparisons))
	fmt.Fprintf(&b, "  %-24s %18s %18s   %s\n", "CHECK", "EXPECTED", "ACTUAL", "RESULT")
	row := func(name, expected, actual string, ok bool) {
		result := "pass"
		switch {
		case t.expected == 0:
			result = "nothing compared"
		case !ok:
			result = "FAIL"
		}
		fmt.Fprintf(&b, "  %-24s %18s %18s   %s\n", name, expected, actual, result)
	}
	row("row count", gap.Count(t.expected), gap.Count(t.actual), t.expected == t.actual)
	row("missing", "0", gap.Count(t.missing), t.missing == 0)
	expected, actual := func(c *Comparison) Side { return c.Expected }, func(c *Comparison) Side { return c.Actual }
	row("set checksum xxh3-128", r.sum(expected), r.sum(actual), t.sums)
	if r.Evidence >= "E3" {
		row("order chain xxh3-128", r.chain(expected), r.chain(actual), t.chains)
	}
	row("order of refilled", "kept", word(t.order == 0, "kept", "broken"), t.order == 0)
	row("duplicates by the job", "0", gap.Count(t.introduced), t.introduced == 0)
	b.WriteByte('\n')
	if t.preexisting > 0 {
		fmt.Fprintf(&b, "  Twice before the job       %s records; they are no fault of the job and stay\n", gap.Count(t.preexisting))
	}
	if t.quarantined > 0 {
		fmt.Fprintf(&b, "  In quarantine              %s positions of the reference; they are expected to be absent and not compared\n", gap.Count(t.quarantined))
	}
	if t.extra > 0 {
		fmt.Fprintf(&b, "  Unknown to the reference   %s records of the target\n", gap.Count(t.extra))
	}
	fmt.Fprintf(&b, "  Written %s   Suppressed as already there %s   Quarantined %s\n", gap.Count(r.Written), gap.Count(r.Suppressed), gap.Count(r.Quarantined))
	r.writeBad(&b)
	for i, text := range r.notChecked() {
		name := ""
		if i == 0 {
			name = "Not checked:"
		}
		fmt.Fprintf(&b, "  %-12s %s\n", name, text)
	}
	fmt.Fprintf(&b, "  Evidence  sha256 %s   plan %.12s   index %d   %s by %s\n", hex.EncodeToString(hash[:6]), r.Plan, r.Index,
		time.Unix(0, r.UnixNanos).UTC().Format(time.RFC3339), r.By)
	_, err = io.WriteString(w, b.String())
	return err
}

// maxBad is how many partitions that did not pass are printed.
const maxBad = 20

func (r *Report) writeBad(b *strings.Builder) {
	bad := 0
	for _, c := range r.Comparisons {
		if c.Verdict == "pass" {
			continue
		}
		if bad++; bad > maxBad {
			continue
		}
		fmt.Fprintf(b, "  %-13s %s  offsets [%d,%d): %s\n", strings.ToUpper(c.Verdict), gap.Name(r.Dataset, c.Partition), c.From, c.To, c.Detail)
	}
	if bad > maxBad {
		fmt.Fprintf(b, "  and %d more partitions\n", bad-maxBad)
	}
}

func title(verdict string) string {
	switch verdict {
	case "pass":
		return "VERIFIED"
	case "fail":
		return "FAILED"
	}
	return "INDETERMINATE"
}

func word(ok bool, yes, no string) string {
	if ok {
		return yes
	}
	return no
}

type totals struct {
	expected, actual, missing, extra, preexisting, introduced, order, quarantined int64
	passed                                                                        int
	sums, chains                                                                  bool
}

func (r *Report) totals() totals {
	t := totals{sums: true, chains: true}
	for _, c := range r.Comparisons {
		if c.Verdict == "pass" {
			t.passed++
		}
		t.expected += c.Expected.Records
		t.actual += c.Actual.Records
		t.missing += c.Missing
		t.extra += c.Extra
		t.preexisting += c.PreexistingDuplicates
		t.introduced += c.IntroducedDuplicates
		t.order += c.OrderViolations
		t.quarantined += c.Quarantined
		t.sums = t.sums && c.Expected.Sum == c.Actual.Sum
		t.chains = t.chains && c.Expected.Chain == c.Actual.Chain
	}
	return t
}

// sum prints the multiset hash over all partitions: such hashes add up.
func (r *Report) sum(of func(*Comparison) Side) string {
	var all record.Sum
	for i := range r.Comparisons {
		side := of(&r.Comparisons[i])
		if s, err := side.thaw(); err == nil { // a report with another form was refused when it was read
			all.AddSum(record.SumFromBytes(s.Sum))
		}
	}
	b := all.Bytes()
	return short(hex.EncodeToString(b[:]))
}

// chain prints the ordered hash of a single partition, and of more how many there are: chains do not add up.
func (r *Report) chain(of func(*Comparison) Side) string {
	if len(r.Comparisons) != 1 {
		return fmt.Sprintf("%d chains", len(r.Comparisons))
	}
	return short(of(&r.Comparisons[0]).Chain)
}

func short(hash string) string { return hash[:6] + ".." + hash[len(hash)-6:] }

// notChecked is what any partition could not see, each once.
func (r *Report) notChecked() []string {
	var out []string
	for _, c := range r.Comparisons {
		for _, n := range c.NotChecked {
			if !slices.Contains(out, n) {
				out = append(out, n)
			}
		}
	}
	return append(out, "what consumers made of the records; whether the reference itself is complete")
}
