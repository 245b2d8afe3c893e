package recovery_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"backstitch/partition"
	"backstitch/replay/gap"
	"backstitch/replay/gap/gaptest"
	"backstitch/replay/record"
	"backstitch/replay/recovery"
	"backstitch/replay/replaytest"
	"backstitch/replay/schema"
	"backstitch/replay/source"
	"backstitch/replay/spec"

	"github.com/cockroachdb/datadriven"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const base = 1_795_132_800_000 // 2026-11-20T00:00:00Z

// world is both ends in memory. It satisfies recovery.Clients.
type world struct {
	ref     *replaytest.Memory
	fields  record.Fields
	objects map[int32][]partition.Object
	etags   map[string]string // what is there now; "" is gone
	topicID string
	target  *gaptest.Target
	state   recovery.State
	grows   func() // between the description of the target and the scan
	asked   recovery.Source
	noRef   bool
	noEnd   bool
	tooMany bool // objects
}

// Registry knows none: no spec of these tests names one.
func (w *world) Registry(name string) (*schema.Registry, error) {
	return nil, fmt.Errorf("registry %s: nobody has one", name)
}

type reference struct {
	*replaytest.Memory
	w *world
}

func (r reference) Fields() record.Fields { return r.w.fields }

func (r reference) Extents(_ context.Context, parts []int32, _ int64) (map[int32]gap.Extent, error) {
	if r.w.tooMany {
		return nil, fmt.Errorf("archive of topic orders: %w", source.ErrTooMany)
	}
	out := map[int32]gap.Extent{}
	for n, rs := range r.w.ref.Records {
		if parts == nil || slices.Contains(parts, n) {
			e := gap.Extent{Objects: r.w.objects[n]}
			if len(rs) > 0 {
				e.Range = partition.Range{From: rs[0].Offset, To: rs[len(rs)-1].Offset + 1}
			}
			out[n] = e
		}
	}
	return out, nil
}

func (r reference) Check(_ context.Context, objects []partition.Object) ([]string, error) {
	var moved []string
	for _, o := range objects {
		switch now := r.w.etags[o.Key]; now {
		case o.ETag:
		case "":
			moved = append(moved, "Object "+o.Key+" is gone.")
		default:
			moved = append(moved, "Object "+o.Key+" was changed.")
		}
	}
	return moved, nil
}

func (r reference) TopicID(context.Context) (string, error) { return r.w.topicID, nil }

func (r reference) About() recovery.About { return recovery.About{Source: r.w.asked} }

type end struct {
	*gaptest.Target
	w *world
}

func (e end) Describe(ctx context.Context) (recovery.State, error) {
	s := e.w.state
	s.Partitions = nil
	for n := range int32(len(e.Logs)) {
		from, to, err := e.Bounds(ctx, n)
		if err != nil {
			return s, err
		}
		s.Partitions = append(s.Partitions, recovery.PartitionState{Partition: n, LogStart: from, LSO: to})
	}
	if e.w.grows != nil {
		e.w.grows()
	}
	return s, nil
}

func (e end) OffsetsAt(context.Context, int64) (map[int32]int64, error) { return nil, nil }

func (w *world) Reference(_ context.Context, s recovery.Source) (recovery.Reference, error) {
	w.asked = s
	if w.noRef {
		return nil, fmt.Errorf("%w: no object below orders/", recovery.ErrNoReference)
	}
	return reference{w.ref, w}, nil
}

func (w *world) Target(context.Context, recovery.Target) (recovery.End, error) {
	if w.noEnd {
		return nil, fmt.Errorf("%w: topic orders", recovery.ErrNoTarget)
	}
	return end{w.target, w}, nil
}

// newWorld has two partitions of 100 records in four objects each. p0 lost [20,40) and 50, p1 nothing.
func newWorld() *world {
	w := &world{
		ref: &replaytest.Memory{Records: map[int32][]record.Record{}, Damaged: map[int64]int64{}}, fields: record.AllFields,
		objects: map[int32][]partition.Object{}, etags: map[string]string{}, topicID: "aa", target: gaptest.New(2),
		state: recovery.State{Kind: "kafka", ClusterID: "kafka-1", Topic: "orders", TopicID: "aa", Limits: recovery.Limits{
			CleanupPolicy: "delete", RetentionMs: 7 * 86_400_000, MaxMessageBytes: 1 << 20, TimestampType: "CreateTime", Write: "yes",
		}},
	}
	for p := range int32(2) {
		for i := range int64(100) {
			r := record.Record{Offset: i, TimestampMs: base + i*1000, Key: fmt.Appendf(nil, "k%d", i), Value: fmt.Appendf(nil, "value %d of %d", i, p)}
			w.ref.Records[p] = append(w.ref.Records[p], r)
			if p == 1 || !((i >= 20 && i < 40) || i == 50) {
				w.target.Append(p, r)
			}
		}
		for i := range int64(4) {
			key := fmt.Sprintf("orders/%d/%d.bsa", p, i)
			w.objects[p] = append(w.objects[p], partition.Object{Key: key, ETag: "e" + key, Size: 500, Base: i * 25, Count: 25})
			w.etags[key] = "e" + key
		}
	}
	return w
}

const specText = `
apiVersion: backstitch.dev/v1
kind: Recovery
metadata: {name: orders-gap, namespace: payments, annotations: {ticket: INC-4211}}
spec:
  source: {dir: {path: /archive}}
  target: {kafka: {brokers: "kafka:9092", topic: orders}}
`

func options() recovery.Options {
	o := recovery.DefaultOptions()
	o.Cluster, o.Now = "bs-cluster", func() time.Time { return time.UnixMilli(base).Add(24 * time.Hour) }
	o.Scan.RunRecords = 5
	return o
}

func build(t testing.TB, w *world, more string) (*recovery.Plan, error) {
	t.Helper()
	r, err := spec.Parse("job.yaml", []byte(specText+more), spec.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return recovery.Build(context.Background(), r, w, options())
}

func mustBuild(t testing.TB, w *world, more string) *recovery.Plan {
	t.Helper()
	p, err := build(t, w, more)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Each scenario changes the world and shows the plan, or why there is none.
func TestScenarios(t *testing.T) {
	changes := map[string]func(w *world){
		"complete": func(w *world) {
			w.target.Append(0, append(slices.Clone(w.ref.Records[0][20:40]), w.ref.Records[0][50])...)
		},
		"twice":     func(w *world) { w.target.Append(1, w.ref.Records[1][3:9]...) },
		"damage":    func(w *world) { w.ref.Damaged[60] = 70 },
		"keyless":   func(w *world) { w.fields = record.FieldValue },
		"old":       func(w *world) { w.state.Limits.RetentionMs = 3_600_000 },
		"aging":     func(w *world) { w.state.Limits.RetentionMs = 86_370_000 }, // which keeps what is of the 30th second and later
		"before":    func(w *world) { w.state.Limits.TimestampBeforeMs = 3_600_000 },
		"append":    func(w *world) { w.state.Limits.TimestampType = "LogAppendTime" },
		"compact":   func(w *world) { w.state.Limits.CleanupPolicy = "compact" },
		"small":     func(w *world) { w.state.Limits.MaxMessageBytes = 10 },
		"denied":    func(w *world) { w.state.Limits.Write = "no" },
		"silent":    func(w *world) { w.state.Limits = recovery.Limits{} },
		"one":       func(w *world) { delete(w.target.Logs, 1) },
		"no-ref":    func(w *world) { w.noRef = true },
		"no-target": func(w *world) { w.noEnd = true },
		"too-many":  func(w *world) { w.tooMany = true },
		"recreated": func(w *world) { w.state.TopicID = "bb" },
		"unrelated": func(w *world) {
			w.target = gaptest.New(2)
			w.target.Append(0, record.Record{TimestampMs: base, Value: []byte("of another topic")})
		},
		"empty-target": func(w *world) { w.target = gaptest.New(2) },
		"again": func(w *world) { // events that came twice, and one without a key, into a target that has nothing
			rs := w.ref.Records[0]
			for i := range 5 {
				rs[25+i].Key, rs[75+i].Key = rs[20+i].Key, rs[60+i].Key
			}
			rs[98].Key = nil
			w.ref.Records[1][4].Key = w.ref.Records[1][2].Key
			w.target = gaptest.New(2)
		},
		"swapped": func(w *world) {
			for p := range int32(2) {
				w.ref.Records[p] = w.ref.Records[p][:10]
			}
			w.target = gaptest.New(2)
			for p, rs := range newWorld().ref.Records {
				w.target.Append(p, rs...)
			}
		},
	}
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			w := newWorld()
			opt := recovery.RenderOptions{}
			for _, a := range d.CmdArgs {
				switch a.Key {
				case "all":
					opt.All = true
				case "file":
					opt.File = "orders.plan"
				default:
					change := changes[a.Key]
					if change == nil {
						t.Fatalf("unknown change %s", a.Key)
					}
					change(w)
				}
			}
			more := d.Input
			if more != "" {
				more = "  " + strings.ReplaceAll(more, "\n", "\n  ") + "\n"
			}
			p, err := build(t, w, more)
			var bad *recovery.Error
			if errors.As(err, &bad) {
				return fmt.Sprintf("exit %d  %s  %s\nNext: %s\n", bad.ExitStatus(), bad.ErrorCode(), bad.Error(), bad.Next())
			}
			if err != nil {
				t.Fatal(err)
			}
			var b strings.Builder
			if err := p.WriteText(&b, opt); err != nil {
				t.Fatal(err)
			}
			return b.String()
		})
	})
}

// What a recipe says of repetitions, for people.
func TestDedupeInWords(t *testing.T) {
	for ms, within := range map[int64]string{0: "in all of the range", 1: "within 1ms", 30_000: "within 30s", 600_000: "within 10m", 5_400_000: "within 1h30m",
		86_400_000: "within 24h", 3_600_001: "within 1h0m0.001s"} {
		d := recovery.Dedupe{Key: []spec.KeyPart{"key", "value.id"}, WindowMs: ms, Left: []recovery.Repeated{{Records: 2}, {Partition: 4, Records: 1, Unkeyed: 5}}}
		if got, want := d.String(), "Dedupe by key + value.id "+within+", 3 records left out as repetitions, 5 kept without a key"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if d.Of(0) != 2 || d.Of(3) != 0 || d.Of(4) != 1 {
			t.Errorf("of partitions 0, 3 and 4: %d, %d and %d, want 2, 0 and 1", d.Of(0), d.Of(3), d.Of(4))
		}
	}
}

// Scenario S24: what is put back would be deleted again at once, or would have other times. Nothing is planned before that is
// mended, and the refusal says how.
func TestS24ATopicThatWouldNotKeepWhatIsPutBack(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*recovery.Limits)
		next   string
	}{
		"short retention": {func(l *recovery.Limits) { l.RetentionMs = 3_600_000 }, "retention.ms=-1"},
		"LogAppendTime":   {func(l *recovery.Limits) { l.TimestampType = "LogAppendTime" }, "message.timestamp.type=CreateTime"},
		"old is refused":  {func(l *recovery.Limits) { l.TimestampBeforeMs = 3_600_000 }, "message.timestamp.before.max.ms"},
	} {
		w := newWorld()
		c.change(&w.state.Limits)
		_, err := build(t, w, "")
		var bad *recovery.Error
		if !errors.As(err, &bad) || bad.Code != recovery.CodePreflight || !strings.Contains(bad.Next(), c.next) {
			t.Errorf("%s: got %v, want a refusal that names %s", name, err, c.next)
		}
	}
	// A topic that keeps some of it takes it, and the plan warns.
	w := newWorld()
	w.state.Limits.RetentionMs = 86_370_000
	p := mustBuild(t, w, "")
	if !slices.ContainsFunc(p.Notes, func(n recovery.Note) bool { return n.Code == recovery.NoteRetention }) {
		t.Errorf("some are older than retention: got notes %+v", p.Notes)
	}
	// Raised, it is planned without a word of that.
	w.state.Limits.RetentionMs = -1
	if p = mustBuild(t, w, ""); slices.ContainsFunc(p.Notes, func(n recovery.Note) bool { return n.Code == recovery.NoteRetention }) {
		t.Errorf("with retention raised: got notes %+v", p.Notes)
	}
}

func TestThePlanNamesExactlyWhatIsMissing(t *testing.T) {
	p := mustBuild(t, newWorld(), "")
	sub, err := p.Submission()
	if err != nil {
		t.Fatal(err)
	}
	if len(sub.Slices) != 3 {
		t.Fatalf("got %d slices, want one to fill and two to verify", len(sub.Slices))
	}
	fill, proof := sub.Slices[0], sub.Slices[1]
	want := partition.Ranges{{From: 20, To: 40}, {From: 50, To: 51}}
	if diff := cmp.Diff(fill.Ranges, want); diff != "" || fill.Kind != partition.SliceFill {
		t.Errorf("fill slice of kind %s (-got +want):\n%s", fill.Kind, diff)
	}
	if fill.Records != 21 || sub.Records != 21 {
		t.Errorf("got %d records in the slice and %d in the job, want 21", fill.Records, sub.Records)
	}
	if got := len(fill.Objects); got != 3 {
		t.Errorf("got %d objects to read, want 3", got)
	}
	if diff := cmp.Diff(proof.Filled, want); diff != "" || proof.Kind != partition.SliceVerify || proof.Records != 100 {
		t.Errorf("verify slice of kind %s over %d records (-got +want):\n%s", proof.Kind, proof.Records, diff)
	}
	if fill.TargetTo != 79 || proof.TargetTo != 79 {
		t.Errorf("got target ends %d and %d, want 79", fill.TargetTo, proof.TargetTo)
	}
	if diff := cmp.Diff(sub.Locks, []string{"kafka:kafka-1/orders/0", "kafka:kafka-1/orders/1"}); diff != "" {
		t.Errorf("locks (-got +want):\n%s", diff)
	}
	if _, err := partition.ParseJobID(string(sub.ID)); err != nil {
		t.Error(err)
	}
	for _, s := range sub.Slices {
		if s.ID.Job != sub.ID {
			t.Errorf("slice %s is not of job %s", s.ID, sub.ID)
		}
	}
}

// The plan's end of the target is the one that was compared, not one of a moment before.
func TestATargetThatGrowsMeanwhile(t *testing.T) {
	w := newWorld()
	w.grows = func() { w.target.Append(0, record.Record{TimestampMs: base + 500_000, Value: []byte("new")}) }
	p := mustBuild(t, w, "")
	state, _ := p.Target.Partition(0)
	if state.LSO != 80 || p.Slices[0].TargetTo != 80 {
		t.Errorf("got ends %d in the state and %d in the slice, want 80 in both", state.LSO, p.Slices[0].TargetTo)
	}
}

func TestTheSameWorldMakesTheSameJob(t *testing.T) {
	a, b := mustBuild(t, newWorld(), ""), mustBuild(t, newWorld(), "")
	ha, _ := a.Hash()
	hb, _ := b.Hash()
	if ha != hb {
		t.Error("two plans of one world have two names")
	}
	w := newWorld()
	w.target.Append(0, w.ref.Records[0][50])
	c := mustBuild(t, w, "")
	if hc, _ := c.Hash(); hc == ha || recovery.JobID(hc) == recovery.JobID(ha) {
		t.Error("plans of two worlds have one name")
	}
}

func TestFiles(t *testing.T) {
	p := mustBuild(t, newWorld(), "")
	path := filepath.Join(t.TempDir(), "orders.plan")
	if err := p.WriteFile(path); err != nil {
		t.Fatal(err)
	}
	for _, cluster := range []string{"", "bs-cluster"} {
		got, err := recovery.ReadFile(path, cluster)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(got, p); diff != "" {
			t.Errorf("read back (-got +want):\n%s", diff)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		text    []byte
		cluster string
		code    string
		exit    int
	}{
		"edited":          {bytes.Replace(text, []byte(`"records": 21`), []byte(`"records": 22`), 1), "", recovery.CodeEdited, 2},
		"another cluster": {text, "bs-other", recovery.CodeCluster, 11},
		"newer":           {bytes.Replace(text, []byte(`"version": 1,`), []byte(`"version": 9,`), 1), "", recovery.CodeNewer, 2},
		"cut off":         {text[:len(text)/2], "", recovery.CodeNotPlan, 2},
		"two":             {append(slices.Clone(text), text...), "", recovery.CodeNotPlan, 2},
		"a spec":          {[]byte(specText), "", recovery.CodeNotPlan, 2},
		"empty":           {nil, "", recovery.CodeNotPlan, 2},
		"unknown key":     {bytes.Replace(text, []byte(`"sha256"`), []byte(`"extra": 1, "sha256"`), 1), "", recovery.CodeNotPlan, 2},
	} {
		_, err := recovery.Decode("orders.plan", c.text, c.cluster)
		var bad *recovery.Error
		if !errors.As(err, &bad) || bad.Code != c.code || bad.Exit != c.exit || bad.Hint == "" {
			t.Errorf("%s: got %v, want %s, exit %d and a hint", name, err, c.code, c.exit)
		}
	}
	if indented := bytes.ReplaceAll(text, []byte("\n "), []byte("\n\t\t")); true {
		if _, err := recovery.Decode("x", indented, ""); err != nil {
			t.Errorf("other indentation: got %v, want the plan", err)
		}
	}
	var bad *recovery.Error
	if _, err := recovery.ReadFile(path+".gone", ""); !errors.As(err, &bad) || bad.Exit != 10 {
		t.Errorf("no file: got %v, want exit 10", err)
	}
}

// A flipped bit anywhere in a plan file is noticed.
func TestEveryFlippedBitOfAPlanIsFound(t *testing.T) {
	text, err := mustBuild(t, newWorld(), "").Encode()
	if err != nil {
		t.Fatal(err)
	}
	want, err := recovery.Decode("p", text, "")
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(text); i += 3 { // every third byte keeps it quick; which ones moves with the text
		bad := bytes.Clone(text)
		bad[i] ^= 1 << (i % 8)
		got, err := recovery.Decode("p", bad, "")
		if err == nil && !cmp.Equal(got, want) {
			t.Fatalf("byte %d: read as another plan", i)
		}
	}
}

func TestWhatMovedIsNamed(t *testing.T) {
	for name, c := range map[string]struct {
		change func(w *world)
		want   string // "" is fresh
	}{
		"nothing":         {func(*world) {}, ""},
		"target grew":     {func(w *world) { w.target.Append(0, record.Record{Value: []byte("new")}) }, ""},
		"recreated":       {func(w *world) { w.state.TopicID = "bb" }, "Topic orders was recreated"},
		"other Kafka":     {func(w *world) { w.state.ClusterID = "kafka-2" }, `cluster "kafka-2", the plan saw "kafka-1"`},
		"more partitions": {func(w *world) { w.target.Logs[2] = &gaptest.Log{} }, "3 partitions, the plan saw 2"},
		"log start":       {func(w *world) { w.target.Logs[1].Start = 5 }, "orders/p01 begins at offset 5, the plan saw 0"},
		"lost its end":    {func(w *world) { w.target.Logs[0].Records = w.target.Logs[0].Records[:10] }, "orders/p00 ends at offset 10, the plan saw 79"},
		"object gone":     {func(w *world) { delete(w.etags, "orders/0/1.bsa") }, "Object orders/0/1.bsa is gone"},
		"object changed":  {func(w *world) { w.etags["orders/1/3.bsa"] = "x" }, "Object orders/1/3.bsa was changed"},
		"archive gone":    {func(w *world) { w.noRef = true }, "is gone"},
		"topic gone":      {func(w *world) { w.noEnd = true }, "topic orders at kafka:9092 is gone"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			p := mustBuild(t, w, "")
			c.change(w)
			err := recovery.CheckFresh(context.Background(), p, w)
			var stale *recovery.StaleError
			switch {
			case c.want == "" && err != nil:
				t.Errorf("got %v, want fresh", err)
			case c.want == "":
			case !errors.As(err, &stale):
				t.Errorf("got %v, want a stale plan", err)
			case !strings.Contains(stale.Error(), c.want) || stale.ExitStatus() != 11 || stale.ErrorCode() != "BST-E1107":
				t.Errorf("got exit %d: %s, want exit 11 and %q", stale.ExitStatus(), stale, c.want)
			}
		})
	}
}
