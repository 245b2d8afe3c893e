package group_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"backstitch/replay/archive"
	"backstitch/replay/bucket"
	"backstitch/replay/bucket/dir"
	"backstitch/replay/gap"
	"backstitch/replay/gap/group"
	"backstitch/replay/kgroup"
	"backstitch/replay/kgroup/kgrouptest"
	"backstitch/replay/klog"
	"backstitch/replay/replaytest"
	source "backstitch/replay/source/archive"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start is when the stories begin; minutes count from there.
var start = time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)

func at(minute int) time.Time { return start.Add(time.Duration(minute) * time.Minute) }

// world is a Kafka with one topic of one partition, a group, and the history of its commits.
type world struct {
	t *testing.T
	*replaytest.Kafka
	*kgrouptest.Scribe
	archive *group.Archive
	reset   group.Reset
}

const topic = "orders"

// retention is what the topic keeps: an hour, in segments of five minutes. With the broker's check that makes ten minutes of slack.
const (
	retention = time.Hour
	segment   = 5 * time.Minute
)

func newWorld(t *testing.T) *world {
	t.Helper()
	k := replaytest.NewKafkaWith(t, kfake.SeedTopics(kgrouptest.Partitions, kgrouptest.Topic), kfake.SeedTopics(1, topic))
	w := &world{t: t, Kafka: k, Scribe: kgrouptest.New(t, "billing", k.Opts()...)}
	w.set("retention.ms", fmt.Sprint(retention.Milliseconds()))
	w.set("segment.ms", fmt.Sprint(segment.Milliseconds()))
	return w
}

func (w *world) set(name, value string) {
	w.t.Helper()
	resp, err := kadm.NewClient(w.Client()).AlterTopicConfigs(w.t.Context(), []kadm.AlterConfig{{Name: name, Value: &value}}, topic)
	if err != nil || resp[0].Err != nil {
		w.t.Fatal(err, resp)
	}
}

// write writes ten records per minute, in the minutes [from, to), in small batches.
func (w *world) write(from, to int) {
	w.t.Helper()
	cl := w.Client(kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchMaxBytes(1<<10), kgo.ProducerBatchCompression(kgo.NoCompression()))
	var records []*kgo.Record
	for m := from; m < to; m++ {
		for i := range 10 {
			records = append(records, &kgo.Record{
				Topic: topic, Value: fmt.Append(make([]byte, 80), m, i), Timestamp: at(m).Add(time.Duration(i) * 6 * time.Second),
			})
		}
	}
	if err := cl.ProduceSync(w.t.Context(), records...).FirstErr(); err != nil {
		w.t.Fatal(err)
	}
}

// keep archives what the topic has.
func (w *world) keep() {
	w.t.Helper()
	root, err := dir.Open(w.t.TempDir())
	if err != nil {
		w.t.Fatal(err)
	}
	cl := w.Client()
	copied, err := archive.Copy(w.t.Context(), cl, root, archive.Options{Topic: topic})
	if err != nil {
		w.t.Fatal(err)
	}
	w.archive = openTopic(w.t, root, topic, copied.TopicID.String())
}

func openTopic(t *testing.T, b bucket.Bucket, topic, id string) *group.Archive {
	t.Helper()
	src, err := source.New(b, source.Config{Topic: topic})
	if err != nil {
		t.Fatal(err)
	}
	objects, err := source.Catalog(t.Context(), b, topic, source.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	a := &group.Archive{Name: "archive", Source: src, Extents: map[int32]gap.Extent{}, TopicID: id}
	for n, list := range objects {
		span, err := source.Span(list)
		if err != nil {
			t.Fatal(err)
		}
		a.Extents[n] = gap.Extent{Range: span, Objects: list}
	}
	return a
}

// expire deletes what lies before an offset, as retention does.
func (w *world) expire(to int64) {
	w.t.Helper()
	if err := w.DeleteRecords(topic, 0, to); err != nil {
		w.t.Fatal(err)
	}
}

// stands commits where the group is now, and writes it into the history.
func (w *world) stands(minute int, offset int64) {
	w.t.Helper()
	w.Commit(at(minute), topic, 0, offset)
	w.commitNow(offset)
}

func (w *world) commitNow(offset int64) {
	w.t.Helper()
	offs := kadm.Offsets{}
	offs.AddOffset(topic, 0, offset, -1)
	if err := kadm.NewClient(w.Client()).CommitAllOffsets(w.t.Context(), w.Group, offs); err != nil {
		w.t.Fatal(err)
	}
}

// follows writes commits of a group that keeps up, one per minute in [from, to), when each minute has ten records.
func (w *world) follows(from, to int, offset int64) int64 {
	w.t.Helper()
	var commits []kgroup.Commit
	for m := from; m < to; m++ {
		offset += 10
		commits = append(commits, kgroup.Commit{Topic: topic, Offset: offset, AtMs: at(m).UnixMilli()})
	}
	w.CommitMany(commits)
	return offset
}

func (w *world) look(minute int) *group.Report {
	w.t.Helper()
	rep, err := group.Look(w.t.Context(), group.Input{
		Client: w.Client(), Group: w.Group, Topic: topic, NowMs: at(minute).UnixMilli(), Archive: w.archive, Reset: w.reset,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return rep
}

// span is a range of offsets.
type span struct{ from, to int64 }

// truth is what a story says about a group.
type truth struct {
	missing []span // for sure
	open    []span // not decided
	atRisk  []span
}

// judge holds a report to the truth, offset by offset.
func judge(t *testing.T, rep *group.Report, want truth) {
	t.Helper()
	for _, row := range []struct {
		kind gap.Kind
		want []span
	}{{gap.Missing, want.missing}, {gap.NotComparable, want.open}, {gap.AtRisk, want.atRisk}} {
		got := map[int64]bool{}
		for _, f := range rep.Findings {
			if f.Kind != row.kind {
				continue
			}
			if f.Cause == "" || f.Reason == "" || f.About != "group billing" || f.Topic != topic {
				t.Errorf("a finding that does not say why: %+v", f)
			}
			for o := f.Range.From; o < f.Range.To; o++ {
				if got[o] {
					t.Errorf("%s: offset %d twice", row.kind, o)
				}
				got[o] = true
			}
		}
		truth := map[int64]bool{}
		for _, s := range row.want {
			for o := s.from; o < s.to; o++ {
				truth[o] = true
			}
		}
		if !maps.Equal(got, truth) {
			t.Errorf("%s: got %v, want %v", row.kind, spans(got), row.want)
			for _, f := range rep.Findings {
				t.Logf("%s %s: %s: %s", f.Kind, f.Range, f.Cause, f.Reason)
			}
		}
	}
}

func spans(set map[int64]bool) []span {
	var out []span
	for _, o := range slices.Sorted(maps.Keys(set)) {
		if n := len(out); n > 0 && out[n-1].to == o {
			out[n-1].to++
		} else {
			out = append(out, span{o, o + 1})
		}
	}
	return out
}

// causes are the probable causes of the findings of a kind, without repetition.
func causes(rep *group.Report, kind gap.Kind) []string {
	var out []string
	for _, f := range rep.Findings {
		if f.Kind == kind && !slices.Contains(out, f.Cause) {
			out = append(out, f.Cause)
		}
	}
	return out
}

func same[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("%s (-got +want):\n%s", what, diff)
	}
}

// topicID is the id of the topic as it is now.
func (w *world) topicID() klog.TopicID {
	w.t.Helper()
	marks, err := klog.Watermarks(w.t.Context(), w.Client(), topic)
	if err != nil {
		w.t.Fatal(err)
	}
	return marks.ID
}

// recreate deletes the topic and makes it again.
func (w *world) recreate() (old klog.TopicID) {
	w.t.Helper()
	old = w.topicID()
	if err := errors.Join(w.DeleteTopic(topic), w.CreateTopic(topic, 1, nil)); err != nil {
		w.t.Fatal(err)
	}
	return old
}

func bounded(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}
