package verify_test

import (
	"context"
	"testing"

	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/replay/open"
	"backstitch/replay/verify"
)

// What a job has set aside is expected to be absent, and nothing else is.
func TestQuarantinedRecordsAreExpectedToBeAbsent(t *testing.T) {
	type figures struct{ quarantined, expected, missing, introduced int64 }
	at := func(os ...int64) (rs partition.Ranges) {
		for _, o := range os {
			rs = append(rs, partition.Range{From: o, To: o + 1})
		}
		return partition.Normalize(rs)
	}
	all := partition.Ranges{{From: 20, To: 40}, {From: 50, To: 51}}
	for name, c := range map[string]struct {
		quarantined partition.Ranges
		skip        []int64 // not written
		since       func(f *fixture)
		verdict     fsm.Verdict
		want        figures
	}{
		"absent":                         {at(33, 50), []int64{33, 50}, nil, fsm.Pass, figures{2, 98, 0, 0}},
		"all of it":                      {all, []int64{20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 50}, nil, fsm.Pass, figures{21, 79, 0, 0}},
		"written all the same":           {at(33), nil, nil, fsm.Fail, figures{1, 99, 0, 1}},
		"another one is absent":          {at(33), []int64{33, 34}, nil, fsm.Fail, figures{1, 99, 1, 0}},
		"a survivor is not covered":      {at(3), nil, func(f *fixture) { f.change(3) }, fsm.Fail, figures{0, 100, 1, 0}},
		"outside the job's range":        {at(4711), nil, nil, fsm.Pass, figures{0, 100, 0, 0}},
		"the reference is damaged there": {at(25, 26), []int64{25, 26}, func(f *fixture) { f.ref.Damaged[25] = 27 }, fsm.Pass, figures{2, 98, 0, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(nil)
			f.refill(at(c.skip...).Contains)
			if c.since != nil {
				c.since(f)
			}
			f.work.Quarantined = c.quarantined
			got := f.compare(t)
			have := figures{got.Quarantined, got.Expected.Records, got.Missing, got.IntroducedDuplicates}
			if got.Verdict != c.verdict || have != c.want {
				t.Errorf("got %s with %+v, want %s with %+v: %s", got.Verdict, have, c.verdict, c.want, got.Detail)
			}
			if got.Verdict == fsm.Pass && (got.Evidence != fsm.E3 || got.Expected != got.Actual) {
				t.Errorf("a pass at %s with sides %+v and %+v, want E3 with equal ones", got.Evidence, got.Expected, got.Actual)
			}
		})
	}
}

// change makes another record of the survivor at position o.
func (f *fixture) change(o int64) {
	rs := f.target.Logs[0].Records
	for i := range rs {
		if rs[i].TimestampMs == f.all[o].TimestampMs {
			rs[i].Value = []byte("another")
		}
	}
}

func TestJobLooksUpTheQuarantineByPartition(t *testing.T) {
	f := newFixture(nil)
	f.refill(func(o int64) bool { return o == 33 })
	ends := &open.Ends{Recipe: f.work.Recipe, Source: f.ref, Targets: f.target}
	for part, want := range map[int32]fsm.Verdict{0: fsm.Pass, 1: fsm.Fail} {
		quarantined := map[int32]partition.Ranges{part: {{From: 33, To: 34}}}
		cs, err := verify.New(verify.DefaultConfig()).Job(context.Background(), []partition.Slice{f.work.Slice}, quarantined, ends, 1)
		if err != nil || cs[0].Verdict != want {
			t.Errorf("set aside in partition %d: got %+v, %v, want %s", part, cs, err, want)
		}
	}
}
