//go:build chaos && linux

package crashpoints

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"backstitch/chaos/testbed"
	"backstitch/cluster"
	"backstitch/storage/failpoint"
)

// modes are what the agents are armed with here, by name. The log's error comes when the fleet is at work: a start takes fewer syncs.
var modes = map[string][]string{
	"node-a": {failpoint.EnvArm + "=replay/engine.read=error@2x;fsm.before-commit=delay:2ms"},
	"node-b": {failpoint.EnvArm + "=replay/sink/kafka.ended=error@2x"},
	"node-c": {failpoint.EnvArm + "=storage/raftlog.before-sync=error@30;storage/raftlog.after-sync=delay:2ms"},
}

// TestErrorsDelaysAndAWrongClock lets a batch fail to be read, the answer to a commit be lost, a disk refuse a sync, the log and the
// book be slow, and a clock be wrong. The disk's node ends, as it has to; the others finish the job.
func TestErrorsDelaysAndAWrongClock(t *testing.T) {
	dir := t.ArtifactDir()
	build(t, dir)
	sandbox := testbed.StartSandbox(t, dir)
	s := newStorm(t, dir, sandbox.Broker, sandbox.Endpoint)
	s.armed, s.modes = false, maps.Clone(modes)
	clock := filepath.Join(dir, "clock")
	if err := os.WriteFile(clock, []byte("skew -3s"), 0o644); err != nil {
		t.Fatal(err)
	}
	s.modes["node-b"] = append(s.modes["node-b"], failpoint.EnvClock+"="+clock)
	truth := s.archive(t, sandbox, nil)
	s.until(t, limit, "a leader", func() bool { return s.leads(t) != nil })
	back := testbed.Topic{Broker: sandbox.Broker, Name: "back", Partitions: partitions}
	back.Create(t)
	sandbox.Pace(t, pace)
	s.submit(t, "back", sandbox.Bucket, testbed.InKafka("back"), nil)
	s.finish(t, "back")
	sandbox.Pace(t, 0)
	s.until(t, limit, "the node whose disk refuses to end", func() bool { return len(s.ended) > 0 })
	if want := map[string]int{"node-c": cluster.ExitDisk}; !maps.Equal(s.ended, want) {
		t.Errorf("exit status by node: got %v, want %v", s.ended, want)
	}
	for _, n := range s.Nodes {
		s.Ready(t, n)
	}

	s.judge(t, "back")
	s.topic(t, back, truth)
	s.books(t)
	for _, n := range s.Nodes {
		said, err := os.ReadFile(s.file(n.Name + ".log"))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(said), "injected at a failpoint") {
			t.Errorf("%s was never hurt", n.Name)
		}
	}
}
