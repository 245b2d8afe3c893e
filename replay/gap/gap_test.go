package gap_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"backstitch/partition"
	"backstitch/replay/gap"
	"backstitch/replay/gap/gaptest"
	"backstitch/replay/record"
	"backstitch/replay/replaytest"
	"backstitch/replay/source"

	"github.com/cockroachdb/datadriven"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const base = 1_795_132_800_000 // 2026-11-20T00:00:00Z

// made is one record of a scenario, a second after the one before.
func made(part int32, i int64) record.Record {
	return record.Record{
		Offset: i, TimestampMs: base + i*1000, Key: fmt.Appendf(nil, "k%d", i), Value: fmt.Appendf(nil, "value %d of partition %d", i, part),
	}
}

// narrow is a source or target that holds less.
type narrow struct {
	source.Source
	fields record.Fields
}

func (n narrow) Fields() record.Fields { return n.fields }

// world is what one scenario sets up.
type world struct {
	in     gap.Input
	memory *replaytest.Memory
	target *gaptest.Target
	cfg    gap.Config
	keeps  time.Duration // by the reference, 0 for not known
}

// parse reads lines such as "p0 records 100", "p0 lose 20-29,50". Both ends of a range are in it.
func parse(t *testing.T, text string) *world {
	t.Helper()
	w := &world{
		memory: &replaytest.Memory{Records: map[int32][]record.Record{}, Damaged: map[int64]int64{}},
		target: &gaptest.Target{Logs: map[int32]*gaptest.Log{}},
		cfg:    gap.Config{Parallel: 2, RunRecords: 5, MaxFindings: 100, MaxRanges: 100},
	}
	w.in = gap.Input{
		Dataset: "orders", Extents: map[int32]gap.Extent{}, Target: w.target,
		Facts: gap.Facts{CleanupPolicy: "delete", Recreated: "no", TargetStarts: map[int32]int64{}},
	}
	w.in.Reference = w.memory
	type plan struct {
		n                         int64
		lose, twice, holes, newer []int64
		extra                     int
		start                     int64
	}
	plans := map[int32]*plan{}
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		switch f[0] {
		case "keeps":
			w.keeps = time.Duration(number(t, f[1])) * time.Hour
		case "policy":
			w.in.Facts.CleanupPolicy = f[1]
		case "values-only":
			w.in.Reference = narrow{w.memory, record.FieldValue}
		case "no-fields":
			w.in.Reference = narrow{w.memory, record.FieldTimestamp}
		case "time":
			w.in.Scope.FromMs, w.in.Scope.ToMs = base+number(t, f[1])*1000, base+number(t, f[2])*1000
		case "offsets":
			w.in.Scope.Offsets = partition.Range{From: number(t, f[1]), To: number(t, f[2])}
		default:
			part := int32(number(t, f[0][1:]))
			p := plans[part]
			if p == nil {
				p = &plan{}
				plans[part] = p
			}
			switch f[1] {
			case "records":
				p.n = number(t, f[2])
			case "lose":
				p.lose = numbers(t, f[2])
			case "twice":
				p.twice = numbers(t, f[2])
			case "holes":
				p.holes = numbers(t, f[2])
			case "newer":
				p.newer = numbers(t, f[2])
			case "extra":
				p.extra = int(number(t, f[2]))
			case "start":
				p.start = number(t, f[2])
			case "damage":
				ns := numbers(t, f[2])
				w.memory.Damaged[ns[0]] = ns[len(ns)-1] + 1
			case "absent":
				w.in.Missing = append(w.in.Missing, part)
			default:
				t.Fatalf("unknown line %q", line)
			}
		}
	}
	for part, p := range plans {
		w.in.Extents[part] = gap.Extent{Range: partition.Range{From: 0, To: p.n}}
		log := &gaptest.Log{Start: p.start}
		w.target.Logs[part] = log
		w.in.Facts.TargetStarts[part] = p.start
		for i := range p.n {
			if slices.Contains(p.holes, i) {
				continue
			}
			r := made(part, i)
			w.memory.Records[part] = append(w.memory.Records[part], r)
			if !slices.Contains(p.lose, i) && i >= p.start {
				w.target.Append(part, r)
			}
			if int(i) == 10 {
				for x := range p.extra {
					w.target.Append(part, record.Record{TimestampMs: base + 5000, Value: fmt.Appendf(nil, "nobody knows %d", x)})
				}
			}
		}
		for _, i := range p.newer {
			w.target.Append(part, made(part, i))
		}
		for _, i := range p.twice {
			w.target.Append(part, made(part, i))
		}
	}
	return w
}

func number(t *testing.T, s string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func numbers(t *testing.T, s string) []int64 {
	t.Helper()
	var out []int64
	for part := range strings.SplitSeq(s, ",") {
		a, b, ranged := strings.Cut(part, "-")
		from := number(t, a)
		to := from
		if ranged {
			to = number(t, b)
		}
		for n := from; n <= to; n++ {
			out = append(out, n)
		}
	}
	return out
}

func TestScenarios(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		var rep *gap.Report
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			var b strings.Builder
			switch d.Cmd {
			case "scan":
				w := parse(t, d.Input)
				var err error
				if rep, err = gap.Scan(context.Background(), w.in, w.cfg); err != nil {
					return "error: " + err.Error() + "\n"
				}
				rep.Hold("archive of orders in s3://lab/orders", w.keeps.Milliseconds())
				for _, r := range rep.Results {
					fmt.Fprintf(&b, "p%d compared %v: %d of %d; missing %v, twice %v, extra %v, newer %d, outside %d\n", r.Partition, r.Compared,
						r.Actual.Records, r.Expected.Records, r.Missing, r.DuplicateAt, r.ExtraAt, r.Newer, r.Outside)
				}
				if err := gap.WriteList(&b, rep, ""); err != nil {
					t.Fatal(err)
				}
			case "heatmap":
				if err := gap.WriteHeatmap(&b, rep, gap.RenderOptions{All: d.HasArg("all")}); err != nil {
					t.Fatal(err)
				}
			case "explain":
				if err := gap.Explain(&b, rep, rep.Set+"."+d.CmdArgs[0].Key); err != nil {
					return "error: " + err.Error() + "\n"
				}
			default:
				t.Fatalf("unknown command %s", d.Cmd)
			}
			return b.String()
		})
	})
}

// The same data gives the same findings, however it is read.
func TestFindingsDoNotDependOnHowTheyAreFound(t *testing.T) {
	text := "p0 records 3000\np0 lose 100-399,500,700-702\np0 twice 40-60\np1 records 500\np1 lose 3\np2 records 10\n"
	var want *gap.Report
	for _, c := range []struct{ parallel, batch int }{{1, 1}, {3, 7}, {2, 1000}} {
		w := parse(t, text)
		w.cfg.Parallel, w.memory.Batch, w.target.Batch = c.parallel, c.batch, c.batch+3
		rep, err := gap.Scan(context.Background(), w.in, w.cfg)
		if err != nil {
			t.Fatal(err)
		}
		if want == nil {
			want = rep
			continue
		}
		if diff := cmp.Diff(rep.Findings, want.Findings); diff != "" {
			t.Errorf("parallel %d, batches of %d (-got +want):\n%s", c.parallel, c.batch, diff)
		}
		if diff := cmp.Diff(rep.Heatmap, want.Heatmap); diff != "" {
			t.Errorf("heatmap, parallel %d, batches of %d (-got +want):\n%s", c.parallel, c.batch, diff)
		}
	}
	if n, _ := want.Lost(); n != 305 {
		t.Errorf("got %d records lost, want 305", n)
	}
}

// Losing records at random is found exactly, whatever the records look like.
func TestLossIsFoundExactly(t *testing.T) {
	rng := replaytest.Seed(t)
	for range 30 {
		all := replaytest.Records(rng, 1000, 400)
		target := gaptest.New(1)
		lost := map[string]int{}
		h := func(r *record.Record) string { s := record.Hash(r, record.AllFields); return string(s[:]) }
		var kept []record.Record
		for _, r := range all {
			if rng.IntN(4) == 0 {
				lost[h(&r)]++
			} else {
				kept = append(kept, r)
			}
		}
		rng.Shuffle(len(kept), func(i, j int) { // near neighbours only, as a refilled topic has it
			if d := i - j; d < 20 && d > -20 {
				kept[i], kept[j] = kept[j], kept[i]
			}
		})
		target.Append(0, kept...)
		in := gap.Input{
			Dataset: "x", Reference: &replaytest.Memory{Records: map[int32][]record.Record{0: all}}, Target: target,
			Extents: map[int32]gap.Extent{0: {Range: partition.Range{From: 1000, To: 1400}}},
		}
		rep, err := gap.Scan(context.Background(), in, gap.DefaultConfig())
		if err != nil {
			t.Fatal(err)
		}
		res := rep.Result(0)
		got := map[string]int{}
		for _, r := range all {
			if res.Missing.Contains(r.Offset) {
				got[h(&r)]++
			}
		}
		if !maps.Equal(got, lost) {
			t.Fatalf("got %d records missing, want %d, or others", res.MissingRecords, len(all)-len(kept))
		}
		if res.Duplicates+res.Extra+res.Newer != 0 {
			t.Errorf("got %d twice, %d extra and %d newer, want none", res.Duplicates, res.Extra, res.Newer)
		}
	}
}

func TestAReferenceThatFailsIsAFindingAndTheOthersGoOn(t *testing.T) {
	w := parse(t, "p0 records 50\np1 records 50\np1 lose 7\n")
	w.memory.Fail = func(part int32, next partition.Offset) error {
		if part == 0 && next > 10 {
			return fmt.Errorf("object a.bsa: %w", source.ErrGone)
		}
		return nil
	}
	rep, err := gap.Scan(context.Background(), w.in, w.cfg)
	if err != nil {
		t.Fatal(err)
	}
	if res := rep.Result(0); res.Comparable || len(res.Missing) != 0 {
		t.Errorf("p0: got comparable %v with %v missing, want not comparable and nothing", res.Comparable, res.Missing)
	}
	if f := rep.Findings[0]; f.Kind != gap.NotComparable || !strings.Contains(f.Reason, "a.bsa") {
		t.Errorf("got finding %q because %q, want one that names the object", f.Kind, f.Reason)
	}
	if got := rep.Result(1).MissingRecords; got != 1 {
		t.Errorf("p1: got %d missing, want 1", got)
	}
}

func TestATargetThatFailsEndsTheScan(t *testing.T) {
	w := parse(t, "p0 records 50\n")
	delete(w.target.Logs, 0)
	if _, err := gap.Scan(context.Background(), w.in, w.cfg); err == nil {
		t.Error("got a report, want an error")
	}
	w = parse(t, "p0 records 50\n")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := gap.Scan(ctx, w.in, w.cfg); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

func TestProgressAddsUp(t *testing.T) {
	w := parse(t, "p0 records 100\np0 lose 3\n")
	var records int64
	done := 0
	w.cfg.Parallel = 1
	w.cfg.Progress = func(p gap.Progress) {
		records += p.Records
		if p.Done {
			done++
		}
	}
	if _, err := gap.Scan(context.Background(), w.in, w.cfg); err != nil {
		t.Fatal(err)
	}
	if records != 199 || done != 1 {
		t.Errorf("got %d records and %d partitions, want 199 and 1", records, done)
	}
}
