//go:build real

package realtest

import (
	"flag"
	"iter"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"backstitch/chaos/check"
	"backstitch/chaos/testbed"
	"backstitch/chaos/traffic"
)

var seedFlag = flag.Uint64("seed", 0, "lose the same records as the run that printed it; 0 takes a new one")

const (
	partitions = 12
	bucketName = "flights-archive"
	jobName    = "flights"
)

// TestRefillSurvivesItsOwnNodes is the main job: archive, lose 5 % in runs and 0.1 % one by one, refill with three agents of
// which one is killed and another is frozen for longer than its leases live, and let a stranger count.
func TestRefillSurvivesItsOwnNodes(t *testing.T) {
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("seed %d; to lose the same records again: go test -tags real ./chaos/realtest -seed %d", seed, seed)
	testbed.Program(t)
	dir := t.ArtifactDir()
	phase := phases(t)

	broker, endpoint := testbed.Kafka(t, dir), testbed.S3(t, dir)
	testbed.Bucket(t, endpoint, bucketName)
	phase("servers")
	fleet := testbed.StartFleet(t, dir, 3, broker, endpoint)
	phase("agents")

	topic := testbed.Topic{Broker: broker, Name: "flights", Partitions: partitions}
	truth := traffic.Truth{}
	topic.Create(t)
	made, _ := topic.Produce(t, flights(t), func(_ int64, e traffic.Event) bool {
		truth[e.ID()]++
		return true
	})
	phase("produce %d", made)

	archived := fleet.Archive(t, topic, "s3://"+bucketName+"/kafka")
	if archived != made {
		t.Fatalf("archive: got %d records, want %d", archived, made)
	}
	phase("archive %d", archived)

	loss := traffic.NewLoss(seed, made, 20, 50, 1000)
	lost := loss.Count()
	topic.Drop(t)
	topic.Create(t)
	if _, kept := topic.Produce(t, flights(t), func(n int64, _ traffic.Event) bool { return !loss.Lost(n) }); kept != made-lost {
		t.Fatalf("survivors: got %d, want %d", kept, made-lost)
	}
	phase("lose %d", lost)

	// Many small commits: the refill lasts long enough to be hurt in its middle.
	spec, plan := fleet.Plan(t, dir, testbed.Spec{
		Name: jobName, Source: testbed.InS3(bucketName, "kafka"), Target: testbed.InKafka(topic.Name), CommitRecords: 10, SliceRecords: 3000,
	})
	phase("plan")

	fleet.Submit(t, plan)
	kill(t, fleet, jobName)
	freeze(t, fleet, jobName, fleet.Nodes)
	wait := fleet.Must(t, "wait", jobName, "--timeout", "4m")
	phase("refill")
	t.Logf("wait said: %s", strings.TrimSpace(wait.Stdout))
	if job := fleet.Job(t, jobName); job.Progress.Written != lost || job.Records != lost {
		t.Errorf("job: planned %d and wrote %d records, want %d each", job.Records, job.Progress.Written, lost)
	}

	seen := check.Console(t, filepath.Join(testbed.Scripts, "kafka.sh"), broker, topic.Name)
	phase("judge %d", seen.Records)
	missing, surplus := truth.Difference(seen.Events)
	if missing != 0 || surplus != 0 {
		t.Errorf("multiset: %d records are still lost and %d are too many, want 0 and 0", missing, surplus)
	}
	if seen.Refilled != lost {
		t.Errorf("refilled: got %d, want %d", seen.Refilled, lost)
	}
	if seen.Disorder != 0 {
		t.Errorf("order: %d refilled records are out of order, want 0", seen.Disorder)
	}

	fleet.Must(t, "verify", jobName, "-q")
	phase("verify")
	again := fleet.Run(t, "plan", "-f", spec, "--out", plan+".again", "--detailed-exitcode", "-q")
	if again.Status != 0 {
		t.Errorf("plan after the refill: exit status %d, want 0 (nothing is missing)\n%s%s", again.Status, again.Stdout, again.Stderr)
	}
	phase("plan again")
	intoStore(t, fleet, dir, endpoint)
	phase("refill of an object store")
	t.Logf("made %d, lost %d, refilled %d, still lost %d, too many %d, out of order %d", made, lost, seen.Refilled, missing, surplus, seen.Disorder)
}

func flights(t *testing.T) iter.Seq2[traffic.Event, error] {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), filepath.Join(testbed.Scripts, "flights.sh")).Output()
	if err != nil {
		t.Fatalf("flights.sh: %v", err)
	}
	return traffic.Flights(strings.TrimSpace(string(out)), partitions)
}
