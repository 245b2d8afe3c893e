//go:build real

package realtest

import (
	"path/filepath"
	"testing"
	"time"

	"backstitch/chaos/testbed"
	"backstitch/chaos/traffic"
	"backstitch/cluster/client"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	paceParts   = 3
	paceRecords = 60_000
	paceSize    = 1000
	paceBegins  = 1 << 20 // bytes a second on each node, of a job that spares somebody
)

// TestFeedbackIsHeardOfARealBroker lets two jobs spare somebody whom they are bound to hurt: a group that does not read, and produce requests that take a
// millisecond. Both have to be seen by what Kafka itself says, and lower the rate. How much it helps others is measured by chaos/live.
func TestFeedbackIsHeardOfARealBroker(t *testing.T) {
	testbed.Program(t)
	dir := t.ArtifactDir()
	broker := testbed.Kafka(t, dir)
	fleet := testbed.StartFleet(t, dir, 1, broker, "http://127.0.0.1:1") // there is no S3
	topic := func(name string) testbed.Topic {
		return testbed.Topic{Broker: broker, Name: name, Partitions: paceParts}
	}
	archive := filepath.Join(dir, "archive")
	topic("history").Create(t)
	topic("history").Produce(t, traffic.Noise(1, paceRecords, paceParts, paceSize), func(int64, traffic.Event) bool { return true })
	fleet.Must(t, "archive", "history", archive, "--kafka", testbed.KafkaConnection, "-q")

	// The group has read all that there is, and is gone.
	cl, err := kgo.NewClient(kgo.SeedBrokers(broker))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	var read kadm.Offsets
	for part := range int32(paceParts) {
		read.AddOffset("lag", part, 0, -1)
	}
	for _, job := range []string{"lag", "latency"} {
		topic(job).Create(t)
	}
	if err := kadm.NewClient(cl).CommitAllOffsets(t.Context(), "billing", read); err != nil {
		t.Fatal(err)
	}
	fleet.Must(t, "throttle", "--cluster", "--bytes", "12MiB/s") // so that no job is over before anybody has looked
	for _, c := range []struct{ job, spare, signal string }{
		{"lag", "groups: [billing], maxLagIncrease: 1000 records", "lag"},
		{"latency", "produceLatency: 1ms", "produce-latency"},
	} {
		_, plan := fleet.Plan(t, dir, testbed.Spec{
			Name: c.job, Source: testbed.InDir(archive, "topic: history"), Target: testbed.InKafka(c.job), Throttle: "floor: 64KiB/s, spare: {" + c.spare + "}",
		})
		fleet.Submit(t, plan)
		began := time.Now()
		var seen client.Pace
		testbed.Eventually(t, 30*time.Second, "a job that is held back by "+c.signal, func() bool {
			all, err := fleet.Client.Budgets(t.Context(), c.job)
			if err != nil {
				return false
			}
			for _, p := range all.Feedback {
				if p.Signal == c.signal && p.BytesPerSecond < paceBegins {
					seen = p
					return true
				}
			}
			if j := fleet.Job(t, c.job); j.Terminal() {
				t.Fatalf("job %s is %s: nothing held it back", c.job, j.State)
			}
			return false
		})
		t.Logf("%s after %s: held to %d KiB/s, %s", c.job, time.Since(began).Round(time.Millisecond), seen.BytesPerSecond>>10, seen.Why)
	}
	// What is said is what is done: the job of the group that reads nothing is cut again and again, down to its floor.
	testbed.Eventually(t, 30*time.Second, "the floor", func() bool {
		all, err := fleet.Client.Budgets(t.Context(), "lag")
		return err == nil && len(all.Feedback) == 1 && all.Feedback[0].BytesPerSecond == 64<<10
	})
	before, at := fleet.Job(t, "lag").Progress.Written, time.Now()
	testbed.During(t, 4*time.Second)
	rate := float64(fleet.Job(t, "lag").Progress.Written-before) * paceSize / time.Since(at).Seconds()
	if rate > 1.5*(64<<10) {
		t.Errorf("%.0f bytes a second are written at a floor of %d", rate, 64<<10)
	}
	t.Logf("%.0f KiB/s at a floor of 64", rate/1024)
	for _, job := range []string{"lag", "latency"} {
		if _, err := fleet.Client.Cancel(t.Context(), job, "seen"); err != nil {
			t.Fatal(err)
		}
	}
}
