package verify_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/replay/gap/gaptest"
	"backstitch/replay/record"
	"backstitch/replay/recovery"
	"backstitch/replay/sink"
)

// What a record of the job says of itself is in no comparison of contents, and the proof finds out by itself what it is to say.
func TestRecordsSayHowLateTheyAre(t *testing.T) {
	// The target had times up to 1099 ms, so of what was lost, [20,40) and 50, with 1000 + offset, all but 99-60 and more is late.
	const allowed = 60
	by := func(o int64) int64 { return 1099 - allowed - (1000 + o) }
	late := func(ms string) record.Header { return record.Header{Key: sink.LateHeader, Value: []byte(ms)} }
	ours := func(f *fixture, o int64) *record.Record { // the job's record of a position
		for i := range f.target.Logs[0].Records {
			r := &f.target.Logs[0].Records[i]
			if from, ok := sink.OriginOf(r); ok && from.Offset == o {
				return r
			}
		}
		t.Fatalf("no record of %d", o)
		return nil
	}
	const planned = 19 // 20 to 38
	for name, c := range map[string]struct {
		planned int64
		highest int64
		since   func(f *fixture)
		verdict fsm.Verdict
		detail  string
	}{
		"all say so": {planned, 1099, nil, fsm.Pass, ""},
		"one does not": {planned, 1099, func(f *fixture) { r := ours(f, 33); r.Headers = r.Headers[:2] }, fsm.Fail,
			"orders/p00 offset 92: the record of reference offset 33 is 6 ms late and does not say so"},
		"one that is not says so": {planned, 1099, func(f *fixture) { r := ours(f, 50); r.Headers = append(r.Headers, late("1")) }, fsm.Fail,
			"the record of reference offset 50 says that it is 1 ms late, and is not late"},
		"one says another figure": {planned, 1099, func(f *fixture) { ours(f, 20).Headers[2].Value = []byte("18") }, fsm.Fail, "reference offset 20 is 19 ms late and says 18"},
		"one says it twice":       {planned, 1099, func(f *fixture) { r := ours(f, 21); r.Headers = append(r.Headers, late("18")) }, fsm.Fail, "reference offset 21 has 2 headers backstitch.late"},
		"two are wrong": {planned, 1099, func(f *fixture) { ours(f, 20).Headers[2].Value = nil; ours(f, 38).Headers = ours(f, 38).Headers[:2] }, fsm.Fail,
			"; 2 records in all do not say how late they are"},
		"two say that they are each other": {planned, 1099, func(f *fixture) {
			a, b := ours(f, 24), ours(f, 25)
			a.Headers[0], b.Headers[0] = b.Headers[0], a.Headers[0]
		}, fsm.Fail, "reference offset 25 is 14 ms late and says 15; 2 records in all"},
		"the plan counted others":             {planned + 1, 1099, nil, fsm.Indeterminate, "the plan found 20 late records, and the reference has 19 of them now"},
		"the target had another highest time": {planned, 1098, nil, fsm.Indeterminate, "the plan saw 1098 ms as the highest event time of the target, and it is 1099 ms"},
		"one is missing": {planned, 1099, func(f *fixture) {
			rs := f.target.Logs[0].Records
			f.target.Logs[0].Records = rs[:len(rs)-1]
		}, fsm.Fail, "reference offset 50 is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(nil)
			f.work.Recipe.Late = &recovery.Late{Time: "timestamp", AllowedMs: allowed, Parts: []recovery.LatePart{{Records: c.planned, HighestMs: &c.highest}}}
			f.refill(none)
			for o := int64(20); o < 39; o++ {
				r := ours(f, o)
				r.Headers = append(r.Headers, late(strconv.FormatInt(by(o), 10)))
			}
			if c.since != nil {
				c.since(f)
			}
			got := f.compare(t)
			if got.Verdict != c.verdict || !strings.Contains(got.Detail, c.detail) {
				t.Errorf("got %s, want %s with %q: %s", got.Verdict, c.verdict, c.detail, got.Detail)
			}
		})
	}
}

// Of what the target had, a record that the reference does not know had the highest event time, and retention has deleted it since.
func TestTheHighestEventTimeIsThePlansWhereRetentionTookIt(t *testing.T) {
	for name, c := range map[string]struct {
		start   int64
		verdict fsm.Verdict
	}{"deleted": {1, fsm.Pass}, "never there": {0, fsm.Indeterminate}} {
		f := newFixture(func(f *fixture) {
			survivors := f.target.Logs[0].Records
			f.target = gaptest.New(1)
			f.target.Append(0, record.Record{TimestampMs: 2000, Value: []byte("ahead")})
			f.target.Append(0, survivors...)
		})
		highest := int64(2000)
		f.work.Recipe.Late = &recovery.Late{Time: "timestamp", Parts: []recovery.LatePart{{Records: 21, HighestMs: &highest}}}
		for _, r := range f.all {
			if lost(r.Offset) {
				r.Headers = []record.Header{{Key: sink.LateHeader, Value: strconv.AppendInt(nil, highest-r.TimestampMs, 10)}}
				f.target.AppendOurs(job, "orders", 0, r)
			}
		}
		f.target.Logs[0].Start, f.target.Logs[0].Records = c.start, f.target.Logs[0].Records[1:]
		got := f.compare(t)
		if got.Verdict != c.verdict || slices.ContainsFunc(got.NotChecked, func(s string) bool { return strings.Contains(s, "highest event time") }) != (c.start > 0) {
			t.Errorf("%s: got %s, not checked %q, want %s: %s", name, got.Verdict, got.NotChecked, c.verdict, got.Detail)
		}
	}
}

// Where the reference can not be read any more, nobody can tell what is late behind.
func TestLatenessBehindDamageIsNotKnown(t *testing.T) {
	f := newFixture(nil)
	highest := int64(1099)
	f.work.Recipe.Late = &recovery.Late{Time: "timestamp", AllowedMs: 1000, Parts: []recovery.LatePart{{HighestMs: &highest}}}
	f.refill(func(o int64) bool { return o == 33 })
	f.work.Quarantined = partition.Ranges{{From: 33, To: 34}}
	if got := f.compare(t); got.Verdict != fsm.Pass {
		t.Errorf("set aside by the target: got %s, want a pass: %s", got.Verdict, got.Detail)
	}
	f.ref.Damaged[33] = 34
	if got := f.compare(t); got.Verdict != fsm.Indeterminate || !strings.Contains(got.Detail, "can not be read") {
		t.Errorf("set aside as damaged: got %s, want that nothing is known: %s", got.Verdict, got.Detail)
	}
}
