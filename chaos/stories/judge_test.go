//go:build chaos

package stories

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"

	"backstitch/chaos/scenario"
	"backstitch/chaos/traffic"
)

// seen is what a reader of committed records found in the topic.
type seen struct {
	events   traffic.Truth
	end      map[int32]int64
	records  int64
	refilled int64 // with our header
	disorder int64 // refilled, and their origin is not above that of the one before in the partition
}

const limitOfRead = 30 * time.Second

// read reads the topic from where it begins to where it ends.
func (w *world) read(t *testing.T) seen {
	t.Helper()
	out := seen{events: traffic.Truth{}}
	start, end := w.bounds(t)
	out.end = end
	left := map[int32]int64{}
	for p, last := range end {
		if last > start[p] {
			left[p] = last
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), limitOfRead)
	defer cancel()
	client, err := kgo.NewClient(kgo.SeedBrokers(w.topic.Broker), kgo.ConsumeTopics(w.topic.Name), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.KeepControlRecords(), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	origins := map[int32]int64{}
	for len(left) > 0 {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("read %s: %d records, %d partitions not at their end: %v", w.topic.Name, out.records, len(left), err)
		}
		for r := range fetches.RecordsAll() {
			if r.Offset+1 >= left[r.Partition] {
				delete(left, r.Partition)
			}
			if !r.Attrs.IsControl() {
				out.add(t, r, origins)
			}
		}
	}
	return out
}

func (s *seen) add(t *testing.T, r *kgo.Record, origins map[int32]int64) {
	t.Helper()
	s.records++
	s.events[traffic.Event{Partition: r.Partition, TimestampMs: r.Timestamp.UnixMilli(), Key: r.Key, Value: r.Value}.ID()]++
	for _, h := range r.Headers {
		if h.Key != "backstitch.origin" {
			continue
		}
		text := string(h.Value)
		origin, err := strconv.ParseInt(text[strings.LastIndexByte(text, '/')+1:], 10, 64)
		if err != nil {
			t.Fatalf("origin %q: %v", text, err)
		}
		if before, ok := origins[r.Partition]; ok && origin <= before {
			s.disorder++
		}
		origins[r.Partition] = origin
		s.refilled++
	}
}

// remember reads the topic as it is now, for untouched.
func (w *world) remember(t *testing.T) {
	t.Helper()
	w.before = w.read(t)
}

// untouched says that nothing was written since remember, not even what readers of committed records do not see.
func (w *world) untouched(t *testing.T) {
	t.Helper()
	now := w.read(t)
	if diff := cmp.Diff(now.end, w.before.end); diff != "" {
		t.Errorf("the topic was written to, its ends (-now +before):\n%s", diff)
	}
	if lost, surplus := w.before.events.Difference(now.events); lost != 0 || surplus != 0 {
		t.Errorf("the topic has changed: %d records less and %d more", lost, surplus)
	}
	if now.refilled != 0 {
		t.Errorf("%d records were refilled, want none", now.refilled)
	}
}

// judge holds the topic against the truth.
func (w *world) judge(t *testing.T) {
	t.Helper()
	if len(w.truth) == 0 || w.lost == 0 || w.before.records == 0 && w.Workload.Lost.How != scenario.Everything {
		t.Fatalf("there is nothing to judge: %d records, %d lost, %d in the topic before", len(w.truth), w.lost, w.before.records)
	}
	if lost, _ := w.truth.Difference(w.before.events); lost != w.lost {
		t.Fatalf("%d records were missing before the run, want the %d that were lost", lost, w.lost)
	}
	now := w.read(t)
	if lost, surplus := w.truth.Difference(now.events); lost != 0 || surplus != 0 {
		t.Errorf("multiset: %d records are lost and %d are too many, want 0 and 0", lost, surplus)
	}
	if now.refilled != w.lost {
		t.Errorf("refilled: got %d, want %d", now.refilled, w.lost)
	}
	if now.disorder != 0 {
		t.Errorf("order: %d refilled records come after later ones, want 0", now.disorder)
	}
	w.nothingToDo(t, w.Name)
}

// nothingToDo lets the program say that a job is proved and that nothing is missing.
func (w *world) nothingToDo(t *testing.T, job string) {
	t.Helper()
	w.fleet.Must(t, "verify", job, "-q")
	again := w.fleet.Run(t, "plan", "-f", w.file("spec.yaml"), "--out", w.file("plan.again"), "--detailed-exitcode", "-q")
	if again.Status != 0 {
		t.Errorf("plan again: exit status %d, want 0 (nothing is missing)\n%s%s", again.Status, again.Stdout, again.Stderr)
	}
}
