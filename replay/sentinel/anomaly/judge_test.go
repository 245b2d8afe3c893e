package anomaly

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"backstitch/replay/gap"
	"backstitch/replay/gap/sequence"
	"backstitch/replay/record"
)

// now is ten minutes into an hour, which is when the hour before counts.
var now = time.Date(2026, 11, 27, 12, 10, 0, 0, time.UTC)

func input() Input {
	return Input{Topic: "orders", NowMs: now.UnixMilli(), Grace: DefaultGrace, Late: DefaultLate, Hours: 18 * 24, Judge: 24}
}

func newCounts(in Input) *counts {
	end := (in.NowMs - in.Grace.Milliseconds()) / hourMs
	c := &counts{first: end - int64(in.Hours), end: end, parts: map[int32]row{}, begin: map[int32]int64{}, newest: map[int32]int64{}, ids: map[string]int{}}
	c.null, c.late = c.row(), c.row()
	return c
}

// fill adds n records to each hour of partition 0, a minute apart; edit may change one.
func fill(c *counts, in *Input, n int, edit func(back int64, i int, r *record.Record)) {
	for h := c.first; h < c.end; h++ {
		for i := range n {
			r := record.Record{TimestampMs: h*hourMs + int64(i)*60_000, Value: []byte("v")}
			if edit != nil {
				edit(c.end-1-h, i, &r)
			}
			c.add(in, 0, &r)
		}
	}
}

func judge(t *testing.T, in *Input, c *counts, wholeMs int64) *Report {
	t.Helper()
	c.from(max((wholeMs+hourMs-1)/hourMs, c.first), in.State != nil)
	rep, err := in.judge(c, "1")
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

func about(rep *Report) []string {
	out := []string{}
	for _, f := range rep.Findings {
		if f.Kind != gap.Anomaly {
			out = append(out, "not an anomaly:")
		}
		out = append(out, f.About)
	}
	return out
}

func TestRecordsThatAreLate(t *testing.T) {
	in := input()
	c := newCounts(in)
	fill(c, &in, 40, func(back int64, i int, r *record.Record) {
		if back < 6 && i%4 == 3 {
			r.TimestampMs -= 10 * 60_000 // of the same hour, except for the first
		}
	})
	rep := judge(t, &in, c, 0)
	if diff := cmp.Diff(about(rep), []string{"late"}); diff != "" {
		t.Errorf("findings (-got +want):\n%s", diff)
	}
	// Times that the broker gave say nothing of it.
	c = newCounts(in)
	fill(c, &in, 40, func(_ int64, _ int, r *record.Record) { r.TimestampType = record.LogAppendTime })
	rep = judge(t, &in, c, 0)
	if !slices.ContainsFunc(rep.NotChecked, func(s string) bool { return strings.Contains(s, "LogAppendTime") }) || slices.ContainsFunc(rep.Places, func(p Place) bool { return p.Name == "late" }) {
		t.Errorf("got %v, %+v", rep.NotChecked, rep.Places)
	}
}

// TestHoursThatAreNotWholeAreLeftOut has lost the first half of its records to retention, in the middle of an hour.
func TestHoursThatAreNotWholeAreLeftOut(t *testing.T) {
	in := input()
	c := newCounts(in)
	whole := c.first + 3*24
	fill(c, &in, 40, func(back int64, i int, r *record.Record) {
		if h := c.end - 1 - back; h == whole-1 && i < 39 || h < whole-1 {
			r.TimestampMs = 0
		}
	})
	rep := judge(t, &in, c, (whole-1)*hourMs+39*60_000)
	if rep.FromMs != whole*hourMs || rep.Places[0].Hours != c.end-whole || len(rep.Findings) > 0 || rep.Judged != 4 {
		t.Errorf("from %d, want %d; %+v, %v", rep.FromMs/hourMs, whole, rep.Places[0], about(rep))
	}
	// Where nothing was taken away, the hour in which the topic began is no whole one either.
	c = newCounts(in)
	fill(c, &in, 40, func(back int64, i int, r *record.Record) {
		if h := c.end - 1 - back; h == whole-1 && i < 39 || h < whole-1 {
			r.TimestampMs = 0
		}
	})
	if rep := judge(t, &in, c, 0); rep.FromMs != whole*hourMs {
		t.Errorf("a topic that began: from %d, want %d", rep.FromMs/hourMs, whole)
	}
}

func TestAPartitionAloneIsSaidAndTheTopicOnlyOnce(t *testing.T) {
	in := input()
	c := newCounts(in)
	fill(c, &in, 1, nil)
	for n := range int32(12) {
		for h := c.first; h < c.end; h++ {
			count := 50
			if n == 7 && c.end-h <= 5 {
				count = 20
			}
			for i := range count {
				c.add(&in, n, &record.Record{TimestampMs: h*hourMs + int64(i)*60_000, Value: []byte("v")})
			}
		}
	}
	rep := judge(t, &in, c, 0)
	if diff := cmp.Diff(about(rep), []string{"orders/p07"}); diff != "" {
		t.Errorf("findings (-got +want):\n%s", diff)
	}
	if f := rep.Findings[0]; f.Partition != 7 || f.Count < 130 || f.Count > 160 || !strings.Contains(f.Reason, "fewer than usual for 5 hours: expected ") {
		t.Errorf("got %+v", f)
	}
}

func TestRecordsWithoutASourceAreCounted(t *testing.T) {
	in := input()
	p, err := sequence.ParsePath("key")
	if err != nil {
		t.Fatal(err)
	}
	in.Source = &p
	c := newCounts(in)
	fill(c, &in, 4, func(_ int64, i int, r *record.Record) {
		if i > 0 {
			r.Key = []byte{byte('a' + i)}
		}
	})
	rep := judge(t, &in, c, 0)
	if rep.Sources != 3 || len(rep.Findings) > 0 || !slices.Contains(rep.NotChecked, "432 records without a source") {
		t.Errorf("got %d sources, %v, %v", rep.Sources, about(rep), rep.NotChecked)
	}
}
