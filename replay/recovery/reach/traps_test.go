package reach_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/replay/foreign/foreigntest"
	"backstitch/replay/gap"
	"backstitch/replay/open"
	"backstitch/replay/record"
	"backstitch/replay/recovery"
	"backstitch/replay/recovery/reach"
	"backstitch/replay/replaytest"
	"backstitch/replay/source"
	"backstitch/replay/verify"

	"github.com/twmb/franz-go/pkg/kfake"
)

// trap is a topic of one partition with records [0,n) but those that were lost, and files that somebody else wrote.
func trap(t *testing.T, n int64, lost func(int64) bool, files map[string][]byte) *lab {
	t.Helper()
	l := &lab{t: t, kafka: replaytest.NewKafkaWith(t, kfake.SeedTopics(1, foreigntest.Topic)), dir: t.TempDir(), all: map[int32][]record.Record{}}
	l.config = open.Config{Cluster: "test", Env: env}
	l.clients = reach.New(l.config)
	l.all[0] = foreigntest.Numbered(0, n)
	l.kafka.Produce(foreigntest.Topic, 0, slices.DeleteFunc(slices.Clone(l.all[0]), func(r record.Record) bool { return lost(r.Offset) })...)
	foreigntest.Files(t, l.dir, files)
	return l
}

func nothing(int64) bool { return false }

func (l *lab) scan(source string) *gap.Report {
	l.t.Helper()
	rep, err := recovery.Scan(l.t.Context(), l.specOf(source), l.clients, l.options())
	if err != nil {
		l.t.Fatal(err)
	}
	return rep
}

// kinds are the kinds of all findings, with their counts.
func kinds(rep *gap.Report) string {
	var out []string
	for _, f := range rep.Findings {
		out = append(out, fmt.Sprintf("%s %d", f.Kind, f.Count))
	}
	return strings.Join(out, ", ")
}

func without(files map[string][]byte, contains ...string) map[string][]byte {
	out := maps.Clone(files)
	maps.DeleteFunc(out, func(key string, _ []byte) bool {
		return slices.ContainsFunc(contains, func(c string) bool { return strings.Contains(key, c) })
	})
	return out
}

// What the sink skipped is in the topic and not in the archive: two tasks wrote one object and its end is missing, or the object
// of a rebalance never came. It is named by its exact offsets, and nothing is called missing from the topic.
func TestWhatTheArchiveLacks(t *testing.T) {
	short := foreigntest.Confluent(".json")(0, foreigntest.Numbered(0, 100), 31)
	const first = "topics/orders/partition=0/orders+0+0000000000.json"
	short[first] = bytes.Join(bytes.SplitAfter(short[first], []byte("\n"))[:21], nil) // 0-20, and the group went on at 31
	for name, c := range map[string]struct {
		files  map[string][]byte
		layout string
		extra  partition.Ranges
	}{
		"row count and next start": {short, "layout: auto", partition.Ranges{{From: 21, To: 31}}},
		"an object is not there":   {without(foreigntest.HDFS(0, foreigntest.Numbered(0, 100), 10), "0000000040"), "layout: auto", partition.Ranges{{From: 40, To: 50}}},
		"lost among interleaved": {foreigntest.PartitionBy(0, slices.DeleteFunc(foreigntest.Numbered(0, 200), func(r record.Record) bool {
			return r.Offset == 100 || r.Offset == 102 || r.Offset == 104
		}), 9), "layout: auto", partition.Ranges{{From: 100, To: 101}, {From: 102, To: 103}, {From: 104, To: 105}}},
	} {
		t.Run(name, func(t *testing.T) {
			n := int64(100)
			if len(c.extra) == 3 {
				n = 200
			}
			rep := trap(t, n, nothing, c.files).scan(c.layout)
			if got := rep.Result(0).ExtraAt; fmt.Sprint(got) != fmt.Sprint(c.extra) || rep.Result(0).MissingRecords != 0 {
				t.Errorf("got extra %v and %d missing, want exactly %v", got, rep.Result(0).MissingRecords, c.extra)
			}
		})
	}
}

// Lost from the topic at offsets that many objects interleave around: progress says nothing, content does.
func TestLostAmongInterleavedObjects(t *testing.T) {
	lost := func(o int64) bool { return o == 100 || o == 102 || o == 104 }
	rep := trap(t, 200, lost, foreigntest.PartitionBy(0, foreigntest.Numbered(0, 200), 9)).scan("layout: auto")
	if got, want := fmt.Sprint(rep.Result(0).Missing), "[[100,101) [102,103) [104,105)]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if want := "lenses (24 of 25 keys; the offset in names is the last one)"; rep.Facts.Layout != want {
		t.Errorf("got layout %q, want %q", rep.Facts.Layout, want)
	}
	var text strings.Builder
	if err := gap.WriteList(&text, rep, ""); err != nil || !strings.HasPrefix(text.String(), "layout: "+rep.Facts.Layout+"\n") {
		t.Errorf("got %q, %v, want the layout in front", text.String(), err)
	}
}

// The same records in two objects are no loss of one of them, and what was really lost is found once.
func TestDuplicateObjectsAreNoLoss(t *testing.T) {
	files := foreigntest.Confluent(".json")(0, foreigntest.Numbered(0, 100), 20)
	for key, body := range foreigntest.Confluent(".json")(0, foreigntest.Numbered(30, 70), 40) {
		files[key] = body
	}
	lost := func(o int64) bool { return o >= 35 && o < 45 || o == 99 }
	rep := trap(t, 100, lost, files).scan("layout: auto")
	if got := fmt.Sprint(rep.Result(0).Missing); got != "[[35,45) [99,100)]" || rep.Result(0).MissingRecords != 11 || len(rep.Facts.Notes) == 0 {
		t.Errorf("got %s and notes %q, want [35,45) and 99, and the overlap noted", got, rep.Facts.Notes)
	}
}

// The same where every second offset has no record: only the last offset in a name tells that two objects meet.
func TestDuplicateObjectsWithHolesAreNoLoss(t *testing.T) {
	odd := func(r record.Record) bool { return r.Offset%2 == 1 }
	even := slices.DeleteFunc(foreigntest.Numbered(0, 100), odd)
	files := foreigntest.HDFS(0, even, 20)
	maps.Copy(files, foreigntest.HDFS(0, even[12:22], 10))
	rep := trap(t, 100, func(o int64) bool { return o%2 == 1 || o == 34 }, files).scan("layout: auto")
	if res := rep.Result(0); res.MissingRecords != 1 || res.Extra != 0 || len(rep.Facts.Notes) == 0 {
		t.Errorf("got %d missing, %d extra, notes %q; want the one that was lost, and the overlap noted", res.MissingRecords, res.Extra, rep.Facts.Notes)
	}
}

// An object under an expected name that somebody else wrote: its records are not called missing and never written.
func TestAnOccupiedNameIsNoLoss(t *testing.T) {
	files := foreigntest.Confluent(".json")(0, foreigntest.Numbered(0, 100), 20)
	files["topics/orders/partition=0/orders+0+0000000040.json"] = []byte(strings.Repeat(`{"somebody":"else"}`+"\n", 25))
	l := trap(t, 100, func(o int64) bool { return o == 7 }, files)
	p, rep, err := recovery.BuildWithScan(t.Context(), l.specOf("layout: auto"), l.clients, l.options())
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(rep.Result(0).Missing); got != "[[7,8)]" || p.Totals.Records != 1 {
		t.Errorf("got %s, want what was really lost", got)
	}
	var text strings.Builder
	if err := p.WriteText(&text, recovery.RenderOptions{}); err != nil || !strings.Contains(text.String(), "confluent (5 of 5 keys; the offset in names is the first one)") {
		t.Errorf("got %v and\n%s\nwant the layout in the plan", err, text.String())
	}
	if got := kinds(rep); got != "corrupt -1, corrupt -1, partly 1" || !strings.Contains(rep.Findings[0].Reason, source.CodeForeign) {
		t.Errorf("got %s: %+v", got, rep.Findings)
	}
}

// Objects in a format that is not read are counted by name, and nobody is told that nothing is missing.
func TestFormatsThatAreNotRead(t *testing.T) {
	for name, c := range map[string]struct {
		files      map[string][]byte
		comparable bool
		want       string
	}{
		"all of them":  {foreigntest.Confluent(".avro")(0, foreigntest.Numbered(0, 100), 20), false, "not comparable -1"},
		"some of them": {without(foreigntest.Confluent(".json")(0, foreigntest.Numbered(0, 100), 20), "+0000000040.", "+0000000060."), true, "not comparable -1"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.comparable {
				c.files["topics/orders/partition=0/orders+0+0000000040.snappy.parquet"] = []byte("PAR1")
				c.files["topics/orders/partition=0/orders+0+0000000060.snappy.parquet"] = []byte("PAR1")
			}
			rep := trap(t, 100, nothing, c.files).scan("layout: auto")
			if kinds(rep) != c.want || rep.Unknown() != 1 || rep.Result(0).Comparable != c.comparable || rep.Result(0).Extra != 0 {
				t.Fatalf("got %s, comparable %t, %d extra: want %s", kinds(rep), rep.Result(0).Comparable, rep.Result(0).Extra, c.want)
			}
			reason := "5 objects in avro"
			if c.comparable {
				reason = "2 objects in parquet"
			}
			if f := rep.Findings[0]; !strings.HasPrefix(f.Reason, reason) {
				t.Errorf("got %q, want %q", f.Reason, reason)
			}
		})
	}
}

// Firehose delivers at least once. A record in two objects is not missing once the topic has it; one that the topic lacks is
// missing once; and the proof of the repair passes.
func TestRedeliveredRecordsAreNoLoss(t *testing.T) {
	files := foreigntest.Firehose(0, foreigntest.Numbered(0, 100), 10)
	again := time.Date(2026, 11, 20, 11, 0, 0, 0, time.UTC)
	var body []byte
	for _, r := range foreigntest.Numbered(20, 50) {
		body = append(body, r.Value...)
	}
	files[foreigntest.FirehoseKey(again, 99)] = body
	lost := func(o int64) bool { return o == 5 || o >= 45 && o < 55 }
	l := trap(t, 100, lost, files)
	r := l.specOf("layout: auto")
	p, rep, err := recovery.BuildWithScan(t.Context(), r, l.clients, l.options())
	if err != nil {
		t.Fatal(err)
	}
	res := rep.Result(0)
	if got := fmt.Sprint(res.Missing); got != "[[5,6) [45,55)]" || res.MissingRecords != 11 || res.Redelivered != 30 || p.Totals.Records != 11 {
		t.Errorf("got %s, %d copies, %d to write; want the eleven that were lost, and 30 copies", got, res.Redelivered, p.Totals.Records)
	}
	sub, err := p.Submission()
	if err != nil {
		t.Fatal(err)
	}
	cs, err := verify.New(verify.DefaultConfig()).Job(t.Context(), sub.Slices, nil, l.run(sub), 1)
	if err != nil {
		t.Fatal(err)
	}
	if v, _ := fsm.Judge(verify.Comparisons(cs), fsm.Writers{}); v != fsm.Pass {
		t.Errorf("got %s, want a pass: %+v", v, cs)
	}
	if again, err := recovery.Build(t.Context(), r, l.clients, l.options()); err != nil || !again.Empty() {
		t.Errorf("after the repair: got %v, want nothing to write", err)
	}
}

// Objects in the directory of the year of the week are misplaced; none of their records is missing.
func TestMisfiledIsNotMissing(t *testing.T) {
	files := map[string][]byte{}
	for i, c := range slices.Collect(slices.Chunk(foreigntest.Numbered(0, 80), 10)) {
		day := time.Date(2019, 12, 26, 12, 0, 0, 0, time.UTC).AddDate(0, 0, i)
		year := day.Year()
		if day.Month() == time.December && day.Day() >= 29 {
			year = 2020
		}
		var text strings.Builder
		for _, r := range c {
			fmt.Fprintf(&text, "%s\n", r.Value)
		}
		files[fmt.Sprintf("topics/orders/year=%d/month=%02d/day=%02d/orders+0+%010d.json", year, day.Month(), day.Day(), c[0].Offset)] = []byte(text.String())
	}
	rep := trap(t, 80, nothing, files).scan("layout: auto")
	if got := kinds(rep); got != "misplaced 10, misplaced 10, misplaced 10" || rep.Result(0).MissingRecords != 0 {
		t.Errorf("got %s and %d missing, want three misplaced objects", got, rep.Result(0).MissingRecords)
	}
	if f := rep.Findings[0]; f.Recoverable || f.Range != (partition.Range{From: 30, To: 40}) || !strings.Contains(f.Object, "year=2020/month=12/day=29") {
		t.Errorf("got %+v", f)
	}
}

// What can not be compared as asked is refused with a code, before anything is read.
func TestRefusalsOfArchives(t *testing.T) {
	rs := foreigntest.Numbered(0, 20)
	both := foreigntest.Confluent(".json")(0, rs, 5)
	maps.Copy(both, foreigntest.Lenses(false)(0, rs, 5))
	for name, c := range map[string]struct {
		files  map[string][]byte
		source string
		more   string
		parts  int32
		code   string
	}{
		"two layouts":                   {both, "layout: auto", "", 1, recovery.CodeLayout},
		"columns that nobody says":      {foreigntest.AivenCSV("key", "value")(0, rs, 5), "layout: auto", "", 1, recovery.CodeLayout},
		"no such topic":                 {map[string][]byte{"x": nil}, "layout: auto", "", 1, recovery.CodeNoReference},
		"a range by time without times": {foreigntest.Lenses(false)(0, rs, 5), "layout: auto", "  range: {from: \"2026-11-20T00:00:00Z\", to: \"2026-11-21T00:00:00Z\"}\n", 1, recovery.CodeNoTime},
		"no partitions against three":   {foreigntest.Firehose(0, rs, 5), "layout: auto", "", 3, recovery.CodePartition},
	} {
		t.Run(name, func(t *testing.T) {
			l := &lab{t: t, kafka: replaytest.NewKafkaWith(t, kfake.SeedTopics(c.parts, foreigntest.Topic)), dir: t.TempDir()}
			l.config = open.Config{Cluster: "test", Env: env}
			l.clients = reach.New(l.config)
			l.kafka.Produce(foreigntest.Topic, 0, rs...)
			foreigntest.Files(t, l.dir, c.files)
			_, err := recovery.Scan(t.Context(), l.specWith(c.source, c.more), l.clients, l.options())
			var refused *recovery.Error
			if !errors.As(err, &refused) || refused.Code != c.code || refused.Hint == "" {
				t.Errorf("got %v, want %s with a hint", err, c.code)
			}
		})
	}
}

// A range by time takes an envelope's own timestamps.
func TestARangeByTimeOverEnvelopes(t *testing.T) {
	lost := func(o int64) bool { return o == 10 || o == 60 }
	l := trap(t, 100, lost, foreigntest.Lenses(true)(0, foreigntest.Numbered(0, 100), 10))
	rep, err := recovery.Scan(t.Context(), l.specWith("layout: auto", "  range: {from: \"2026-11-20T00:00:00.050Z\", to: \"2026-11-20T00:00:00.070Z\"}\n"), l.clients, l.options())
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(rep.Result(0).Missing); got != "[[60,61)]" || rep.Result(0).Expected.Records != 20 {
		t.Errorf("got %s of %d records, want 60 of 20", got, rep.Result(0).Expected.Records)
	}
}

// An object that was replaced since the plan is not what the plan saw, also where records have positions of their own.
func TestAnObjectChangesAfterThePlan(t *testing.T) {
	l := trap(t, 100, func(o int64) bool { return o == 10 }, foreigntest.Lenses(true)(0, foreigntest.Numbered(0, 100), 10))
	p, err := recovery.Build(t.Context(), l.specOf("layout: auto"), l.clients, l.options())
	if err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob(filepath.Join(l.dir, "orders", "0", "000000000019_*"))
	if err != nil || len(names) != 1 {
		t.Fatal(names, err)
	}
	if err := os.WriteFile(names[0], []byte("{}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	var stale *recovery.StaleError
	if err := recovery.CheckFresh(t.Context(), p, l.clients); !errors.As(err, &stale) {
		t.Errorf("got %v, want a stale plan", err)
	}
}
