//go:build chaos

package stories

import (
	"bytes"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"

	"backstitch/chaos/fault"
	"backstitch/chaos/scenario"
	"backstitch/chaos/traffic"
)

// Ways to lose records, before the plan is made and after it.

func (w *world) lose(t *testing.T) {
	t.Helper()
	load := w.Workload
	switch load.Lost.How {
	case scenario.Holes:
		loss := traffic.NewLoss(w.seed, w.made, int64(load.Lost.Runs), int64(load.Lost.Percent*10), load.Lost.Singles*1_000_000/w.made)
		w.again(t, func(n int64, _ traffic.Event) bool { return !loss.Lost(n) })
	case scenario.Everything:
		w.again(t, func(int64, traffic.Event) bool { return false })
	case scenario.Head:
		w.lost = w.retention(t, load.Lost.Percent)
	case scenario.Tail:
		w.election(t, load.Lost.Percent)
	case scenario.Object:
		// The connector has left it out already; the topic has everything.
	case scenario.Nothing:
		if load.Topic == scenario.Compacted {
			w.compact(t)
		}
	default:
		t.Fatalf("lost: %s can not be done here", load.Lost.How)
	}
	w.report.Notef("made %d records, lost %d", w.made, w.lost)
	w.narrow(t)
	w.remember(t)
}

// again makes the topic anew with those records that keep wants.
func (w *world) again(t *testing.T, keep func(int64, traffic.Event) bool) {
	t.Helper()
	w.topic.Drop(t)
	w.topic.Create(t)
	w.lost, w.kept = w.made-w.write(t, keep), keep
}

// retention deletes the oldest records of each partition, as a broker does, and returns how many there were.
func (w *world) retention(t *testing.T, percent float64) (deleted int64) {
	t.Helper()
	start, end := w.bounds(t)
	to := kadm.Offsets{}
	for p, last := range end {
		n := int64(float64(last-start[p]) * percent / 100)
		to.Add(kadm.Offset{Topic: w.topic.Name, Partition: p, At: start[p] + n})
		deleted += n
	}
	resp, err := w.admin().DeleteRecords(t.Context(), to)
	if err == nil {
		err = resp.Error()
	}
	if err != nil {
		t.Fatalf("delete records: %v", err)
	}
	if now, _ := w.bounds(t); fmt.Sprint(now) == fmt.Sprint(start) {
		t.Fatal("retention deleted nothing")
	}
	return deleted
}

// election takes the newest records of each partition away and gives their offsets to others, which are there to stay.
func (w *world) election(t *testing.T, percent float64) {
	t.Helper()
	var gone [][]int64
	for _, places := range w.places() {
		gone = append(gone, places[len(places)-int(float64(len(places))*percent/100):])
	}
	w.again(t, dropped(gone...))
	_, before := w.bounds(t)
	n := 0
	usurpers := func(yield func(traffic.Event, error) bool) {
		for ; n < int(w.lost)*2; n++ {
			e := traffic.Event{Partition: int32(n) % w.topic.Partitions, TimestampMs: 1_700_000_000_000 + w.made + int64(n), Key: fmt.Appendf(nil, "usurper-%d", n), Value: []byte("another record at that offset")}
			w.truth[e.ID()]++
			if !yield(e, nil) {
				return
			}
		}
	}
	w.topic.Produce(t, usurpers, func(int64, traffic.Event) bool { return true })
	if _, after := w.bounds(t); fmt.Sprint(before) == fmt.Sprint(after) {
		t.Fatal("no offset was used again")
	}
}

// compact leaves the last record of each key, as compaction does, in a topic that is compacted.
func (w *world) compact(t *testing.T) {
	t.Helper()
	type key struct {
		partition int32
		key       string
	}
	last := map[key]int64{}
	n := int64(0)
	for e := range w.events() {
		last[key{e.Partition, string(e.Key)}] = n
		n++
	}
	w.topic.Drop(t)
	compact := "compact"
	resp, err := w.admin().CreateTopic(t.Context(), w.topic.Partitions, 1, map[string]*string{"cleanup.policy": &compact}, w.topic.Name)
	if err == nil {
		err = resp.Err
	}
	if err != nil {
		t.Fatal(err)
	}
	kept := w.write(t, func(n int64, e traffic.Event) bool { return last[key{e.Partition, string(e.Key)}] == n })
	if w.lost = w.made - kept; w.lost == 0 || kept == 0 {
		t.Fatalf("compaction kept %d of %d records: keys do not come again", kept, w.made)
	}
}

// inObject is how many records the connector writes into one object.
const inObject = 1000

// connector writes the archive as the Confluent S3 sink does. The first object of each partition lacks its end when the story
// is about that: its name says where it begins, the next one's where that begins, and nothing says that it is short.
func (w *world) connector(t *testing.T) {
	t.Helper()
	objects := map[string]*bytes.Buffer{}
	count := map[int32]int{}
	short := inObject
	if w.Workload.Lost.How == scenario.Object {
		short = inObject - int(inObject*w.Workload.Lost.Percent/100)
	}
	for e := range w.events() {
		n := count[e.Partition]
		count[e.Partition]++
		if n < inObject && n >= short {
			continue
		}
		name := w.file(fmt.Sprintf("archive/topics/%[1]s/partition=%[2]d/%[1]s+%[2]d+%010[3]d.json", w.topic.Name, e.Partition, n/inObject*inObject))
		if objects[name] == nil {
			objects[name] = &bytes.Buffer{}
		}
		fmt.Fprintf(objects[name], "%s\n", e.Value)
	}
	for name, text := range objects {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, text.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if len(objects) < 2*int(w.topic.Partitions) {
		t.Fatalf("%d objects, want at least two of each partition", len(objects))
	}
}

// between does what happens after the plan was made.
func (w *world) between(t *testing.T, f fault.Fault) {
	t.Helper()
	w.report.Fault(f)
	switch f.Kind {
	case fault.Retention:
		n := w.retention(t, f.Percent)
		w.report.Healed(f, n > 0, n)
	case fault.TopicRecreated:
		w.topic.Drop(t)
		w.topic.Create(t)
		w.report.Healed(f, true, nil)
	case fault.StoreMissing:
		n := w.removeObjects(t, f.Percent)
		w.report.Healed(f, n > 0, n)
	default:
		t.Fatalf("%s can not be done here between plan and run", f.Kind)
	}
}

// removeObjects deletes that share of the archive's objects, at least one.
func (w *world) removeObjects(t *testing.T, percent float64) int {
	t.Helper()
	var objects []string
	err := filepath.WalkDir(w.file("archive"), func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			objects = append(objects, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	rand.New(rand.NewPCG(w.seed, 3)).Shuffle(len(objects), func(i, j int) { objects[i], objects[j] = objects[j], objects[i] })
	n := max(1, int(float64(len(objects))*percent/100))
	for _, path := range objects[:n] {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	return n
}
