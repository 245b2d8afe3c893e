package plan

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	gocmp "github.com/google/go-cmp/cmp"

	"backstitch/partition"
)

// TestScenarios runs testdata/scenarios. Input lines: "part P [from=N to=N]", "fill RANGES", "compare RANGES",
// "object KEY BASE COUNT SIZE", "count RANGE RECORDS BYTES". Run with -rewrite to accept new output.
func TestScenarios(t *testing.T) {
	datadriven.Walk(t, "testdata/scenarios", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "cut":
				l := DefaultLimits()
				d.MaybeScanArgs(t, "bytes", &l.Bytes)
				d.MaybeScanArgs(t, "records", &l.Records)
				d.MaybeScanArgs(t, "positions", &l.Positions)
				d.MaybeScanArgs(t, "objects", &l.Objects)
				d.MaybeScanArgs(t, "ranges", &l.Ranges)
				d.MaybeScanArgs(t, "parts", &l.Parts)
				got, err := Cut("bs-a", parseParts(t, d.Input), l)
				if err != nil {
					return err.Error() + "\n"
				}
				return render(got)
			case "order":
				var rs []Rank
				for line := range strings.Lines(d.Input) {
					var r Rank
					scan(t, line, "%s %d %d", &r.Job, &r.Priority, &r.CreatedUnixNanos)
					rs = append(rs, r)
				}
				Order(rs)
				var b strings.Builder
				for _, r := range rs {
					fmt.Fprintf(&b, "%s %d %d\n", r.Job, r.Priority, r.CreatedUnixNanos)
				}
				return b.String()
			}
			t.Fatalf("%s: unknown command %q", d.Pos, d.Cmd)
			return ""
		})
	})
}

func parseParts(t *testing.T, input string) []Part {
	t.Helper()
	var parts []Part
	for line := range strings.Lines(input) {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		if word == "part" {
			p := Part{}
			scan(t, rest, "%d %d %d", &p.Partition, &p.TargetFrom, &p.TargetTo)
			parts = append(parts, p)
			continue
		}
		p := &parts[len(parts)-1]
		switch word {
		case "fill":
			p.Fill = parseRanges(t, rest)
		case "compare":
			p.Compare = parseRanges(t, rest)
		case "object":
			var o partition.Object
			scan(t, rest, "%s %d %d %d", &o.Key, &o.Base, &o.Count, &o.Size)
			p.Objects = append(p.Objects, o)
		case "count":
			var c Count
			scan(t, rest, "[%d,%d) %d %d", &c.Range.From, &c.Range.To, &c.Records, &c.Bytes)
			p.Counts = append(p.Counts, c)
		default:
			t.Fatalf("unknown line %q", line)
		}
	}
	return parts
}

func parseRanges(t *testing.T, s string) partition.Ranges {
	t.Helper()
	var out partition.Ranges
	for _, f := range strings.Fields(s) {
		var r partition.Range
		scan(t, f, "[%d,%d)", &r.From, &r.To)
		out = append(out, r)
	}
	return out
}

func scan(t *testing.T, line, format string, into ...any) {
	t.Helper()
	if _, err := fmt.Sscanf(line, format, into...); err != nil {
		t.Fatalf("%q: want %q: %v", line, format, err)
	}
}

func render(ss []partition.Slice) string {
	var b strings.Builder
	for _, s := range ss {
		fmt.Fprintf(&b, "%s %s p%d %v records=%d bytes=%d", s.ID, s.Kind, s.Partition, s.Ranges, s.Records, s.Bytes)
		for i, o := range s.Objects {
			b.WriteString(cmp.Or(map[int]string{0: " objects="}[i], ",") + o.Key)
		}
		if len(s.Filled) > 0 {
			fmt.Fprintf(&b, " filled=%v", s.Filled)
		}
		if s.TargetFrom != 0 || s.TargetTo != 0 {
			fmt.Fprintf(&b, " target=[%d,%d)", s.TargetFrom, s.TargetTo)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func TestPartsInAnyOrderGiveTheSameSlices(t *testing.T) {
	a := Part{Partition: 1, Fill: partition.Ranges{{From: 0, To: 5}}, Compare: partition.Ranges{{From: 0, To: 9}}}
	b := Part{Partition: 4, Fill: partition.Ranges{{From: 2, To: 3}}, Compare: partition.Ranges{{From: 0, To: 9}}}
	one, err := Cut("bs-a", []Part{a, b}, DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	two, err := Cut("", []Part{b, a}, DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	SetJob(two, "bs-a")
	if d := gocmp.Diff(two, one); d != "" {
		t.Errorf("slices differ by the order of parts (-got +want):\n%s", d)
	}
}

func TestSpreadAddsUp(t *testing.T) {
	rs := partition.Ranges{{From: 0, To: 3}, {From: 10, To: 11}, {From: 20, To: 23}}
	got := Spread(rs, 100, 1<<62)
	var records, bytes int64
	for _, c := range got {
		records, bytes = records+c.Records, bytes+c.Bytes
	}
	if records != 100 || bytes != 1<<62 {
		t.Errorf("spread of 100 records and 2^62 bytes: got %d and %d", records, bytes)
	}
}

func TestLimitsAreChecked(t *testing.T) {
	for name, breakIt := range map[string]func(*Limits){
		"bytes":     func(l *Limits) { l.Bytes = 0 },
		"records":   func(l *Limits) { l.Records = 0 },
		"positions": func(l *Limits) { l.Positions = 0 },
		"objects":   func(l *Limits) { l.Objects = 0 },
		"ranges":    func(l *Limits) { l.Ranges = -1 },
		"parts":     func(l *Limits) { l.Parts = 0 },
	} {
		l := DefaultLimits()
		breakIt(&l)
		if _, err := Cut("bs-a", nil, l); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("limits without %s: got error %v, want one that names it", name, err)
		}
	}
}

func TestContradictionsAreRefused(t *testing.T) {
	whole := partition.Ranges{{From: 0, To: 10}}
	for name, parts := range map[string][]Part{
		"negative partition":      {{Partition: -1, Compare: whole}},
		"partition twice":         {{Compare: whole}, {Compare: whole}},
		"fill outside compare":    {{Compare: whole, Fill: partition.Ranges{{From: 5, To: 11}}}},
		"touching ranges":         {{Compare: partition.Ranges{{From: 0, To: 5}, {From: 5, To: 9}}}},
		"empty range":             {{Compare: partition.Ranges{{From: 3, To: 3}}}},
		"unsorted ranges":         {{Compare: partition.Ranges{{From: 5, To: 9}, {From: 0, To: 2}}}},
		"objects out of order":    {{Compare: whole, Objects: []partition.Object{{Base: 5}, {Base: 0}}}},
		"object of negative size": {{Compare: whole, Objects: []partition.Object{{Size: -1}}}},
		"overlapping counts":      {{Compare: whole, Counts: []Count{{Range: whole[0]}, {Range: whole[0]}}}},
		"negative count":          {{Compare: whole, Counts: []Count{{Range: whole[0], Records: -1}}}},
	} {
		if _, err := Cut("bs-a", parts, DefaultLimits()); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: got %v, want ErrInvalid", name, err)
		}
	}
}

// A verify slice can not be cut. Positions that nobody wants break what is written into any number of ranges, and it still has few.
func TestBrokenRangesDoNotCountWhereTheyAreKnown(t *testing.T) {
	p := Part{Compare: partition.Ranges{{From: 0, To: 300}}}
	for at := int64(0); at < 300; at += 3 {
		p.Fill = append(p.Fill, partition.Range{From: at, To: at + 2})
	}
	l := DefaultLimits()
	l.Parts, l.Ranges = 20, 10
	if _, err := Cut("bs-a", []Part{p}, l); !errors.Is(err, ErrTooLarge) {
		t.Fatalf("100 ranges where 20 are allowed: got %v, want %v", err, ErrTooLarge)
	}
	p.Filled = p.Compare
	got, err := Cut("bs-a", []Part{p}, l)
	if err != nil || len(got) != 11 {
		t.Fatalf("got %d slices, %v, want ten to fill and one to verify", len(got), err)
	}
	for name, filled := range map[string]partition.Ranges{"less than is written": {{From: 0, To: 298}}, "more than is compared": {{From: 0, To: 301}}} {
		p.Filled = filled
		if _, err := Cut("bs-a", []Part{p}, l); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: got %v, want %v", name, err, ErrInvalid)
		}
	}
}
