package sequence

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"backstitch/partition"
	"backstitch/replay/gap"
)

// Report is what a scan found.
type Report struct {
	Topic    string `json:"topic"`
	Source   string `json:"source"` // the path
	Sequence string `json:"sequence"`
	AtMs     int64  `json:"at"`
	Set      string `json:"set"`
	// Debezium says that sources are transactions of its events, each of one table, and Boundaries which topic says where they end.
	Debezium   bool   `json:"debezium,omitempty"`
	Boundaries string `json:"boundaries,omitempty"`
	Records    int64  `json:"records"`
	Sources    int    `json:"sources"`
	Whole      int    `json:"wholeSources"` // of which nothing is missing, twice or silent
	// Missing and Twice are of all sources.
	Missing int64 `json:"missing"`
	Twice   int64 `json:"twice"`
	// Findings are about one source each; their ranges are of its numbers.
	Findings   []gap.Finding `json:"findings"`
	NotChecked []string      `json:"notChecked,omitempty"`
}

// maxRanges bounds the ranges that one finding lists. Its count is exact all the same.
const maxRanges = 1000

// everywhere stands for a finding that is not of one partition.
const everywhere int32 = -1

// hole is a stretch of numbers that are not there.
type hole struct {
	partition.Range
	afterMs, beforeMs int64 // the records around it
}

// conclude turns what was seen into findings.
func (r *Report) conclude(d *detector, at edges, compacted bool) {
	r.Records, r.Sources = d.records, len(d.sources)
	var young, old int64
	for _, name := range slices.Sorted(maps.Keys(d.sources)) {
		s := d.sources[name]
		before := len(r.Findings)
		kept, tooYoung, tooOld := s.holes(at)
		young, old = young+tooYoung, old+tooOld
		r.missing("source "+name, s.why(), kept, compacted)
		r.twice("source "+name, s.twice, s.runs)
		r.silent(name, s, d.lastMs)
		if len(r.Findings) == before {
			r.Whole++
		}
	}
	if d.nameless > 0 {
		r.Findings = append(r.Findings, gap.Finding{
			Kind: gap.NotComparable, Topic: r.Topic, Partition: d.nameFirst.part, Range: partition.Range{From: d.nameFirst.offset, To: d.nameFirst.offset + 1}, Count: d.nameless,
			Cause:  "they are of another form",
			Reason: fmt.Sprintf("%s no source at %s, or no whole number at %s; the first is at the range", plural(d.nameless, "record has", "records have"), r.Source, r.Sequence),
		})
	}
	r.edges(old, young)
	r.NotChecked = append(r.NotChecked, "what a source sent before its first and after its last record that is there")
	r.Set = gap.Identify("sequence "+r.Topic, r.Findings)
}

// edges says how many numbers were not looked at, since they lie next to where the log begins or ends.
func (r *Report) edges(old, young int64) {
	if old > 0 {
		r.NotChecked = append(r.NotChecked, fmt.Sprintf("%s next to the log's start: retention has taken records of other partitions from that time", plural(old, "number", "numbers")))
	}
	if young > 0 {
		r.NotChecked = append(r.NotChecked, fmt.Sprintf("%s next to the newest records: they may still be on their way (--grace)", plural(young, "number", "numbers")))
	}
}

// holes are those between a source's numbers that are missing for sure, and how many numbers are not.
func (s *state) holes(at edges) (kept []hole, young, old int64) {
	for i := range s.runs {
		spans := s.runs[i].spans
		for j := 1; j < len(spans); j++ {
			h := hole{partition.Range{From: spans[j-1].to, To: spans[j].from}, spans[j-1].lastMs, spans[j].firstMs}
			switch {
			case h.beforeMs > at.young:
				young += h.Len()
			case h.afterMs < at.from, s.many && h.afterMs < at.spread, at.emptied:
				old += h.Len()
			default:
				kept = append(kept, h)
			}
		}
	}
	return kept, young, old
}

// why says what speaks for its holes.
func (s *state) why() string {
	text := "the source has " + plural(s.records, "record", "records") + " there, with lower and higher numbers"
	if n := len(s.runs); n > 1 {
		text += fmt.Sprintf("; it began anew %s", plural(int64(n-1), "time", "times"))
	}
	return text
}

func (r *Report) missing(about, why string, holes []hole, compacted bool) {
	if len(holes) == 0 {
		return
	}
	f := gap.Finding{Kind: gap.Missing, Topic: r.Topic, Partition: everywhere, About: about, Evidence: "E1",
		Cause: "lost on the way from the source, or by the broker that had acknowledged it"}
	var ranges partition.Ranges
	for i, h := range holes {
		f.Count += h.Len()
		if i == 0 {
			f.FirstMs, f.LastMs = h.afterMs, h.beforeMs
		}
		f.FirstMs, f.LastMs = min(f.FirstMs, h.afterMs), max(f.LastMs, h.beforeMs)
		if len(ranges) < maxRanges {
			ranges = append(ranges, h.Range)
		}
	}
	f.Range = holes[0].Range
	for _, h := range holes {
		f.Range.From, f.Range.To = min(f.Range.From, h.From), max(f.Range.To, h.To)
	}
	if len(ranges) > 1 {
		f.Ranges = ranges
	}
	f.Reason = fmt.Sprintf("%s at %s: %s", plural(f.Count, "number is missing", "numbers are missing"), plural(int64(len(holes)), "place", "places"), why)
	if compacted {
		f.Kind, f.Evidence, f.Cause = gap.NotComparable, "", "the topic is compacted: newer records of the same keys may have replaced them"
	} else {
		r.Missing += f.Count
	}
	r.Findings = append(r.Findings, f)
}

func (r *Report) twice(about string, n int64, runs []run) {
	if n == 0 {
		return
	}
	r.Twice += n
	f := gap.Finding{Kind: gap.Duplicate, Topic: r.Topic, Partition: everywhere, About: about, Evidence: "E1", Count: n,
		Cause: "a producer sent again what had arrived, or somebody replayed it"}
	var ranges partition.Ranges
	for _, run := range runs {
		for _, sp := range run.twice {
			if len(ranges) == 0 {
				f.FirstMs, f.LastMs = sp.firstMs, sp.lastMs
			}
			f.FirstMs, f.LastMs = min(f.FirstMs, sp.firstMs), max(f.LastMs, sp.lastMs)
			if len(ranges) < maxRanges {
				ranges = append(ranges, partition.Range{From: sp.from, To: sp.to})
			}
		}
	}
	slices.SortFunc(ranges, func(a, b partition.Range) int { return cmp.Compare(a.From, b.From) })
	f.Range = partition.Range{From: ranges[0].From, To: ranges[len(ranges)-1].To}
	if len(ranges) > 1 {
		f.Ranges = ranges
	}
	f.Reason = fmt.Sprintf("%s a number that was there already", plural(n, "record has", "records have"))
	r.Findings = append(r.Findings, f)
}

// When a source counts as silent: it has been seen often enough, and is away for much longer than it ever was.
const (
	enoughRecords = 10
	manyPauses    = 20
	longPauses    = 2
	leastSilence  = 60_000
)

// silent finds a source that has stopped while others go on. Nothing is known to be lost of it.
func (r *Report) silent(name string, s *state, endMs int64) {
	if s.records < enoughRecords {
		return
	}
	mean := (s.lastMs - s.firstMs) / (s.records - 1)
	quiet := endMs - s.lastMs
	if quiet <= max(manyPauses*mean, longPauses*s.longestMs, leastSilence) {
		return
	}
	last := s.runs[len(s.runs)-1].next() - 1
	r.Findings = append(r.Findings, gap.Finding{
		Kind: gap.AtRisk, Topic: r.Topic, Partition: everywhere, About: "source " + name, Range: partition.Range{From: last + 1, To: last + 1}, Evidence: "E0",
		FirstMs: s.lastMs, LastMs: endMs, Cause: "the source was switched off, or what it sends does not arrive",
		Reason: fmt.Sprintf("nothing after number %s at %s, while others go on to %s; it wrote every %d ms before, and its longest pause was %d ms",
			gap.Count(last), gap.Moment(s.lastMs), gap.Moment(endMs), mean, s.longestMs),
	})
}

// Silent counts the sources that have stopped.
func (r *Report) Silent() int { return gap.OfKind(r.Findings, gap.AtRisk) }

// Unknown counts what could not be judged.
func (r *Report) Unknown() int { return gap.OfKind(r.Findings, gap.NotComparable) }

func plural(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return gap.Count(n) + " " + many
}
