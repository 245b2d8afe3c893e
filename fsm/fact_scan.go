package fsm

import (
	"fmt"
	"iter"
	"strings"

	"backstitch/partition"
)

// A scan is a job that writes nothing: its first slice surveys which partitions there are, and one slice for each of them compares
// it and leaves its findings here. State, slices and leases are those of the job; this file is what comes on top.

// ScanOrder says what to scan. The book reads none of it but Pair and Schedule, by which old scans are forgotten.
type ScanOrder struct {
	Name      string
	Namespace string
	// Dataset is what the two sides belong to, "" when they were named by themselves.
	Dataset string
	// Pair names the two that are compared. The scans of one pair are kept and forgotten together.
	Pair string
	// Recipe is what a worker needs: the canonical JSON of replay/scan.Recipe.
	Recipe    []byte
	RateBytes int64 // read per second and node, 0 for no limit
	// Whole says that nothing is left out by time, position or choice, so two sides without one record in common are not a gap but a
	// mistake.
	Whole    bool
	Priority uint8 // 0-100, higher first
	// Keep is how many ended scans are kept, 0 for ScansKept.
	Keep uint32
}

const (
	// ScansKept is how many ended scans of a pair or a schedule are kept, unless an order says another number. The newest one that
	// succeeded is kept besides, however many failed since.
	ScansKept = 10
	// MaxScansKept is the most that an order may keep.
	MaxScansKept = 1000
	// MaxScanParts is how many partitions one scan may have.
	MaxScanParts = 20_000
	// MaxScanBody bounds what is kept of one partition, in bytes. A worker that found more cuts its lists and says so.
	MaxScanBody = 64 << 10
	// MaxScanHeader bounds what a survey leaves for readers, in bytes.
	MaxScanHeader = 1 << 20
	maxPairBytes  = 2048
)

// invalid says what contradicts itself.
func (o *ScanOrder) invalid() string {
	switch {
	case len(o.Name) > maxNameBytes || len(o.Namespace) > maxNameBytes || len(o.Dataset) > maxNameBytes:
		return fmt.Sprintf("name, namespace and dataset take at most %d bytes", maxNameBytes)
	case o.Pair == "" || len(o.Pair) > maxPairBytes || strings.ContainsRune(o.Pair, 0):
		return fmt.Sprintf("a pair of %d bytes, want 1 to %d without a zero byte", len(o.Pair), maxPairBytes)
	case len(o.Recipe) == 0 || len(o.Recipe) > maxRecipeBytes:
		return fmt.Sprintf("recipe has %d bytes, want 1 to %d", len(o.Recipe), maxRecipeBytes)
	case o.Priority > maxPriority:
		return fmt.Sprintf("priority %d, want 0 to %d", o.Priority, maxPriority)
	case o.RateBytes < 0:
		return "a negative rate"
	case o.Keep > MaxScansKept:
		return fmt.Sprintf("%d scans to keep, at most %d are allowed", o.Keep, MaxScansKept)
	}
	return ""
}

// kept is how many ended scans are kept.
func (o *ScanOrder) kept() int {
	if o.Keep == 0 {
		return ScansKept
	}
	return int(o.Keep)
}

// Scan is what is known of a scan besides its job.
type Scan struct {
	Job          partition.JobID
	Dataset      string
	Pair         string
	Schedule     string // that ordered it, "" for a person
	DueUnixNanos int64  // when it was due by that schedule
	RateBytes    int64
	Whole        bool
	Keep         uint32
	// Header is what the survey found out, for those who read the findings: the canonical JSON of replay/gap.Header, nil before. The
	// book does not read it.
	Header    []byte
	Counts    ScanCounts // summed over the partitions that are done
	Truncated uint32     // partitions of which more was found than is kept
}

// group is what the scan is kept and forgotten with.
func (s *Scan) group() string { return scanGroup(s.Schedule, s.Pair) }

func scanGroup(schedule, pair string) string {
	if schedule != "" {
		return "s" + schedule
	}
	return "p" + pair
}

// ScanCounts are exact, whatever is kept of the findings.
type ScanCounts struct {
	Comparable   int64 // partitions that could be compared
	Compared     int64 // records of the reference that were compared
	Matched      int64 // records of the target that match
	Target       int64 // positions of the target that were read
	Missing      int64 // records that the target lacks
	MissingBytes int64
	Duplicates   int64 // records that the target has more often
	Extra        int64 // records that only the target has
	Findings     int64
	Unknown      int64 // findings about which nothing can be said: damage, and what is not comparable
}

func (c *ScanCounts) add(o ScanCounts) {
	c.Comparable += o.Comparable
	c.Compared += o.Compared
	c.Matched += o.Matched
	c.Target += o.Target
	c.Missing += o.Missing
	c.MissingBytes += o.MissingBytes
	c.Duplicates += o.Duplicates
	c.Extra += o.Extra
	c.Findings += o.Findings
	c.Unknown += o.Unknown
}

func (c ScanCounts) negative() bool {
	return min(c.Comparable, c.Compared, c.Matched, c.Target, c.Missing, c.MissingBytes, c.Duplicates, c.Extra, c.Findings, c.Unknown) < 0
}

// verdict is how a scan ends that has nothing left to do, and why. Nothing compared is never a success.
func (s *Scan) verdict(j Job) (JobState, string) {
	c := s.Counts
	switch {
	case j.FailedSlices > 0:
		return JobFailed, fmt.Sprintf("%d of %d slices failed for good", j.FailedSlices, j.FillSlices)
	case c.Comparable == 0:
		return JobFailed, "no partition can be compared; the findings say why"
	case c.Compared == 0:
		return JobFailed, "nothing was compared: the reference has no records in this range that can be read"
	case c.Matched == 0 && c.Target > 0 && s.Whole:
		return JobFailed, "reference and target have no record in common: that is not a gap, but another topic, or the two are swapped"
	}
	return JobSucceeded, ""
}

// ScanPart is one partition of a scan.
type ScanPart struct {
	Slice     partition.SliceID
	Partition int32
	By        partition.NodeID // who read it
	UnixNanos int64
	Counts    ScanCounts
	Truncated bool
	// Body are the findings: what replay/gap.EncodePart wrote. The book does not read it.
	Body []byte
}

// Schedule orders scans.
type Schedule struct {
	Name       string
	Order      ScanOrder
	EveryNanos int64  // between two scans; 0 when Cron says when
	Cron       string // five fields, in UTC
	// NextUnixNanos is when the next scan is due.
	NextUnixNanos int64
	Last          partition.JobID // the newest scan, "" before the first; it may be forgotten already
	LastUnixNanos int64           // when that one was due
	PutBy         string
	PutUnixNanos  int64
	ModifyIndex   uint64
}

// MaxSchedules bounds how many schedules there are: the leader looks at all of them in each of its turns.
const MaxSchedules = 500

// ScanID is the id of the scan that a schedule orders for a due time. It depends on nothing else, so whoever leads gives it the same.
func ScanID(schedule string, dueUnixNanos int64) partition.JobID {
	return jobIDOf(fmt.Sprintf("scan %d:%s %d", len(schedule), schedule, dueUnixNanos))
}

func scheduleKey(name string) []byte { return key(kindSchedule, []byte(name)) }

func (t *tx) scanOf(id partition.JobID) (s Scan, ok bool) {
	ok = t.read(jobKey(kindScan, id), &s)
	return s, ok
}

func (t *tx) putScan(s Scan) { t.write(jobKey(kindScan, s.Job), &s) }

func (t *tx) isScan(id partition.JobID) bool {
	_, ok := t.scanOf(id)
	return ok
}

// reads says what a job is that writes nothing, "" for one that writes.
func (t *tx) reads(id partition.JobID) string {
	if t.isScan(id) {
		return fmt.Sprintf("job %s is a scan", id)
	}
	if _, ok := t.planOf(id); ok {
		return fmt.Sprintf("job %s makes a plan", id)
	}
	return ""
}

// addReading adds a slice of a scan, alone in its lane.
func (t *tx) addReading(s partition.Slice) {
	t.write(sliceKey(kindSlice, s.ID), &s)
	t.putState(SliceState{ID: s.ID, Kind: s.Kind, Partition: s.Partition, Status: SliceWaiting})
	t.write(laneSliceKey(s.Lane(), s.ID.N), mark{})
	t.write(laneKey(s.Lane()), &lane{Open: true, Head: s.ID.N, Last: s.ID.N, Kind: s.Kind})
}

// newestScan is the scan of a group that was started last, "" when none is kept.
func (t *tx) newestScan(group string) partition.JobID {
	keys := t.keys(key(kindScanGroup, ended(group)))
	if len(keys) == 0 {
		return ""
	}
	var ref scanRef
	t.read(keys[len(keys)-1], &ref)
	return ref.Job
}

// forgetScans forgets the ended scans of a group but the newest ones, and the newest that succeeded.
func (t *tx) forgetScans(group string, keep int) {
	keys := t.keys(key(kindScanGroup, ended(group)))
	ended, good := 0, false
	for i := len(keys) - 1; i >= 0; i-- {
		var ref scanRef
		t.read(keys[i], &ref)
		j, _ := t.job(ref.Job)
		if !j.State.Terminal() {
			continue
		}
		ended++
		first := j.State == JobSucceeded && !good
		good = good || first
		if ended <= keep || first {
			continue
		}
		t.remove(keys[i])
		t.forgetScan(ref.Job)
	}
}

// forgetScan removes all that is kept of a scan that has ended.
func (t *tx) forgetScan(id partition.JobID) {
	t.remove(jobKey(kindScan, id))
	for _, k := range t.keys(key(kindScanPart, ended(id))) {
		t.remove(k)
	}
	t.forgetReading(id)
}

// forgetReading removes a job that wrote nothing and has ended.
func (t *tx) forgetReading(id partition.JobID) {
	for _, k := range []kind{kindJob, kindJobFrozen} {
		t.remove(jobKey(k, id))
	}
	for _, k := range []kind{kindSlice, kindSliceState, kindLane, kindLaneSlice} {
		for _, k := range t.keys(key(k, ended(id))) {
			t.remove(k)
		}
	}
}

// Scan returns what is known of a scan besides its job; ok is false for a job that is none.
func (v *View) Scan(id partition.JobID) (s Scan, ok bool, err error) {
	ok, err = v.read(jobKey(kindScan, id), &s)
	return s, ok, err
}

// Scans yields all scans by id.
func (v *View) Scans() iter.Seq2[Scan, error] { return each[Scan](v, key(kindScan), nil) }

// ScanParts yields the partitions of a scan that are done, by slice.
func (v *View) ScanParts(id partition.JobID) iter.Seq2[ScanPart, error] {
	return each[ScanPart](v, key(kindScanPart, ended(id)), nil)
}

// Schedule returns a schedule by its name.
func (v *View) Schedule(name string) (s Schedule, ok bool, err error) {
	ok, err = v.read(scheduleKey(name), &s)
	return s, ok, err
}

// Schedules returns all schedules by name.
func (v *View) Schedules() ([]Schedule, error) {
	var out []Schedule
	for s, err := range each[Schedule](v, key(kindSchedule), nil) {
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}
