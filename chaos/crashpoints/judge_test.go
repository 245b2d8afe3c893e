//go:build chaos && linux

package crashpoints

import (
	"encoding/hex"
	"testing"

	"backstitch/chaos/check"
	"backstitch/chaos/testbed"
	"backstitch/chaos/traffic"

	"github.com/twmb/franz-go/pkg/kgo"
)

// What has to be right after the storm. The reader and the truth are not the program's.

// judge lets the program compare the result of a job once more, and wants nothing left to recover.
func (s *storm) judge(t *testing.T, job string) {
	t.Helper()
	s.Must(t, "verify", job, "-q")
	again := s.Run(t, "plan", "-f", s.file(job+".yaml"), "--out", s.file(job+".again"), "--detailed-exitcode", "-q")
	if again.Status != 0 {
		t.Errorf("a second plan of %s: exit status %d, want 0: nothing is left to recover\n%s%s", job, again.Status, again.Stdout, again.Stderr)
	}
}

// topic compares what a reader of committed data finds with what was made: each record once, as it was, in its order.
func (s *storm) topic(t *testing.T, topic testbed.Topic, truth traffic.Truth) {
	t.Helper()
	log, err := check.Read(t.Context(), topic.Name, kgo.SeedBrokers(topic.Broker))
	if err != nil {
		t.Fatal(err)
	}
	found, err := check.Topic(check.Made{Truth: truth}, log)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		t.Error(f)
	}
	if got := log.Refilled(); got != records {
		t.Errorf("%d records carry their origin, want %d", got, records)
	}
}

// books wants the same book on all nodes.
func (s *storm) books(t *testing.T) {
	t.Helper()
	var members []string
	for _, n := range s.Nodes {
		members = append(members, n.Name)
	}
	var told []check.Digest
	testbed.Eventually(t, limit, "all nodes to tell their digest of one index", func() bool {
		same := map[uint64]int{}
		for _, n := range s.Nodes {
			c, err := s.Cluster(t, n)
			if err != nil {
				t.Fatal(err)
			}
			d := check.Digest{Member: n.Name, Index: c.AppliedIndex}
			if _, err := hex.Decode(d.Sum[:], []byte(c.Digest)); err != nil {
				t.Fatalf("digest of %s: %q: %v", n.Name, c.Digest, err)
			}
			told = append(told, d)
			same[d.Index]++
		}
		return len(same) == 1
	})
	found, err := check.Digests(members, told)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		t.Error(f)
	}
}
