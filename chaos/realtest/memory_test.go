//go:build memory

package realtest

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"backstitch/chaos/testbed"
)

var memoryJudged = flag.Bool("judge", true, "fail when an agent takes more than it may")

// The bars: peak resident memory of one agent at default limits, and how much ten times the records may add to it.
const (
	mostMemory  = 256 << 20
	mostGrowth  = 1.25
	fewRecords  = 1_000_000
	manyRecords = 10_000_000
)

// TestMemoryIsFlatInJobSize refills an empty topic from JSON lines with one agent, for a small job and for one ten times as
// big, each with an agent of its own.
func TestMemoryIsFlatInJobSize(t *testing.T) {
	few, many := peak(t, fewRecords), peak(t, manyRecords)
	if !*memoryJudged {
		return
	}
	if many >= mostMemory {
		t.Errorf("peak RSS with %d records: got %d MiB, want less than %d MiB", manyRecords, many>>20, mostMemory>>20)
	}
	if growth := float64(many) / float64(few); growth > mostGrowth {
		t.Errorf("peak RSS with ten times the records: got %.2f times as much, want at most %.2f", growth, mostGrowth)
	}
}

// peak runs one job with one agent and returns the agent's peak resident memory in bytes.
func peak(t *testing.T, records int64) int64 {
	dir := filepath.Join(t.ArtifactDir(), fmt.Sprint(records))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	const topicName, jobName, partitions = "events", "memory", 8
	phase := phases(t)
	archive := filepath.Join(dir, "archive")
	writeLines(t, archive, topicName, records, partitions)
	broker := testbed.Kafka(t, dir)
	fleet := testbed.StartFleet(t, dir, 1, broker, "http://127.0.0.1:1")
	topic := testbed.Topic{Broker: broker, Name: topicName, Partitions: partitions}
	topic.Create(t)
	phase("%d records as JSON lines", records)
	_, plan := fleet.Plan(t, dir, testbed.Spec{Name: jobName, Source: testbed.InDir(archive, "layout: confluent"), Target: testbed.InKafka(topicName)})
	phase("plan")
	fleet.Must(t, "run", plan, "--yes", "-q")
	phase("run")
	if job := fleet.Job(t, jobName); job.Progress.Written != records {
		t.Fatalf("job wrote %d records, want %d", job.Progress.Written, records)
	}
	bytes, err := fleet.Nodes[0].Peak()
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("memory records=%d peak_rss=%.1fMiB\n", records, float64(bytes)/(1<<20))
	return bytes
}

// writeLines writes an archive as Confluent's S3 sink lays it out: 50,000 lines a file, about 200 bytes a line.
func writeLines(t *testing.T, root, topic string, records int64, partitions int64) {
	t.Helper()
	const linesPerFile = 50_000
	pad := strings.Repeat("backstitch ", 13)
	for p := range partitions {
		dir := filepath.Join(root, "topics", topic, fmt.Sprintf("partition=%d", p))
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		for start := int64(0); start < records/partitions; start += linesPerFile {
			file, err := os.Create(filepath.Join(dir, fmt.Sprintf("%s+%d+%010d.json", topic, p, start)))
			if err != nil {
				t.Fatal(err)
			}
			w := bufio.NewWriterSize(file, 1<<20)
			for n := start; n < min(start+linesPerFile, records/partitions); n++ {
				fmt.Fprintf(w, "{\"partition\":%d,\"n\":%d,\"pad\":%q}\n", p, n, pad)
			}
			if err := w.Flush(); err != nil {
				t.Fatal(err)
			}
			if err := file.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}
