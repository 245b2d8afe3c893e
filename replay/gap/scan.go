package gap

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"

	"backstitch/partition"
	"backstitch/replay/source"

	"golang.org/x/sync/errgroup"
)

// Side is what one side of a comparison held, or matched.
type Side struct {
	Records int64  `json:"records"`
	Bytes   int64  `json:"bytes"`
	Sum     string `json:"sum"` // multiset hash, 32 hexadecimal digits
}

// Result is one partition, compared.
type Result struct {
	Partition int32 `json:"partition"`
	// Comparable is false when nothing can be said of this partition; a finding says why.
	Comparable bool             `json:"comparable"`
	Compared   partition.Ranges `json:"compared"` // positions of the reference that were read and are in scope
	Expected   Side             `json:"expected"` // the reference
	Actual     Side             `json:"actual"`   // records of the target that match
	// Missing are the ranges that the target lacks, the first Config.MaxRanges of them, and MissingLeft is how many more there are. Lost has
	// all.
	Missing     partition.Ranges `json:"missing,omitempty"`
	MissingLeft int64            `json:"missingLeft,omitempty"`
	// MissingRecords and MissingBytes are exact; bytes are of the compared fields.
	MissingRecords int64            `json:"missingRecords"`
	MissingBytes   int64            `json:"missingBytes"`
	Duplicates     int64            `json:"duplicates"`
	DuplicateAt    partition.Ranges `json:"duplicateAt,omitempty"` // target offsets, as many as Missing lists
	Extra          int64            `json:"extra"`
	ExtraAt        partition.Ranges `json:"extraAt,omitempty"` // target offsets, as many as Missing lists
	// Newer are records of the target that are younger than what the reference has. They are no finding.
	Newer int64 `json:"newer"`
	// Redelivered are records of the reference that are there more often than in the target, where its writer may deliver twice.
	// They are no finding.
	Redelivered int64 `json:"redelivered,omitempty"`
	// Repeated are records of the reference that were left out because the same event came before. They are no finding.
	Repeated int64 `json:"repeated,omitempty"`
	// Outside are records of the target of which nothing can be said, because the scope goes by positions of the reference or
	// because a part of the reference is damaged.
	Outside    int64    `json:"outside"`
	TargetFrom int64    `json:"targetFrom"` // first offset of the target, and the one after its last committed record
	TargetTo   int64    `json:"targetTo"`
	Windows    []Window `json:"-"`
	// MissingCounts are the records in each range of Missing: a range may have holes.
	MissingCounts []int64 `json:"-"`
	Largest       int64   `json:"largest"` // size of the reference's largest record
	// Framed are records of the reference whose value looks as if it began with the number of a schema, where numbers were compared as bytes.
	Framed int64 `json:"framed,omitempty"`
	// Glued are those whose value looks as if it began with the version of a schema of AWS Glue.
	Glued     int64 `json:"glued,omitempty"`
	Unmatched int64 `json:"-"` // most records that waited for their match at one time

	lost     *lost // nil where nothing was compared here
	findings []Finding
	whole    map[int]iter.Seq[partition.Range] // all ranges of those findings that list a part of them
	found    int                               // how many there were, also when findings are fewer
	hash     [32]byte                          // over all of them
	cells    *grid
}

// Report is what a scan found.
type Report struct {
	Dataset  string    `json:"dataset"`
	Set      string    `json:"set"`     // stands for all findings: the same data gives the same
	Columns  string    `json:"columns"` // what heatmap columns are: "time" or "position"
	Scope    Scope     `json:"scope"`
	Facts    Facts     `json:"facts"`
	Results  []Result  `json:"partitions"`
	Findings []Finding `json:"findings"`
	// NotChecked says what the scan could not see, e.g. that the archive holds no headers.
	NotChecked []string `json:"notChecked,omitempty"`
	Heatmap    Heatmap  `json:"heatmap"`
	// Left says of which partitions more was found than is listed here. A scan lists everything; what was kept of one may not.
	Left []Left `json:"left,omitempty"`
	// Ledger is set when one was used. What was found is the same without.
	Ledger *Ledger `json:"ledger,omitempty"`
}

// Lost is how many records the target lacks, of those that can be told.
func (r *Report) Lost() (records, bytes int64) {
	for _, p := range r.Results {
		records += p.MissingRecords
		bytes += p.MissingBytes
	}
	return records, bytes
}

// Unknown counts the findings about which nothing can be said: partitions that can not be compared, and parts of the reference
// that can not be read.
func (r *Report) Unknown() int {
	n := 0
	for _, f := range r.Findings {
		if f.Kind == Corrupt || f.Kind == NotComparable {
			n++
		}
	}
	return n
}

// Result returns that of a partition, nil when it was not scanned.
func (r *Report) Result(part int32) *Result {
	i, ok := slices.BinarySearchFunc(r.Results, part, func(p Result, n int32) int { return int(p.Partition - n) })
	if !ok {
		return nil
	}
	return &r.Results[i]
}

// Finding returns the one with the given id, nil when there is none.
func (r *Report) Finding(id string) *Finding {
	for i := range r.Findings {
		if r.Findings[i].ID == id {
			return &r.Findings[i]
		}
	}
	return nil
}

// Estimate is how many bytes count of the reference's records in rs take, and between which times they lie.
func (r *Result) Estimate(rs iter.Seq[partition.Range], count int64) (bytes, firstMs, lastMs int64) {
	return estimate(r.Windows, rs, count)
}

// BytesOf is Estimate for one range and its bytes.
func (r *Result) BytesOf(rg partition.Range, count int64) int64 {
	bytes, _, _ := estimate(r.Windows, slices.Values(partition.Ranges{rg}), count)
	return bytes
}

// Scan compares all partitions of in. An error means that the scan itself could not go on: the target does not answer, ctx is
// over. What is wrong with the reference is a finding.
func Scan(ctx context.Context, in Input, cfg Config) (*Report, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	parts := slices.Sorted(maps.Keys(in.Extents))
	results := make([]*Result, len(parts))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(cfg.Parallel)
	for i, p := range parts {
		g.Go(func() error {
			res, err := whole(gctx, &in, &cfg, p)
			if err != nil {
				return fmt.Errorf("scan %s: %w", Name(in.Dataset, p), err)
			}
			results[i] = res
			if cfg.Progress != nil {
				cfg.Progress(Progress{Partition: p, Done: true})
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	rep := in.Report()
	rep.Facts.TargetStarts = maps.Clone(rep.Facts.TargetStarts)
	for _, res := range results {
		if start, ok := rep.Facts.TargetStarts[res.Partition]; ok {
			rep.Facts.TargetStarts[res.Partition] = max(start, res.TargetFrom)
		}
		res.found, res.hash = len(res.findings), digestWhole(res.findings, res.whole)
		res.whole = nil // which holds on to what the target has too often
		rep.Results = append(rep.Results, *res)
	}
	rep.noteSchemas(&in)
	rep.assemble()
	return rep, nil
}

// maxOvertaken is how often a partition is begun again. Brokers look every few minutes for what retention may delete, so a second time in
// a row is rare, and more than that is a log that goes as fast as it is read.
const maxOvertaken = 3

// whole scans one partition. Retention that takes the oldest records of the target while they are read makes it begin again, where the log
// begins now: half of a partition is no result, and on a busy topic this is no fault.
func whole(ctx context.Context, in *Input, cfg *Config, part int32) (*Result, error) {
	for again := 0; ; again++ {
		s := &scan{in: in, cfg: cfg, part: part, extent: in.Extents[part]}
		res, err := s.run(ctx)
		if again == maxOvertaken || !errors.Is(err, source.ErrRetention) {
			return res, err
		}
	}
}

// Report is what can be said before anything is compared.
func (in *Input) Report() *Report {
	rep := &Report{Dataset: in.Dataset, Columns: "position", Scope: in.Scope, Facts: in.Facts, NotChecked: in.notChecked()}
	if in.timed() {
		rep.Columns = "time"
	}
	return rep
}

// assemble makes a report of its results, which are by partition: findings with their ids, and the heatmap.
func (r *Report) assemble() {
	for i := range r.Results {
		r.Findings = append(r.Findings, r.Results[i].findings...)
	}
	r.noteCopies()
	r.noteGlue()
	r.noteNumbers()
	r.identify()
	r.Heatmap = draw(r)
}

// notChecked lists the fields that only one side holds.
func (in *Input) notChecked() []string {
	return NotChecked(in.Reference.Fields(), in.Target.Fields())
}
