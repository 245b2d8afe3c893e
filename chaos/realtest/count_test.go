//go:build real

package realtest

import (
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"backstitch/chaos/testbed"
	"backstitch/chaos/traffic"
)

// What is counted: keyed records, a tenth of a second of event time apart, so that there are many windows of a minute.
const (
	countedRecords = 9000
	countedParts   = 3
	countedKeys    = 40 // of each partition
	countedStep    = 100 * time.Millisecond
	countedWindow  = time.Minute
	countedGrace   = time.Hour // more than all of the topic
	lostFrom       = 3000
	lostTo         = 5000
)

func counted() iter.Seq2[traffic.Event, error] {
	return func(yield func(traffic.Event, error) bool) {
		begin := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		for n := range countedRecords {
			part, at := n%countedParts, begin.Add(time.Duration(n)*countedStep)
			e := traffic.Event{Partition: int32(part), Key: fmt.Appendf(nil, "p%d-k%d", part, n*n%countedKeys), Value: fmt.Appendf(nil, "event %d", n), TimestampMs: at.UnixMilli()}
			if !yield(e, nil) {
				return
			}
		}
	}
}

// TestStreamsCountTheSameOverARefilledTopic counts with Kafka Streams what is in a topic that was never damaged and in one that lost what came in
// its middle and got it back from three agents: by key and by windows of event time the counts are equal. A window without grace has
// dropped all of what came back, since its time was over: that is how long a grace has to be, and shows that there was something to count.
func TestStreamsCountTheSameOverARefilledTopic(t *testing.T) {
	t.Parallel()
	testbed.Program(t)
	dir := t.ArtifactDir()
	broker := testbed.Kafka(t, dir)
	fleet := testbed.StartFleet(t, dir, 3, broker, "http://127.0.0.1:1") // no S3 is needed
	whole := testbed.Topic{Broker: broker, Name: "whole", Partitions: countedParts}
	refilled := testbed.Topic{Broker: broker, Name: "refilled", Partitions: countedParts}
	whole.Create(t)
	refilled.Create(t)
	whole.Produce(t, counted(), func(int64, traffic.Event) bool { return true })
	refilled.Produce(t, counted(), func(n int64, _ traffic.Event) bool { return n < lostFrom || n >= lostTo })

	const job = "count"
	_, plan := fleet.Plan(t, dir, testbed.Spec{Name: job, Source: testbed.InKafka(whole.Name), Target: testbed.InKafka(refilled.Name), CommitRecords: 50, SliceRecords: 200})
	fleet.Must(t, "run", plan, "--yes", "-q", "--timeout", "2m")
	if j := fleet.Job(t, job); j.Progress.Written != lostTo-lostFrom {
		t.Fatalf("refilled: got %d records, want %d", j.Progress.Written, lostTo-lostFrom)
	}

	counts := map[string][]string{}
	for _, line := range judge(t, "Count", broker, t.TempDir(), fmt.Sprint(countedWindow.Milliseconds()), fmt.Sprint(countedGrace.Milliseconds()), whole.Name, refilled.Name) {
		topic, count, _ := strings.Cut(line, " ")
		what, count, _ := strings.Cut(count, " ")
		counts[topic+" "+what] = append(counts[topic+" "+what], count)
	}
	for _, lines := range counts {
		slices.Sort(lines)
	}
	for what, want := range map[string]int{"keys": countedRecords, "windows": countedRecords, "punctual": countedRecords} {
		if got := total(t, counts["whole "+what]); got != want {
			t.Fatalf("%s of the topic that was never damaged: Streams counted %d records, want %d", what, got, want)
		}
	}
	differ(t, "counts by key", counts["refilled keys"], counts["whole keys"])
	differ(t, "counts by window", counts["refilled windows"], counts["whole windows"])
	if got, want := total(t, counts["refilled punctual"]), countedRecords-(lostTo-lostFrom); got != want {
		t.Errorf("windows without grace: Streams counted %d records, want %d: all but those that came late", got, want)
	}
	t.Logf("%d keys and %d windows are equal", len(counts["whole keys"]), len(counts["whole windows"]))
}

// total adds up counts, which stand at the end of each line.
func total(t *testing.T, lines []string) (sum int) {
	t.Helper()
	for _, line := range lines {
		var n int
		if _, err := fmt.Sscan(line[strings.LastIndexByte(line, ' ')+1:], &n); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		sum += n
	}
	return sum
}
