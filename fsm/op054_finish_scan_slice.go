package fsm

import (
	"fmt"

	"backstitch/partition"
)

// FinishScanSlice ends a slice of a scan with what it found: the partitions, for a survey, or what is missing of one.
//
// Since: 3. Proposed by: the owner. Refused: UnknownSlice, StaleEpoch, WrongState, Invalid (a slice of another job; both or neither of
// Survey and Part, or the wrong one; partitions that are none, out of order, or too many; a body or header that is too large; counts that
// can not be). Finishing a done slice under the epoch that finished it is OK.
type FinishScanSlice struct {
	Slice      partition.SliceID
	Owner      partition.NodeID
	Epoch      partition.Epoch
	Checkpoint Checkpoint // what was read
	Survey     *Survey    // survey slices only
	Part       *ScanPart  // scan slices only; Slice and By are set by the book
}

// Survey is what a scan has to compare.
type Survey struct {
	Partitions []SurveyPart // by partition
	Header     []byte       // Scan.Header
}

// SurveyPart is one partition of a survey.
type SurveyPart struct {
	Partition int32
	Bytes     int64 // about how many there are to read, 0 when nobody knows
}

// Op returns 54.
func (FinishScanSlice) Op() uint16 { return 54 }

func (c FinishScanSlice) subject() string { return "slice " + c.Slice.String() }

func (c FinishScanSlice) apply(t *tx) Result {
	s, answer := t.ending(c.Slice, c.Owner, c.Epoch, c.subject())
	if answer != nil {
		return *answer
	}
	if why := c.invalid(s); why != "" {
		return t.refuse(Invalid, fmt.Sprintf("%s: %s", c.subject(), why))
	}
	j, _ := t.job(c.Slice.Job)
	scan, _ := t.scanOf(c.Slice.Job)
	t.end(s, c.Checkpoint)
	j.FillDone++
	if c.Survey != nil {
		t.surveyed(&j, &scan, c.Survey)
	} else {
		p := *c.Part
		p.Slice, p.By = c.Slice, c.Owner
		t.write(sliceKey(kindScanPart, c.Slice), &p)
		scan.Counts.add(p.Counts)
		if p.Truncated {
			scan.Truncated++
		}
	}
	t.putJob(j)
	t.putScan(scan)
	return t.ok()
}

// surveyed adds a slice for each partition.
func (t *tx) surveyed(j *Job, scan *Scan, survey *Survey) {
	scan.Header = survey.Header
	for _, p := range survey.Partitions {
		t.addReading(partition.Slice{
			ID: partition.SliceID{Job: j.ID, N: j.Added}, Kind: partition.SliceScan, Partition: p.Partition, Bytes: p.Bytes,
		})
		j.Added++
		j.Bytes += p.Bytes
	}
	j.Slices, j.FillSlices = j.Added, j.Added
}

func (c FinishScanSlice) invalid(s SliceState) string {
	switch {
	case s.Kind != partition.SliceSurvey && s.Kind != partition.SliceScan:
		return fmt.Sprintf("a %s slice finds nothing", s.Kind)
	case c.Checkpoint.Epoch != c.Epoch:
		return fmt.Sprintf("checkpoint of epoch %d under epoch %d", c.Checkpoint.Epoch, c.Epoch)
	case c.Checkpoint.Cursor < s.Checkpoint.Cursor:
		return fmt.Sprintf("cursor falls from %d to %d", s.Checkpoint.Cursor, c.Checkpoint.Cursor)
	case s.Kind == partition.SliceSurvey && (c.Survey == nil || c.Part != nil):
		return "a survey ends with partitions, and with nothing else"
	case s.Kind == partition.SliceSurvey:
		return c.Survey.invalid()
	case c.Survey != nil || c.Part == nil:
		return "a scan slice ends with its findings, and with nothing else"
	case c.Part.Partition != s.Partition:
		return fmt.Sprintf("findings of partition %d, not %d", c.Part.Partition, s.Partition)
	case len(c.Part.Body) == 0 || len(c.Part.Body) > MaxScanBody:
		return fmt.Sprintf("findings of %d bytes, want 1 to %d", len(c.Part.Body), MaxScanBody)
	case c.Part.Counts.negative():
		return "a negative count"
	}
	return ""
}

func (s *Survey) invalid() string {
	switch {
	case len(s.Partitions) == 0 || len(s.Partitions) > MaxScanParts:
		return fmt.Sprintf("%d partitions, want 1 to %d", len(s.Partitions), MaxScanParts)
	case len(s.Header) == 0 || len(s.Header) > MaxScanHeader:
		return fmt.Sprintf("a header of %d bytes, want 1 to %d", len(s.Header), MaxScanHeader)
	}
	for i, p := range s.Partitions {
		if p.Partition < 0 || p.Bytes < 0 || i > 0 && p.Partition <= s.Partitions[i-1].Partition {
			return fmt.Sprintf("partition %d is out of order, or its size can not be", p.Partition)
		}
	}
	return ""
}
