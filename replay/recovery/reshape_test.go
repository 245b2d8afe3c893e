package recovery_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/replay/gap"
	"backstitch/replay/gap/gaptest"
	"backstitch/replay/record"
	"backstitch/replay/recovery"
	"backstitch/replay/spec"
	"backstitch/replay/verify"
)

// reshapedWorld has the reference of newWorld and an empty topic of four partitions.
func reshapedWorld() *world {
	w := newWorld()
	w.target = gaptest.New(4)
	w.state.Topic = "orders-v2"
	return w
}

func reshapedSpec(t *testing.T) *spec.Recovery {
	t.Helper()
	text := strings.Replace(specText, "topic: orders}", "topic: orders-v2, partitioner: murmur2}", 1)
	r, err := spec.Parse("orders.yaml", []byte(strings.Replace(text, "path: /archive", "path: /archive, topic: orders", 1)), spec.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// fill writes what the plan says, as job.
func (w *world) fill(p *recovery.Plan, job partition.JobID) {
	rule := p.Recipe.Target.Reshape.Rule()
	for _, s := range p.Slices {
		if s.Kind != partition.SliceFill.String() {
			continue
		}
		for _, r := range w.ref.Records[s.Partition] {
			if slices.ContainsFunc(s.Ranges, func(x [2]int64) bool { return x[0] <= r.Offset && r.Offset < x[1] }) {
				q, part := rule.Of(s.Partition, &r), gaptest.New(1)
				part.AppendOurs(job, "orders", 0, r)
				copied := part.Logs[0].Records[0]
				copied.Headers[0].Value = fmt.Appendf(nil, "orders/%d/%d", s.Partition, r.Offset)
				w.target.Append(q, copied)
			}
		}
	}
}

// A plan is about the target as it was described. What comes while the sides are read is neither in it nor a reason to refuse it, and is seen
// before the plan runs.
func TestWhatComesWhileAReshapingPlanIsMade(t *testing.T) {
	w := reshapedWorld()
	w.grows = func() { w.target.Append(2, record.Record{Key: []byte("live"), TimestampMs: base}) }
	p, err := recovery.Build(t.Context(), reshapedSpec(t), w, options())
	if err != nil {
		t.Fatal(err)
	}
	if ends := p.Recipe.Target.Reshape.Ends; p.Totals.Records != 200 || !slices.Equal(ends, []int64{0, 0, 0, 0}) {
		t.Errorf("got %d records to write from ends %d, want 200 from zero", p.Totals.Records, ends)
	}
	w.grows = nil
	var stale *recovery.StaleError
	if err := recovery.CheckFresh(t.Context(), p, w); !errors.As(err, &stale) || !strings.Contains(err.Error(), "orders-v2/p02 has a record at offset 0") {
		t.Errorf("got %v, want a stale plan", err)
	}
}

// What is already there counts, by content: a plan writes the rest, and its proof is about all.
func TestAReshapingPlanWritesWhatIsMissing(t *testing.T) {
	w := reshapedWorld()
	first, err := recovery.Build(t.Context(), reshapedSpec(t), w, options())
	if err != nil {
		t.Fatal(err)
	}
	w.fill(first, "bs-first")
	taken := w.target.Logs[1].Records[4]
	w.target.Logs[1].Records = slices.Delete(w.target.Logs[1].Records, 4, 5)
	w.target.Logs[1].Records[7].Value = []byte("changed")
	p, rep, err := recovery.BuildWithScan(t.Context(), reshapedSpec(t), w, options())
	if err != nil {
		t.Fatal(err)
	}
	if p.Totals.Records != 2 {
		t.Fatalf("got %d records to write, want the one that is gone, %s, and the one that was changed: %+v", p.Totals.Records, taken.Value, rep.Findings)
	}
	note := slices.IndexFunc(p.Notes, func(n recovery.Note) bool { return n.Code == recovery.NoteReshape })
	if want := "that are later than some that it lacks"; note < 0 || !strings.Contains(p.Notes[note].Text, want) {
		t.Errorf("got notes %+v, want one that says %q", p.Notes, want)
	}
	if slices.ContainsFunc(first.Notes, func(n recovery.Note) bool { return strings.Contains(n.Text, "later than some") }) {
		t.Errorf("of an empty topic: got notes %+v, want no holes", first.Notes)
	}
	extra := slices.IndexFunc(rep.Findings, func(f gap.Finding) bool { return f.Kind == gap.Extra })
	if extra < 0 || !strings.Contains(rep.Findings[extra].Reason, "one is in partition 1 of the target at offset 8") {
		t.Errorf("got findings %+v, want the changed record by its place", rep.Findings)
	}
	sub, err := p.Submission()
	if err != nil {
		t.Fatal(err)
	}
	w.fill(p, sub.ID)
	view, err := p.Recipe.Target.Reshape.View(w.target, "orders")
	if err != nil {
		t.Fatal(err)
	}
	var cs []fsm.Comparison
	for _, s := range sub.Slices {
		if s.Kind == partition.SliceVerify {
			c, err := verify.New(verify.DefaultConfig()).Compare(t.Context(), verify.Work{Slice: s, Recipe: p.Recipe, Reference: w.ref, Target: view})
			if err != nil {
				t.Fatal(err)
			}
			cs = append(cs, c.Comparison)
		}
	}
	if v, e := fsm.Judge(cs, fsm.Writers{}); v != fsm.Pass || e != fsm.E3 || len(cs) != 2 {
		t.Errorf("got %s at %s, want a pass at E3: %+v", v, e, cs)
	}
}

// What can not be done is refused before anything is written, each with a name.
func TestOtherPartitionsAreRefusedByName(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(t *testing.T, w *world, o *recovery.Options)
		code string
		says string
	}{
		"no keys": {func(_ *testing.T, w *world, _ *recovery.Options) {
			w.fields = record.FieldValue | record.FieldTimestamp
		}, recovery.CodeKeyless, "holds no keys"},
		"compacted": {func(_ *testing.T, w *world, _ *recovery.Options) { w.state.Limits.CleanupPolicy = "compact,delete" }, recovery.CodeReshape,
			"cleanup.policy=compact,delete"},
		"no partitions": {func(_ *testing.T, w *world, _ *recovery.Options) { w.target = gaptest.New(0) }, recovery.CodeReshape, "how many partitions"},
		"records of others": {func(_ *testing.T, w *world, _ *recovery.Options) {
			w.target.Append(2, record.Record{Key: []byte("k"), Value: []byte("live"), TimestampMs: base})
		}, recovery.CodeMixed, "partition 2 at offset 0"},
		"partitions were added": {func(t *testing.T, w *world, _ *recovery.Options) {
			p, err := recovery.Build(t.Context(), reshapedSpec(t), w, options())
			if err != nil {
				t.Fatal(err)
			}
			w.fill(p, "bs-first")
			w.target.Logs[4], w.target.Logs[5] = &gaptest.Log{}, &gaptest.Log{}
		}, recovery.CodeMixed, "another partition than their key has among 6"},
		"a ledger": {func(_ *testing.T, _ *world, o *recovery.Options) {
			o.Compare = func(context.Context, gap.Input, gap.Config, gap.Anchors) (*gap.Report, error) {
				return nil, errors.New("asked")
			}
		}, recovery.CodePutTogether, "--ledger"},
	} {
		w, o := reshapedWorld(), options()
		c.do(t, w, &o)
		_, err := recovery.Build(t.Context(), reshapedSpec(t), w, o)
		var refused *recovery.Error
		if !errors.As(err, &refused) || refused.Code != c.code || !strings.Contains(refused.Title+refused.Why+refused.Hint, c.says) {
			t.Errorf("%s: got %v, want %s that says %q", name, err, c.code, c.says)
		}
	}
	var refused *recovery.Error
	if _, _, err := recovery.LookOver(t.Context(), reshapedSpec(t), reshapedWorld(), options()); !errors.As(err, &refused) || refused.Code != recovery.CodePutTogether {
		t.Errorf("in pieces: got %v, want %s", err, recovery.CodePutTogether)
	}
}

// What a job has set aside is not put back under another rule than the job had.
func TestAnotherPartitionerIsAnotherTarget(t *testing.T) {
	ruled, _, err := recovery.NewRecipe(reshapedSpec(t).WithDefaults())
	if err != nil {
		t.Fatal(err)
	}
	kept := ruled
	kept.Target.Reshape = nil
	if got, want := kept.SameEnds(&ruled), "by murmur2, in the job it was by keep"; !strings.Contains(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := ruled.SameEnds(&ruled); got != "" {
		t.Errorf("the same: got %q", got)
	}
}
