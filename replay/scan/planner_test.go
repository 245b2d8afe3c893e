package scan_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/replay/gap"
	"backstitch/replay/gap/gaptest"
	"backstitch/replay/record"
	"backstitch/replay/recovery"
	"backstitch/replay/replaytest"
	"backstitch/replay/scan"
	"backstitch/replay/schema"
	"backstitch/replay/throttle"

	"github.com/google/go-cmp/cmp"
)

const base = 1_795_132_800_000 // 2026-11-20T00:00:00Z

// world is both ends of a scan in memory: two partitions of a hundred records each, an object of 25 each. It satisfies recovery.Clients.
type world struct {
	replaytest.Memory
	target *gaptest.Target
	limits recovery.Limits
	etag   string // of every object
	noEnd  bool
}

// newWorld loses of partition 0 what lies in lost0, and of partition 1 what lies in lost1.
func newWorld(lost0, lost1 partition.Range) *world {
	w := &world{
		Memory: replaytest.Memory{Records: map[int32][]record.Record{}}, target: gaptest.New(2), etag: "e",
		limits: recovery.Limits{CleanupPolicy: "delete", RetentionMs: 7 * 86_400_000, MaxMessageBytes: 1 << 20, TimestampType: "CreateTime", Write: "yes"},
	}
	for p, lost := range []partition.Range{lost0, lost1} {
		for i := range int64(100) {
			r := record.Record{Offset: i, TimestampMs: base + i*1000, Value: fmt.Appendf(nil, "value %d of %d", i, p)}
			w.Records[int32(p)] = append(w.Records[int32(p)], r)
			if !lost.Contains(i) {
				w.target.Append(int32(p), r)
			}
		}
	}
	return w
}

type reference struct{ *world }

func (w *world) Reference(context.Context, recovery.Source) (recovery.Reference, error) {
	return reference{w}, nil
}

func (r reference) Extents(_ context.Context, parts []int32, _ int64) (map[int32]gap.Extent, error) {
	out := map[int32]gap.Extent{}
	for p := range r.Records {
		if parts != nil && !slices.Contains(parts, p) {
			continue
		}
		e := gap.Extent{Range: partition.Range{To: 100}}
		for i := range int64(4) {
			e.Objects = append(e.Objects, partition.Object{Key: fmt.Sprintf("orders/%d/%d", p, i), ETag: r.etag, Size: 500, Base: 25 * i, Count: 25})
		}
		out[p] = e
	}
	return out, nil
}

func (reference) Check(context.Context, []partition.Object) ([]string, error) { return nil, nil }
func (reference) TopicID(context.Context) (string, error)                     { return "", nil }
func (reference) About() recovery.About                                       { return recovery.About{} }

type end struct {
	*gaptest.Target
	w *world
}

func (w *world) Target(context.Context, recovery.Target) (recovery.End, error) {
	if w.noEnd {
		return nil, recovery.ErrNoTarget
	}
	return end{w.target, w}, nil
}

func (e end) Describe(ctx context.Context) (recovery.State, error) {
	s := recovery.State{Kind: "kafka", ClusterID: "kafka-1", Topic: "orders", Limits: e.w.limits}
	for p := range int32(2) {
		from, to, err := e.Bounds(ctx, p)
		if err != nil {
			return s, err
		}
		s.Partitions = append(s.Partitions, recovery.PartitionState{Partition: p, LogStart: from, LSO: to})
	}
	return s, nil
}

func (end) OffsetsAt(context.Context, int64) (map[int32]int64, error) { return nil, nil }

func (w *world) Registry(name string) (*schema.Registry, error) {
	return nil, fmt.Errorf("registry %s: nobody has one", name)
}

// scanner is one over w, which paces keeps the limiters of.
func (w *world) scanner(paces *[]*throttle.Limiter) *scan.Scanner {
	config := gap.DefaultConfig()
	config.RunRecords, config.NewBag = 5, nil
	s := scan.New(func(pace *throttle.Limiter) recovery.Clients {
		if paces != nil {
			*paces = append(*paces, pace)
		}
		return w
	}, config, func() time.Time { return time.UnixMilli(base).Add(time.Hour) })
	s.Cluster = func() string { return "bs-cluster" }
	return s
}

// work is that of a plan slice about the findings of a scan of what more narrows.
func work(t *testing.T, scanned partition.JobID, more string) fsm.Work {
	t.Helper()
	o, err := scan.Order(parse(t, more))
	if err != nil {
		t.Fatal(err)
	}
	return fsm.Work{Recipe: o.Recipe, Slice: partition.Slice{ID: partition.SliceID{Job: "bs-plan"}}, Plan: &fsm.Plan{Dataset: "payments/orders", Scan: scanned}}
}

func quiet(int64, int64) {}

// document reads the plan back as a person would get it.
func document(t *testing.T, m *fsm.MadePlan) *recovery.Plan {
	t.Helper()
	if m == nil {
		t.Fatal("got no plan")
	}
	p, err := recovery.Unpack("plan", m.Document, "bs-cluster")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPlan(t *testing.T) {
	w := newWorld(partition.Range{From: 20, To: 40}, partition.Range{From: 70, To: 90})
	var records, bytes atomic.Int64
	m, err := w.scanner(nil).Plan(t.Context(), work(t, "bs-scan-1", ""), []int32{1}, func(r, b int64) { records.Add(r); bytes.Add(b) })
	if err != nil {
		t.Fatal(err)
	}
	p := document(t, m)
	sub, err := p.Submission()
	if err != nil {
		t.Fatal(err)
	}
	// What the book keeps is what submitting the document would give it: the same job, under the same locks.
	got := fsm.MadePlan{
		Job: sub.ID, Name: sub.Name, Hash: sub.PlanHash, Recipe: sub.Recipe, Locks: sub.Locks, Priority: sub.Priority,
		Records: sub.Records, Bytes: sub.Bytes, Slices: sub.Slices, Warnings: m.Warnings, Document: m.Document,
	}
	if diff := cmp.Diff(*m, got); diff != "" {
		t.Errorf("kept plan (-got +submission of its document):\n%s", diff)
	}
	if m.Job != recovery.JobID(m.Hash) || m.Name != "orders.refill" || m.Records != 20 || len(m.Locks) == 0 {
		t.Errorf("got job %s named %s of %d records under locks %v, want orders.refill of 20 under its own id, with locks", m.Job, m.Name, m.Records, m.Locks)
	}
	for _, s := range m.Slices {
		if s.Partition != 1 || (s.Kind == partition.SliceFill && fmt.Sprint(s.Ranges) != "[[70,90)]") {
			t.Errorf("got slice %s of partition %d with %v, want nothing but the losses of partition 1", s.ID, s.Partition, s.Ranges)
		}
	}
	if meta := p.Spec.Metadata; meta.Namespace != "payments" || meta.Annotations["backstitch.dev/scan"] != "bs-scan-1" || p.Cluster != "bs-cluster" {
		t.Errorf("got namespace %q, annotations %v, cluster %q", meta.Namespace, meta.Annotations, p.Cluster)
	}
	if got := string(p.Spec.Spec.Select.Partitions); got != "1" {
		t.Errorf("the plan selects partitions %q, want 1", got)
	}
	if len(m.Warnings) != 0 {
		t.Errorf("got warnings %q of a plan that needs nobody", m.Warnings)
	}
	if records.Load() != 100+80 || bytes.Load() == 0 {
		t.Errorf("progress counted %d records and %d bytes, want the 180 of both sides of one partition", records.Load(), bytes.Load())
	}
}

// Two scans that found the same make two plans, and one scan makes one, however often it is asked.
func TestPlansOfTwoScansAreTwo(t *testing.T) {
	lost := partition.Range{From: 20, To: 40}
	made := func(scanned partition.JobID) *fsm.MadePlan {
		m, err := newWorld(lost, lost).scanner(nil).Plan(t.Context(), work(t, scanned, ""), []int32{0, 1}, quiet)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	first, again, other := made("bs-scan-1"), made("bs-scan-1"), made("bs-scan-2")
	if first.Job != again.Job || !bytes.Equal(first.Document, again.Document) {
		t.Errorf("one scan: got plans %s and %s", first.Job, again.Job)
	}
	if first.Job == other.Job || first.Hash == other.Hash {
		t.Errorf("two scans have one plan, %s", first.Job)
	}
}

// What the scan was narrowed to, its plan is, too.
func TestAPlanKeepsTheRangeOfItsScan(t *testing.T) {
	w := newWorld(partition.Range{From: 20, To: 40}, partition.Range{})
	more := "  range: {offsets: {from: 0, to: 30}}\n  select: {partitions: \"0-1\", only: all}\n"
	m, err := w.scanner(nil).Plan(t.Context(), work(t, "bs-scan", more), []int32{0}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	p := document(t, m)
	if s := p.Spec.Spec; m.Records != 30 || s.Range == nil || s.Select.Only != "all" || s.Select.Partitions != "0" {
		t.Errorf("got %d records, range %+v, select %+v; want all 30 below 30, of partition 0, and the rest as it was", m.Records, s.Range, s.Select)
	}
}

// The records came back, or others put them there, between the scan and its plan.
func TestNothingLeftToWriteIsNoPlan(t *testing.T) {
	m, err := newWorld(partition.Range{}, partition.Range{}).scanner(nil).Plan(t.Context(), work(t, "bs-scan", ""), []int32{0, 1}, quiet)
	if m != nil || err != nil {
		t.Errorf("got %+v, %v, want no plan and no error", m, err)
	}
}

// What a person has to decide is kept with its code, and what only informs is not.
func TestAPlanThatNeedsAPersonSaysWhy(t *testing.T) {
	w := newWorld(partition.Range{From: 20, To: 40}, partition.Range{})
	w.limits.RetentionMs = 3_570_000    // which keeps what is of the 30th second and later
	w.target.Append(1, w.Records[1][7]) // a duplicate informs
	m, err := w.scanner(nil).Plan(t.Context(), work(t, "bs-scan", ""), []int32{0, 1}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	var needs []string
	for _, n := range document(t, m).NeedsPerson() {
		needs = append(needs, n.Code)
	}
	if !slices.Contains(needs, recovery.NoteRetention) || len(m.Warnings) != len(needs) {
		t.Fatalf("got warnings %q, want those of %v, %s among them", m.Warnings, needs, recovery.NoteRetention)
	}
	for i, code := range needs {
		if !strings.HasPrefix(m.Warnings[i], code+" ") || len(m.Warnings[i]) > 500 {
			t.Errorf("got warning %q, want at most 500 bytes that begin with %s", m.Warnings[i], code)
		}
	}
}

func TestAPlanThatCanNotBeMade(t *testing.T) {
	lost := partition.Range{From: 20, To: 40}
	good := work(t, "bs-scan", "")
	bare, other := good, good
	bare.Plan, other.Recipe = nil, []byte(`{"version":2,"spec":{}}`)
	for name, c := range map[string]struct {
		work  fsm.Work
		parts []int32
	}{
		"of no partition":                {good, nil},
		"of no plan":                     {bare, []int32{0}},
		"of a recipe of another program": {other, []int32{0}},
	} {
		if m, err := newWorld(lost, lost).scanner(nil).Plan(t.Context(), c.work, c.parts, quiet); m != nil || !errors.Is(err, scan.ErrRecipe) {
			t.Errorf("%s: got %v, %v, want %v", name, m, err, scan.ErrRecipe)
		}
	}
	w := newWorld(lost, lost)
	w.noEnd = true
	m, err := w.scanner(nil).Plan(t.Context(), good, []int32{0}, quiet)
	if code := codeOf(err); m != nil || code != recovery.CodeNoTarget {
		t.Errorf("a target that is gone: got %v, %v, want %s", m, err, recovery.CodeNoTarget)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if m, err := newWorld(lost, lost).scanner(nil).Plan(ctx, good, []int32{0}, quiet); m != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v, %v, want %v", m, err, context.Canceled)
	}
}

// A plan that the book has no room for is refused, with what to type instead.
func TestAPlanThatIsTooLarge(t *testing.T) {
	w := newWorld(partition.Range{From: 20, To: 40}, partition.Range{})
	rng := rand.New(rand.NewPCG(1, 2))
	text := make([]byte, fsm.MaxPlanWork)
	for i := range text {
		text[i] = "0123456789abcdef"[rng.IntN(16)]
	}
	w.etag = string(text)
	m, err := w.scanner(nil).Plan(t.Context(), work(t, "bs-scan-7", ""), []int32{0}, quiet)
	var refused *recovery.Error
	if m != nil || !errors.As(err, &refused) || refused.Code != recovery.CodeTooLarge || !strings.Contains(refused.Hint, "backstitch plan --scan bs-scan-7") {
		t.Errorf("got %v, %v, want %s and how to make it by hand", m != nil, err, recovery.CodeTooLarge)
	}
}

// A rate is that of the work, and none is none.
func TestAPlanIsMadeAtTheRateOfItsWork(t *testing.T) {
	lost := partition.Range{From: 20, To: 40}
	for rate, paced := range map[int64]bool{0: false, 1 << 30: true} {
		var paces []*throttle.Limiter
		order := work(t, "bs-scan", "")
		order.RateBytes = rate
		if _, err := newWorld(lost, lost).scanner(&paces).Plan(t.Context(), order, []int32{0}, quiet); err != nil {
			t.Fatal(err)
		}
		if len(paces) != 1 || (paces[0] != nil) != paced {
			t.Errorf("rate %d: got limiters %v, want one: %t", rate, paces, paced)
		}
	}
}

func codeOf(err error) string {
	var e *recovery.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}
