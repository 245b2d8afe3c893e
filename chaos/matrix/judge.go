//go:build linux

package matrix

import (
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"backstitch/chaos/testbed"
	"backstitch/chaos/traffic"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// seen is what a consumer of our own found in the topic.
type seen struct {
	events   traffic.Truth
	records  int64
	refilled int64
	disorder int64           // refilled records whose origin is not above that of the one before it in the partition
	last     map[int32]int64 // origin of the last refilled record

	open    map[producer]int64 // refilled records of transactions that have not ended yet, by who writes them: one lane each
	commit  int64              // refilled records of the largest transaction that was committed
	aborted map[int32]int64    // refilled records of transactions that were aborted, by partition
}

// read reads the topic from its start to where it ends now.
func read(ctx context.Context, topic testbed.Topic, isolation kgo.IsolationLevel) (seen, error) {
	out := seen{events: traffic.Truth{}, last: map[int32]int64{}, open: map[producer]int64{}, aborted: map[int32]int64{}}
	client, err := kgo.NewClient(kgo.SeedBrokers(topic.Broker), kgo.ConsumeTopics(topic.Name), kgo.FetchIsolationLevel(isolation),
		kgo.KeepControlRecords(), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		return out, err
	}
	defer client.Close()
	ends, err := kadm.NewClient(client).ListEndOffsets(ctx, topic.Name)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return out, fmt.Errorf("where %s ends: %w", topic.Name, err)
	}
	left := map[int32]int64{}
	ends.Each(func(o kadm.ListedOffset) {
		if o.Offset > 0 {
			left[o.Partition] = o.Offset
		}
	})
	for len(left) > 0 {
		fetches := client.PollFetches(ctx)
		if err := ctx.Err(); err != nil {
			return out, fmt.Errorf("read %s: %d records, ends not reached in partitions %v: %w", topic.Name, out.records, slices.Sorted(maps.Keys(left)), err)
		}
		if err := fetches.Err(); err != nil {
			return out, fmt.Errorf("read %s: %w", topic.Name, err)
		}
		for rec := range fetches.RecordsAll() {
			if rec.Offset+1 >= left[rec.Partition] {
				delete(left, rec.Partition)
			}
			if err := out.add(rec); err != nil {
				return out, err
			}
		}
	}
	return out, nil
}

func (s *seen) add(rec *kgo.Record) error {
	by := producer{rec.ProducerID, 0} // an epoch that fences another ends its transaction
	if rec.Attrs.IsControl() {
		if len(rec.Key) >= 4 && binary.BigEndian.Uint16(rec.Key[2:]) == 1 {
			s.commit = max(s.commit, s.open[by])
		} else {
			s.aborted[rec.Partition] += s.open[by]
		}
		delete(s.open, by)
		return nil
	}
	s.records++
	s.events[traffic.Event{Partition: rec.Partition, TimestampMs: rec.Timestamp.UnixMilli(), Key: rec.Key, Value: rec.Value}.ID()]++
	for _, h := range rec.Headers {
		if h.Key != "backstitch.origin" {
			continue
		}
		origin, err := strconv.ParseInt(string(h.Value[strings.LastIndexByte(string(h.Value), '/')+1:]), 10, 64)
		if err != nil {
			return fmt.Errorf("origin %q: %w", h.Value, err)
		}
		s.refilled++
		s.open[by]++
		if before, ok := s.last[rec.Partition]; ok && origin <= before {
			s.disorder++
		}
		s.last[rec.Partition] = origin
	}
	return nil
}

// worst is the partition in which the most was written in vain, in commits of the largest size: what may be lost at once is what
// was written since the last one.
func (s seen) worst() float64 {
	var most int64
	for _, n := range s.aborted {
		most = max(most, n)
	}
	if s.commit == 0 {
		return 0
	}
	return float64(most) / float64(s.commit)
}

// limitOfJudge bounds each thing that the judge waits for.
const limitOfJudge = time.Minute

// judge holds the topic against the truth.
func (w *work) judge(v *Verdict) {
	t := w.r.T
	ctx, cancel := context.WithTimeout(t.Context(), limitOfJudge)
	defer cancel()
	if w.made == 0 || w.lost == 0 || len(w.truth) == 0 {
		t.Errorf("the judge has nothing to go by: made %d, lost %d", w.made, w.lost)
	}
	got, err := read(ctx, w.topic, kgo.ReadCommitted())
	if err != nil {
		t.Fatal(err)
	}
	all, err := read(ctx, w.topic, kgo.ReadUncommitted())
	if err != nil {
		t.Fatal(err)
	}
	missing, surplus := w.truth.Difference(got.events)
	v.Records, v.Lost, v.Refilled, v.Missing, v.Surplus, v.Disorder = got.records, w.lost, got.refilled, missing, surplus, got.disorder
	v.Rework = all.records - got.records
	v.rework = all.worst()
	if missing != 0 || surplus != 0 {
		t.Errorf("multiset: %d records are lost and %d are too many, want 0 and 0", missing, surplus)
	}
	if got.refilled != w.lost {
		t.Errorf("refilled: got %d records, want %d", got.refilled, w.lost)
	}
	if got.disorder != 0 {
		t.Errorf("order: %d refilled records come after later ones, want 0", got.disorder)
	}
	if all.records < got.records {
		t.Errorf("a reader of everything saw %d records and one of committed ones %d", all.records, got.records)
	}
	w.r.Fleet.Must(t, "verify", jobName, "-q")
	if w.r.Scenario.Workload.Live == 0 { // a plan beside live writes finds those that are not archived yet
		again := w.r.Fleet.Run(t, "plan", "-f", w.file("spec.yaml"), "--out", w.file("plan.again"), "--detailed-exitcode", "-q")
		if again.Status != 0 {
			t.Errorf("plan after the refill: exit status %d, want 0 (nothing is missing)\n%s%s", again.Status, again.Stdout, again.Stderr)
		}
	}
}

// agree waits until every node has the same digest at the same index. Two digests at one index are a violation at once.
func agree(r *Run) {
	t := r.T
	at := map[uint64]string{}
	testbed.Eventually(t, limitOfJudge, "all books to be at the same index", func() bool {
		indexes := map[uint64]bool{}
		for _, n := range r.Fleet.Nodes {
			c, err := r.Fleet.Cluster(t, n)
			if err != nil || c.Digest == "" {
				return false
			}
			if before, ok := at[c.AppliedIndex]; ok && before != c.Digest {
				t.Fatalf("digests: %s has %s at index %d, another node has %s", n.Name, c.Digest, c.AppliedIndex, before)
			}
			at[c.AppliedIndex] = c.Digest
			indexes[c.AppliedIndex] = true
		}
		return len(indexes) == 1
	})
}

// bad are words that no agent says whatever is done to it.
var bad = []string{"WARNING: DATA RACE", "panic: ", "fatal error: "}

// logs looks for them.
func logs(r *Run) {
	for _, n := range r.Fleet.Nodes {
		text, err := os.ReadFile(filepath.Join(r.Dir, n.Name+".log"))
		if err != nil {
			r.T.Error(err)
			continue
		}
		for _, word := range bad {
			if at := strings.Index(string(text), word); at >= 0 {
				r.T.Errorf("%s says:\n%s", n.Name, text[at:min(len(text), at+3000)])
			}
		}
	}
}

// leftovers lists processes that know the run's directory.
func leftovers(dir string) ([]string, error) {
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return nil, err
	}
	var out []string
	for _, path := range lines {
		text, err := os.ReadFile(path)
		if err != nil || path == fmt.Sprintf("/proc/%d/cmdline", os.Getpid()) {
			continue // it has ended meanwhile
		}
		if strings.Contains(string(text), dir) {
			out = append(out, path+": "+strings.ReplaceAll(string(text), "\x00", " "))
		}
	}
	return out, nil
}
