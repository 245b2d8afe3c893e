package report

import (
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"

	"backstitch/fsm"
	"backstitch/replay/gap"
	"backstitch/replay/record"
)

// WriteText prints the report for people. It is a pure function of the file.
func (f *File) WriteText(w io.Writer) error {
	r := f.Report
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s/%s   job %s   report %s   evidence %s\n", title(r.Verdict), r.Namespace, r.Name, r.Job, r.Proof, r.Evidence)
	fmt.Fprintf(&b, "  Reference  %s\n  Target     %s\n", r.Source, r.Target)
	t := r.totals()
	fmt.Fprintf(&b, "  Compared   %s of %s records, 100 %% of what is there, no sampling; %d of %d partitions passed\n\n", gap.Count(t.Actual), gap.Count(t.Expected), t.Passed, len(r.Comparisons))
	fmt.Fprintf(&b, "  %-24s %18s %18s   %s\n", "CHECK", "EXPECTED", "ACTUAL", "RESULT")
	for _, c := range r.checks() {
		fmt.Fprintf(&b, "  %-24s %18s %18s   %s\n", c.Name, c.Expected, c.Actual, c.Result)
	}
	b.WriteByte('\n')
	if t.Preexisting > 0 {
		fmt.Fprintf(&b, "  Twice before the job       %s records; they are no fault of the job and stay\n", gap.Count(t.Preexisting))
	}
	if t.Quarantined > 0 {
		fmt.Fprintf(&b, "  In quarantine              %s positions of the reference; they are expected to be absent and not compared\n", gap.Count(t.Quarantined))
	}
	if t.Extra > 0 {
		fmt.Fprintf(&b, "  Unknown to the reference   %s records of the target\n", gap.Count(t.Extra))
	}
	fmt.Fprintf(&b, "  Written %s   Suppressed as already there %s   Quarantined %s\n", gap.Count(r.Written), gap.Count(r.Suppressed), gap.Count(r.Quarantined))
	for _, line := range r.bad() {
		fmt.Fprintf(&b, "  %s\n", line)
	}
	fmt.Fprintf(&b, "  Read back  %s\n", r.readBack())
	for _, l := range r.Left {
		fmt.Fprintf(&b, "  Not covered: %s\n", l)
	}
	for i, text := range r.notChecked() {
		name := ""
		if i == 0 {
			name = "Not checked:"
		}
		fmt.Fprintf(&b, "  %-12s %s\n", name, text)
	}
	fmt.Fprintf(&b, "  Evidence  sha256 %x   plan %.12s   index %d   %s by %s\n  Signature %s\n", f.Sum[:6], r.Plan, r.Index, r.At, r.nodeName(r.By), f.signatureText())
	r.incident(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

// incident prints what a report of version 2 says besides the proof; of version 1 it prints nothing.
func (r *Report) incident(b *strings.Builder) {
	if r.Version < Version2 {
		return
	}
	because := func(why string) string {
		if why == "" {
			return ""
		}
		return ": " + why
	}
	b.WriteString("\n  Timeline\n")
	for _, e := range r.Timeline {
		fmt.Fprintf(b, "    %s  %s   %s%s\n", clock(e.At), e.Who, e.What, because(e.Why))
	}
	b.WriteString("  Decisions\n")
	for _, d := range r.Decisions {
		fmt.Fprintf(b, "    %s   by %s%s\n", d.What, d.By, because(d.Why))
	}
	b.WriteString("  Commands\n")
	for _, c := range r.Commands {
		fmt.Fprintf(b, "    %-52s # %s\n", c.Run, c.For)
	}
	if r.Runbook != "" {
		fmt.Fprintf(b, "  Runbook   %s\n", r.Runbook)
	}
}

// check is one line of what was checked.
type check struct{ Name, Expected, Actual, Result, Class string }

func (r *Report) checks() (out []check) {
	t := r.totals()
	row := func(name, expected, actual string, ok bool) {
		result, class := "pass", "pass"
		switch {
		case t.Expected == 0:
			result, class = "nothing compared", "indeterminate"
		case !ok:
			result, class = "FAIL", "fail"
		}
		out = append(out, check{name, expected, actual, result, class})
	}
	row("row count", gap.Count(t.Expected), gap.Count(t.Actual), t.Expected == t.Actual)
	row("missing", "0", gap.Count(t.Missing), t.Missing == 0)
	expected, actual := func(c *Comparison) Side { return c.Expected }, func(c *Comparison) Side { return c.Actual }
	row("set checksum xxh3-128", r.sum(expected), r.sum(actual), t.Sums)
	if r.Evidence >= "E3" {
		row("order chain xxh3-128", r.chain(expected), r.chain(actual), t.Chains)
	}
	row("order of refilled", "kept", word(t.Order == 0, "kept", "broken"), t.Order == 0)
	row("duplicates by the job", "0", gap.Count(t.Introduced), t.Introduced == 0)
	return out
}

// signatureText says who signed, or that nobody did.
func (f *File) signatureText() string {
	if f.Key == nil {
		return "not signed: " + f.NotSigned
	}
	return "by cluster key " + Fingerprint(f.Key)
}

// readBack says who read the target, in view of who wrote it.
func (r *Report) readBack() string {
	independent, self, unknown := 0, 0, 0
	for _, c := range r.Comparisons {
		switch {
		case c.Expected.Records == 0:
		case c.Evidence == fsm.E4.String():
			independent++
		case slices.Contains(c.WrittenBy, c.ReadBy) && c.ReadBy != "":
			self++
		default:
			unknown++
		}
	}
	var out []string
	for _, p := range []struct {
		n    int
		text string
	}{
		{independent, "by a node that wrote nothing of them"}, {self, "by a node that may have written them"}, {unknown, "by a reader of which nobody can say what it wrote"},
	} {
		if p.n > 0 {
			out = append(out, fmt.Sprintf("%d of %d partitions %s", p.n, len(r.Comparisons), p.text))
		}
	}
	if out == nil {
		return "nothing"
	}
	return strings.Join(out, ", ")
}

// nodeName is what people call a node, or the id of one that is not known.
func (r *Report) nodeName(id string) string {
	for _, n := range r.Nodes {
		if n.ID == id {
			return n.Name
		}
	}
	return id
}

// maxBad is how many partitions that did not pass are printed.
const maxBad = 20

// bad lists the partitions that did not pass, each with what was found, and counts what is beyond maxBad.
func (r *Report) bad() (out []string) {
	n := 0
	for _, c := range r.Comparisons {
		if c.Verdict == "pass" {
			continue
		}
		if n++; n <= maxBad {
			out = append(out, fmt.Sprintf("%-13s %s  offsets [%d,%d): %s", strings.ToUpper(c.Verdict), gap.Name(r.Dataset, c.Partition), c.From, c.To, c.Detail))
		}
	}
	if n > maxBad {
		out = append(out, fmt.Sprintf("and %d more partitions", n-maxBad))
	}
	return out
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

// meaning says what a verdict is.
func meaning(verdict string) string {
	v, err := parseVerdict(verdict)
	if err != nil {
		return "unknown"
	}
	return v.Meaning()
}

// levelText says what a level of evidence is.
func levelText(evidence string) string {
	e, err := parseEvidence(evidence)
	if err != nil {
		return "unknown"
	}
	return e.Meaning()
}

func word(ok bool, yes, no string) string {
	if ok {
		return yes
	}
	return no
}

type totals struct {
	Expected, Actual, Missing, Extra, Preexisting, Introduced, Order, Quarantined int64
	Passed                                                                        int
	Sums, Chains                                                                  bool
}

func (r *Report) totals() totals {
	t := totals{Sums: true, Chains: true}
	for _, c := range r.Comparisons {
		if c.Verdict == "pass" {
			t.Passed++
		}
		t.Expected += c.Expected.Records
		t.Actual += c.Actual.Records
		t.Missing += c.Missing
		t.Extra += c.Extra
		t.Preexisting += c.PreexistingDuplicates
		t.Introduced += c.IntroducedDuplicates
		t.Order += c.OrderViolations
		t.Quarantined += c.Quarantined
		t.Sums = t.Sums && c.Expected.Sum == c.Actual.Sum
		t.Chains = t.Chains && c.Expected.Chain == c.Actual.Chain
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
	if n := len(out) - maxBad; n > 0 {
		out = append(out[:maxBad], fmt.Sprintf("and %d more things in single partitions", n))
	}
	return append(out, r.NotChecked...)
}
