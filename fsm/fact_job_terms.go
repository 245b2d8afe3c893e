package fsm

import (
	"fmt"

	"backstitch/partition"
)

// JobTerms are the terms of jobs that are not there yet: of those that a dataset's policy starts, and of a flow's step whose plan waits for a person. They
// become Terms with the job.
type JobTerms struct {
	Calendar partition.Calendar
	// DetectedUnixNanos is when it was known that something is missing, 0 where the book finds that out: it is when a scan ended.
	DetectedUnixNanos int64
	// WithinNanos is the time from there to the proof, 0 for no deadline.
	WithinNanos  int64
	AlertPercent uint8  // of that time; 0 without a deadline
	CompletePPM  uint32 // millionths of the planned records that have to be in the target, 0 without a deadline
}

// Empty reports whether they say nothing.
func (x JobTerms) Empty() bool { return x.Calendar.Empty() && x.WithinNanos == 0 }

// of are the terms of a job whose loss was detected at that time.
func (x JobTerms) of(job partition.JobID, detected int64) Terms {
	out := Terms{Job: job, Calendar: x.Calendar, AlertPercent: x.AlertPercent, CompletePPM: x.CompletePPM}
	if x.WithinNanos != 0 {
		out.DetectedUnixNanos, out.DeadlineUnixNanos = detected, detected+x.WithinNanos
	}
	return out
}

// invalid says what is wrong with them.
func (x JobTerms) invalid() string {
	switch {
	case x.Empty():
		return "terms that say nothing"
	case x.WithinNanos < 0 || x.WithinNanos > maxWithinNanos:
		return fmt.Sprintf("a deadline after %d ns", x.WithinNanos)
	case x.DetectedUnixNanos < 0:
		return "a clock that starts before 1970"
	}
	return x.of("", 1).invalid()
}

const maxWithinNanos = int64(366*24) * 3600 * 1e9

// Where JobTerms are kept.
const (
	termsOfDatasets = 'd'
	termsOfSteps    = 'f'
)

func datasetTermsKey(n DatasetName) []byte {
	return key(kindJobTerms, []byte{termsOfDatasets}, []byte(n))
}

func stepTermsKey(id FlowID, step int) []byte {
	return key(kindJobTerms, []byte{termsOfSteps}, ended(id), u32(uint32(step)))
}

// keepTerms writes terms that are valid under k, or removes what is there when they are nil.
func (t *tx) keepTerms(k []byte, x *JobTerms) {
	var have JobTerms
	switch known := t.read(k, &have); {
	case x != nil:
		t.write(k, x)
	case known:
		t.remove(k)
	}
}

// sameTerms reports whether a dataset has these already.
func (t *tx) sameTerms(n DatasetName, x *JobTerms) bool {
	have := t.jobTerms(datasetTermsKey(n))
	if have == nil || x == nil {
		return have == x
	}
	return t.hash(have) == t.hash(x)
}

// jobTerms returns what is kept under k, nil for nothing.
func (t *tx) jobTerms(k []byte) *JobTerms {
	var x JobTerms
	if !t.read(k, &x) {
		return nil
	}
	return &x
}

// onTerms gives a job its terms that was submitted by this command.
func (t *tx) onTerms(x *JobTerms, job partition.JobID, detected int64) {
	terms := x.of(job, detected)
	t.write(jobKey(kindTerms, job), &terms)
}

// detectedBy is when it was known that something of what a plan mends is missing: when the first scan of its pair ended that found something, of those that are kept
// and ended after the last repair of the pair that succeeded.
func (t *tx) detectedBy(p Plan) int64 {
	mended := int64(0)
	for _, other := range t.plans(p.Dataset) {
		if other.Pair == p.Pair && other.State == PlanStarted {
			if j, ok := t.job(other.Job); ok && j.State == JobSucceeded {
				mended = max(mended, j.FinishedUnixNanos)
			}
		}
	}
	found := t.env.UnixNanos
	note := func(id partition.JobID) {
		j, ok := t.job(id)
		s, scan := t.scanOf(id)
		if ok && scan && j.State == JobSucceeded && s.Counts.Missing > 0 && j.FinishedUnixNanos > mended {
			found = min(found, j.FinishedUnixNanos)
		}
	}
	note(p.Scan)
	s, _ := t.scanOf(p.Scan)
	for _, group := range [...]string{s.group(), scanGroup("", p.Pair)} {
		for _, k := range t.keys(key(kindScanGroup, ended(group))) {
			var ref scanRef
			t.read(k, &ref)
			note(ref.Job)
		}
	}
	return found
}

// DatasetTerms returns those of the jobs that a dataset's policy starts; ok is false where they have none.
func (v *View) DatasetTerms(n DatasetName) (x JobTerms, ok bool, err error) {
	ok, err = v.read(datasetTermsKey(n), &x)
	return x, ok, err
}
