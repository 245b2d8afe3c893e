package verify_test

import (
	"fmt"
	"strings"
	"testing"

	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/replay/recovery"
	"backstitch/replay/spec"
)

// What a job leaves out as a repetition is expected to be absent, and the proof finds out by itself what that is.
func TestRepetitionsAreExpectedToBeAbsent(t *testing.T) {
	// Of the records that were lost, [20,40) and 50, these repeat one before them: 30 to 34 those of 20 to 24, 50 that of 10.
	repeats := func(o int64) int64 {
		switch {
		case o >= 30 && o < 35:
			return o - 10
		case o == 50:
			return 10
		}
		return o
	}
	repetition := func(o int64) bool { return repeats(o) != o }
	type figures struct{ expected, missing, introduced, pre, extra int64 }
	for name, c := range map[string]struct {
		planned int64
		skip    func(o int64) bool // not written
		since   func(f *fixture)
		verdict fsm.Verdict
		want    figures
		detail  string
	}{
		"left out": {6, repetition, nil, fsm.Pass, figures{expected: 94}, ""},
		"one was written all the same": {6, func(o int64) bool { return repetition(o) && o != 33 }, nil, fsm.Fail,
			figures{expected: 94, introduced: 1}, ""},
		"one more was left out": {6, func(o int64) bool { return repetition(o) || o == 24 }, nil, fsm.Fail,
			figures{expected: 94, missing: 1}, "reference offset 24 is missing"},
		"the plan left out others": {7, repetition, nil, fsm.Indeterminate, figures{expected: 94}, "the plan left out 7 records as repetitions, and the reference has 6"},
		"set aside, and what repeats it stays out": {6, func(o int64) bool { return repetition(o) || o == 21 },
			func(f *fixture) { f.work.Quarantined = partition.Ranges{{From: 21, To: 22}} }, fsm.Pass, figures{expected: 93}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(func(f *fixture) {
				for i := range f.all {
					f.all[i].Value = fmt.Appendf(nil, `{"id":%d,"try":%d}`, repeats(int64(i)), i)
				}
				for i := range f.target.Logs[0].Records { // those that were not lost
					f.target.Logs[0].Records[i].Value = f.all[f.target.Logs[0].Records[i].TimestampMs-1000].Value
				}
			})
			f.work.Recipe.Dedupe = &recovery.Dedupe{Key: []spec.KeyPart{"value.id"}, WindowMs: 60, Left: []recovery.Repeated{{Records: c.planned}}}
			f.refill(c.skip)
			if c.since != nil {
				c.since(f)
			}
			got := f.compare(t)
			have := figures{got.Expected.Records, got.Missing, got.IntroducedDuplicates, got.PreexistingDuplicates, got.Extra}
			if got.Verdict != c.verdict || have != c.want || !strings.Contains(got.Detail, c.detail) {
				t.Errorf("got %s with %+v, want %s with %+v: %s", got.Verdict, have, c.verdict, c.want, got.Detail)
			}
			if got.Verdict == fsm.Pass && (got.Evidence != fsm.E3 || got.Expected != got.Actual || len(got.Windows) == 0) {
				t.Errorf("a pass at %s with sides %+v and %+v, want E3 with equal ones", got.Evidence, got.Expected, got.Actual)
			}
		})
	}
}

// A target that had a repetition before the job has a record too many since before the job, and the proof passes.
func TestARepetitionFromBeforeTheJob(t *testing.T) {
	f := newFixture(func(f *fixture) {
		for i := range f.all {
			id := i
			if i == 60 {
				id = 59
			}
			f.all[i].Value = fmt.Appendf(nil, `{"id":%d,"try":%d}`, id, i)
		}
		for i := range f.target.Logs[0].Records {
			f.target.Logs[0].Records[i].Value = f.all[f.target.Logs[0].Records[i].TimestampMs-1000].Value
		}
	})
	f.work.Recipe.Dedupe = &recovery.Dedupe{Key: []spec.KeyPart{"value.id"}, Left: []recovery.Repeated{{Records: 1}}}
	f.refill(nil)
	if got := f.compare(t); got.Verdict != fsm.Pass || got.Expected.Records != 99 || got.PreexistingDuplicates != 1 || got.Extra != 0 {
		t.Errorf("got %s, %d expected, %d from before, %d unknown, want a pass of 99 with one: %s", got.Verdict, got.Expected.Records,
			got.PreexistingDuplicates, got.Extra, got.Detail)
	}
}
