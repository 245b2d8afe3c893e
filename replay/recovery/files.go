package recovery

import (
	"fmt"
	"slices"

	"backstitch/partition"
	"backstitch/replay/gap"
)

// How many files a plan leaves behind in a target of files. Each commit is one, for ever: nothing merges them, readers open every one, and
// whoever opens a partition lists its commits. What a plan says is what a target makes that keeps up; what a slow one makes, replay/engine
// bounds.

const (
	mostFiles  = 10_000   // of a partition, in one plan
	manyFiles  = 1000     // of a plan, from which on small ones are worth a warning
	smallFile  = 1 << 20  // bytes of records, on average
	firstFile  = 4 << 20  // bytes of the first file of a slice; each next one may have twice as many
	usualBytes = 64 << 20 // of a file, where the recipe says nothing
)

// fileCount is how many data files a plan comes to.
type fileCount struct {
	all  int64
	most int64 // of one partition
	part int32 // which that is
}

// countFiles counts the files of all fill slices.
func countFiles(ss []Slice, w Write) (c fileCount) {
	per := map[int32]int64{}
	for i := range ss {
		if s := &ss[i]; s.Kind == partition.SliceFill.String() {
			n := filesOf(s, w)
			c.all += n
			per[s.Partition] += n
		}
	}
	for part, n := range per {
		if n > c.most || n == c.most && part < c.part {
			c.most, c.part = n, part
		}
	}
	return c
}

// filesOf counts those of one slice: a file ends at so many records or bytes, whichever comes first.
func filesOf(s *Slice, w Write) (n int64) {
	records, bytes := max(s.Records, 1), max(s.Bytes, 1)
	perFile, most := max(int64(w.CommitRecords), 1), w.CommitBytes
	if most == 0 {
		most = usualBytes
	}
	byBytes := func(size int64) int64 { return max(1, int64(float64(size)/float64(bytes)*float64(records))) }
	for size := min(firstFile, most); records > 0 && size < most; size = min(2*size, most) {
		records -= min(perFile, byBytes(size))
		n++
	}
	if full := min(perFile, byBytes(most)); records > 0 {
		n += (records + full - 1) / full
	}
	return n
}

// files says how many files there will be, and refuses more than a partition can well have.
func (c *preflight) files() error {
	if !c.p.Recipe.Target.Files() || c.p.Empty() {
		return nil
	}
	n := countFiles(c.p.Slices, c.p.Recipe.Write)
	size := c.p.Totals.Bytes / max(n.all, 1)
	text := fmt.Sprintf("about %s of %s on average, %s in partition %d", plural(int(n.all), "file"), gap.Size(size), gap.Count(n.most), n.part)
	hint := "raise " + c.fileLimit() + ", so that files are larger"
	switch {
	case n.most > mostFiles:
		return &Error{Code: CodeFiles, Title: "the plan would leave too many files", Exit: exitUsage,
			Why:  fmt.Sprintf("It comes to %s. Nothing merges them, and a partition gets %s at most.", text, gap.Count(mostFiles)),
			Hint: hint + ", or narrow spec.range and recover in steps"}
	case n.all >= manyFiles && size < smallFile:
		c.check("files", "warn", text)
		c.note(NoteFiles, "The plan leaves "+text+". Nothing merges them: "+hint+".")
	default:
		c.check("files", "ok", text)
	}
	return nil
}

// fileLimit names what ends files first: a slice, so many records, or so many bytes.
func (c *preflight) fileLimit() string {
	w := c.p.Recipe.Write
	most := w.CommitBytes
	if most == 0 {
		most = usualBytes
	}
	fill := slices.DeleteFunc(slices.Clone(c.p.Slices), func(s Slice) bool { return s.Kind != partition.SliceFill.String() })
	records, bytes := c.p.Totals.Records, c.p.Totals.Bytes
	each := max(1, records/max(int64(len(fill)), 1))
	switch perFile := min(int64(w.CommitRecords), int64(float64(most)/float64(max(bytes, 1))*float64(records))); {
	case each <= perFile:
		return "spec.slices.records and spec.slices.bytes"
	case int64(w.CommitRecords) == perFile:
		return "spec.write.commitRecords"
	}
	return "fileBytes of spec.target"
}
