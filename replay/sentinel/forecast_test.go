package sentinel_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"backstitch/partition"
	"backstitch/replay/gap"
	"backstitch/replay/sentinel"

	"github.com/google/go-cmp/cmp"
)

const (
	second = int64(1000)
	minute = 60 * second
	hour   = 60 * minute
	day    = 24 * hour
	// start is when the first sample is taken: 2026-11-20T00:00:00Z.
	start = int64(1_795_132_800_000)
)

// world is one topic with one partition and one group, at one moment.
type world struct {
	at                   int64
	settings             map[string]string
	logStart, end, bytes int64
	committed, unread    int64
}

func (w world) sample(t *testing.T) sentinel.Sample {
	t.Helper()
	r, err := sentinel.ParseRetention(w.settings)
	if err != nil {
		t.Fatal(err)
	}
	if w.bytes == 0 {
		w.bytes = sentinel.Unlimited
	}
	return sentinel.Sample{
		AtMs: w.at,
		Topics: map[string]sentinel.TopicSample{"orders": {ID: "1", Retention: r, Partitions: map[int32]sentinel.PartitionSample{
			0: {LogStart: w.logStart, End: w.end, Bytes: w.bytes, OldestMs: start - day, ExpiredTo: w.logStart},
		}}},
		Groups: map[string]sentinel.GroupSample{"billing": {State: "Stable", Commits: []sentinel.Commit{
			{Topic: "orders", Partition: 0, Offset: w.committed, UnreadMs: w.unread},
		}}},
	}
}

func forecast(t *testing.T, worlds ...world) *sentinel.Report {
	t.Helper()
	var samples []sentinel.Sample
	for _, w := range worlds {
		samples = append(samples, w.sample(t))
	}
	rep, err := sentinel.Forecast(samples, sentinel.DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	if len(rep.Outlooks) != 1 {
		t.Fatalf("got %d outlooks, want 1", len(rep.Outlooks))
	}
	return rep
}

// twelve hours of retention in segments of an hour.
var twelve = map[string]string{"cleanup.policy": "delete", "retention.ms": fmt.Sprint(12 * hour), "segment.ms": fmt.Sprint(hour)}

// standing is a group that stands still at 1000 of 5000, 100 more per minute, whose oldest unread record is age old.
func standing(settings map[string]string, age int64) []world {
	w := world{at: start, settings: settings, end: 5000, committed: 1000, unread: start - age, bytes: 500_000}
	later := w
	later.at, later.end = start+minute, 5100
	return []world{w, later}
}

func TestAStoppedGroupLosesBetweenRetentionAndASegmentLater(t *testing.T) {
	rep := forecast(t, standing(twelve, 11*hour)...)
	o := rep.Outlooks[0]
	want := sentinel.Window{FromMs: start + hour, ToMs: start + 2*hour + 5*minute}
	if o.State != sentinel.AtRisk || o.Loss == nil || *o.Loss != want || o.Stopped == nil || *o.Stopped != want {
		t.Errorf("got %s, loss %v, stopped %v, want at risk and twice %v", o.State, o.Loss, o.Stopped, want)
	}
	if !o.Measured || o.Consumed != 0 || o.Produced != 100.0/60 {
		t.Errorf("got %v produced, %v consumed per second, want %v and 0", o.Produced, o.Consumed, 100.0/60)
	}
	f := rep.Findings[0]
	if f.Kind != gap.AtRisk || f.Range != (partition.Range{From: 1000, To: 5100}) || f.Count != 4100 || f.UntilMs != start+hour || f.HeldBy != "topic orders" || f.About != "group billing" {
		t.Errorf("got finding %+v", f)
	}
}

func TestStates(t *testing.T) {
	pair := func(settings map[string]string, a, b world) []world {
		a.at, b.at, a.settings, b.settings = start, start+minute, settings, settings
		return []world{a, b}
	}
	bytes := map[string]string{"retention.ms": "-1", "retention.bytes": "1000000", "segment.bytes": "100000"}
	rows := []struct {
		name   string
		worlds []world
		want   sentinel.State
		find   bool
	}{
		{"standing still, hours left of weeks", standing(map[string]string{"retention.ms": fmt.Sprint(7 * day)}, 6*day+20*hour), sentinel.AtRisk, true},
		{"standing still, days left", standing(map[string]string{"retention.ms": fmt.Sprint(7 * day)}, 2*day), sentinel.Falling, false},
		{"half of a short retention is left", standing(twelve, 5*hour), sentinel.Falling, false},
		{"one sample foretells nothing", standing(twelve, 11*hour)[:1], sentinel.Unknown, false},
		{"caught up in between", pair(twelve, world{end: 100, committed: 50, unread: start - hour}, world{end: 120, committed: 120, unread: -1}), sentinel.Current, false},
		{"passes two minutes of records per minute", pair(twelve, world{end: 900, committed: 100, unread: start - 11*hour}, world{end: 900, committed: 300, unread: start - 11*hour + 2*minute}), sentinel.Catching, false},
		{"passes half a minute of records per minute", pair(twelve, world{end: 900, committed: 100, unread: start - 11*hour}, world{end: 900, committed: 300, unread: start - 11*hour + minute/2}), sentinel.AtRisk, true},
		{"started to lag just now", pair(twelve, world{end: 100, committed: 100, unread: -1}, world{end: 160, committed: 150, unread: start + 50*second}), sentinel.Falling, false},
		{"overtaken already", pair(twelve, world{logStart: 200, end: 900, committed: 100, unread: -1}, world{logStart: 200, end: 900, committed: 100, unread: -1}), sentinel.Lost, true},
		{"its position is of another log", pair(twelve, world{end: 900, committed: 5000, unread: -1}, world{end: 910, committed: 5000, unread: -1}), sentinel.Misled, true},
		{"compacted topics lose nothing", standing(map[string]string{"cleanup.policy": "compact", "retention.ms": "1"}, 11*hour), sentinel.Endless, false},
		{"compacted topics that delete do", standing(map[string]string{"cleanup.policy": "compact,delete", "retention.ms": fmt.Sprint(12 * hour)}, 11*hour), sentinel.AtRisk, true},
		{"no limit at all", standing(map[string]string{"retention.ms": "-1"}, 300*day), sentinel.Endless, false},
		{"by size: near", pair(bytes, world{end: 9000, committed: 1000, unread: start, bytes: 900_000}, world{end: 9600, committed: 1000, unread: start, bytes: 960_000}), sentinel.AtRisk, true},
		{"by size: shrinking", pair(bytes, world{end: 9000, committed: 1000, unread: start, bytes: 900_000}, world{end: 9600, committed: 2000, unread: start, bytes: 960_000}), sentinel.Catching, false},
		{"no timestamps, and no other limit", standing(twelve, start+1), sentinel.Unknown, false},
	}
	for _, row := range rows {
		rep := forecast(t, row.worlds...)
		if o := rep.Outlooks[0]; o.State != row.want || (len(rep.Findings) > 0) != row.find {
			t.Errorf("%s: got %s (%s) and %d findings, want %s, a finding: %t", row.name, o.State, o.Reason, len(rep.Findings), row.want, row.find)
		}
	}
}

func TestLossBySizeIsAWindowOfASegment(t *testing.T) {
	// 100 bytes per offset, 100 offsets per second: 10 kB per second. Unread are 960,000 bytes of 1,000,000.
	settings := map[string]string{"retention.ms": "-1", "retention.bytes": "1000000", "segment.bytes": "100000"}
	rep := forecast(t,
		world{at: start, settings: settings, end: 3600, bytes: 360_000, unread: start},
		world{at: start + minute, settings: settings, end: 9600, bytes: 960_000, unread: start},
	)
	want := sentinel.Window{FromMs: start + minute + 4*second, ToMs: start + minute + 14*second}
	if o := rep.Outlooks[0]; o.Loss == nil || *o.Loss != want {
		t.Errorf("got %v, want %v", o.Loss, want)
	}
}

// A group of a changing pace gets a window from its slowest to its fastest.
func TestUnevenPaceWidensTheWindow(t *testing.T) {
	w := world{settings: twelve, end: 900, committed: 100}
	at := func(ms, unread int64) world {
		w.at, w.unread = ms, unread
		return w
	}
	rep := forecast(t, at(start, start-11*hour), at(start+minute, start-11*hour), at(start+2*minute, start-11*hour+minute/2))
	margin := hour - 2*minute + minute/2 // what is left for the oldest unread record
	want := sentinel.Window{FromMs: start + 2*minute + margin, ToMs: start + 2*minute + 2*(margin+hour+5*minute)}
	if o := rep.Outlooks[0]; o.Loss == nil || *o.Loss != want {
		t.Errorf("got %+v, want %+v", o.Loss, want)
	}
}

func TestTheWorstComesFirst(t *testing.T) {
	s := standing(twelve, 11*hour)
	a, b := s[0].sample(t), s[1].sample(t)
	for _, sample := range []sentinel.Sample{a, b} {
		sample.Groups["audit"] = sentinel.GroupSample{Commits: []sentinel.Commit{{Topic: "orders", Offset: sample.Topics["orders"].Partitions[0].End, UnreadMs: -1}}}
		sample.Groups["late"] = sentinel.GroupSample{Commits: []sentinel.Commit{{Topic: "orders", Offset: 10, UnreadMs: start - 12*hour + minute}}}
		sample.Groups["gone"] = sentinel.GroupSample{Commits: []sentinel.Commit{{Topic: "deleted", Offset: 10, UnreadMs: -1}}}
	}
	rep, err := sentinel.Forecast([]sentinel.Sample{a, b}, sentinel.DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, o := range rep.Outlooks {
		got = append(got, o.Group)
	}
	if diff := cmp.Diff(got, []string{"late", "billing", "audit"}); diff != "" {
		t.Errorf("order (-got +want):\n%s", diff)
	}
	if len(rep.NotChecked) != 1 || !strings.Contains(rep.NotChecked[0], "deleted/p00") {
		t.Errorf("not checked: got %q, want the topic that is gone", rep.NotChecked)
	}
}

func TestDrift(t *testing.T) {
	before := standing(map[string]string{"retention.ms": fmt.Sprint(7 * day)}, hour)[0].sample(t)
	after := standing(map[string]string{"retention.ms": fmt.Sprint(hour)}, hour)[0].sample(t)
	topic := after.Topics["orders"]
	topic.Partitions[0] = sentinel.PartitionSample{LogStart: 0, End: 5000, Bytes: -1, OldestMs: start - 3*day, ExpiredTo: 4800}
	want := []sentinel.Drift{{Topic: "orders", Setting: "retention.ms", Was: "604800000", Is: "3600000", Shorter: true}}
	if diff := cmp.Diff(sentinel.Compare(before.Topics, after.Topics), want); diff != "" {
		t.Errorf("drift (-got +want):\n%s", diff)
	}
	if got := sentinel.Compare(after.Topics, after.Topics); len(got) != 0 {
		t.Errorf("nothing drifted: got %v", got)
	}
	if longer := sentinel.Compare(after.Topics, before.Topics); len(longer) != 1 || longer[0].Shorter {
		t.Errorf("longer retention: got %+v", longer)
	}
	declared, err := sentinel.Declared(map[string]string{"retention.ms": "604800000", "cleanup.policy": "delete"}, after.Topics)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(declared, want); diff != "" {
		t.Errorf("declared (-got +want):\n%s", diff)
	}
	for _, bad := range []map[string]string{{"retention": "1"}, {"retention.ms": "7d"}} {
		if _, err := sentinel.Declared(bad, after.Topics); err == nil {
			t.Errorf("%v was taken", bad)
		}
	}
	rep, err := sentinel.Forecast([]sentinel.Sample{after}, sentinel.DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	rep.AddDrift(want)
	if len(rep.Findings) != 1 || rep.Findings[0].Range != (partition.Range{From: 0, To: 4800}) || rep.Findings[0].Kind != gap.AtRisk || rep.Findings[0].UntilMs != start {
		t.Errorf("what the new retention has expired: got %+v", rep.Findings)
	}
}

func TestSettingsThatAreNoNumbersAreRefused(t *testing.T) {
	if _, err := sentinel.ParseRetention(map[string]string{"retention.ms": "a week"}); err == nil {
		t.Error("a week was taken for milliseconds")
	}
	if r, err := sentinel.ParseRetention(nil); err != nil || r.Ms != 7*day || r.Bytes != sentinel.Unlimited || r.Slack() != 7*day+5*minute {
		t.Errorf("defaults: got %+v, %v", r, err)
	}
}

func TestForecastRefusesWhatCanNotBeMeant(t *testing.T) {
	a := standing(twelve, hour)[0].sample(t)
	for name, samples := range map[string][]sentinel.Sample{"none": nil, "not younger": {a, a}} {
		if _, err := sentinel.Forecast(samples, sentinel.DefaultConfig()); err == nil {
			t.Errorf("%s: was taken", name)
		}
	}
	if _, err := sentinel.Forecast([]sentinel.Sample{a}, sentinel.Config{Within: -time.Hour}); err == nil {
		t.Error("a negative horizon was taken")
	}
}

func TestText(t *testing.T) {
	rep := forecast(t, standing(twelve, 11*hour)...)
	rep.AddDrift([]sentinel.Drift{{Topic: "orders", Setting: "retention.ms", Was: "604800000", Is: fmt.Sprint(12 * hour), Shorter: true}})
	rep.NotChecked = []string{"settings of topic clicks: this principal may not see them (DescribeConfigs)"}
	var b strings.Builder
	if err := rep.WriteText(&b, sentinel.RenderOptions{About: "--kafka k:9092"}); err != nil {
		t.Fatal(err)
	}
	want := `Forecast   2026-11-20T00:01:00Z   2 samples, 1m apart
  STATE    GROUP    PARTITION   LAG    OLDEST  KEPT FOR  WRITTEN/S  READ/S  LOSS BEGINS IN
  at risk  billing  orders/p00  4,100  11h1m   12h       1.7        0.0     59m .. 2h4m
  ! orders  retention.ms was 604800000 (7d), is 43200000 (12h)
Not checked: settings of topic clicks: this principal may not see them (DescribeConfigs)

1 finding (` + rep.Set + `): 1 at risk, 0 with records gone.
Nothing was written.
Next: backstitch archive orders s3://BUCKET/PREFIX --kafka k:9092     copies what is there, before it goes
`
	if diff := cmp.Diff(strings.Split(b.String(), "\n"), strings.Split(want, "\n")); diff != "" {
		t.Errorf("text (-got +want):\n%s", diff)
	}
}
