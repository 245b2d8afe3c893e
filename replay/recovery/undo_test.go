package recovery_test

import (
	"fmt"
	"strings"
	"testing"

	"backstitch/replay/gap/gaptest"
	"backstitch/replay/record"
	"backstitch/replay/recovery"
	"backstitch/replay/spec"
)

// A plan says how what it writes is taken back, and says of a rollback what the rollback will say.
func TestAPlanSaysHowItIsTakenBack(t *testing.T) {
	files := func(t *testing.T, w *world) *recovery.Plan {
		r, err := spec.Parse("job.yaml", fmt.Appendf(nil, filesText, ""), spec.Options{})
		if err != nil {
			t.Fatal(err)
		}
		p, err := recovery.Build(t.Context(), r, w, options())
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	topic := func(more string) func(*testing.T, *world) *recovery.Plan {
		return func(t *testing.T, w *world) *recovery.Plan { return mustBuild(t, w, more) }
	}
	empty := newWorld()
	empty.target = gaptest.New(2)
	half := newWorld() // one partition has records, and it is the other that is written
	half.target = gaptest.New(2)
	half.target.Append(1, newWorld().ref.Records[1]...)
	complete := newWorld()
	complete.target = gaptest.New(2)
	for part, rs := range newWorld().ref.Records {
		complete.target.Append(part, rs...)
	}
	more := ofFiles(5)
	more.target.Append(0, record.Record{TimestampMs: base, Key: []byte("k0"), Value: []byte("v")})
	for name, row := range map[string]struct {
		w       *world
		plan    func(*testing.T, *world) *recovery.Plan
		want    string
		appends bool
	}{
		"a topic that has records":    {newWorld(), topic(""), "header backstitch.job", true},
		"without headers":             {newWorld(), topic("  write: {originHeaders: false}\n"), "none: a log can not", true},
		"a new topic":                 {empty, topic(""), "backstitch rollback JOB sends readers back, and keeps the topic", false},
		"a partition without records": {half, topic(""), "backstitch rollback JOB sends readers back", false},
		"files":                       {ofFiles(5), files, "backstitch rollback JOB: readers pass over", false},
		"files that have some of it":  {more, files, "backstitch rollback JOB: readers pass over", true},
		"nothing to write":            {complete, topic(""), "nothing to take back", false},
		"another number of partitions": {reshapedWorld(), func(t *testing.T, w *world) *recovery.Plan {
			p, err := recovery.Build(t.Context(), reshapedSpec(t), w, options())
			if err != nil {
				t.Fatal(err)
			}
			return p
		}, "backstitch rollback JOB sends readers back", false},
	} {
		t.Run(name, func(t *testing.T) {
			p := row.plan(t, row.w)
			if !strings.Contains(p.Undo, row.want) {
				t.Errorf("got %q, want %q", p.Undo, row.want)
			}
			s, err := p.Submission()
			if err != nil {
				t.Fatal(err)
			}
			if got := recovery.Appends(s.Slices); got != row.appends {
				t.Errorf("it appends to what was there: got %t, want %t", got, row.appends)
			}
		})
	}
}
