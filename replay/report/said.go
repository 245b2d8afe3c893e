package report

// Said is what a report says in words, for documents that are made of it elsewhere. They are the words of the page and of the text.
type Said struct {
	Title      string // of the verdict
	Meaning    string
	Level      string // what the level of evidence is
	ReadBack   string
	Signature  string
	Lines      []Line // what was checked
	Bad        []string
	NotChecked []string
}

// Line is one thing that was checked.
type Line struct{ Name, Expected, Actual, Result string }

// Said puts the report into words.
func (f *File) Said() Said {
	r := f.Report
	out := Said{
		Title: title(r.Verdict), Meaning: meaning(r.Verdict), Level: levelText(r.Evidence), ReadBack: r.readBack(), Signature: f.signatureText(), Bad: r.bad(),
		NotChecked: r.notChecked(),
	}
	for _, c := range r.checks() {
		out.Lines = append(out.Lines, Line{c.Name, c.Expected, c.Actual, c.Result})
	}
	return out
}

// Lost is how many records of a partition the plan found missing, and when the first and the last of them were made, in Kafka milliseconds. ok is
// false where the comparison has no windows, and nobody can say. The times are those of the windows that they lie in.
func (c *Comparison) Lost() (records, firstMs, lastMs int64, ok bool) {
	for _, w := range c.Windows {
		if w.Filled == 0 {
			continue
		}
		if records == 0 || w.FromMs < firstMs {
			firstMs = w.FromMs
		}
		records, lastMs = records+w.Filled, max(lastMs, w.ToMs)
	}
	return records, firstMs, lastMs, len(c.Windows) > 0
}
