package cluster

import (
	"fmt"
	"testing"
	"time"

	"backstitch/cluster/curve"
	"backstitch/partition"
)

// TestLinesOfEndedJobsAreForgotten, those that ended longest ago first, and none of a job that goes on.
func TestLinesOfEndedJobsAreForgotten(t *testing.T) {
	l := lines{jobs: map[partition.JobID]*course{}}
	noon := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	for n := range maxLines + 10 {
		c := &course{ended: n%2 == 0}
		c.Add(curve.Point{At: noon.Add(time.Duration(n) * time.Second)})
		l.jobs[partition.JobID(fmt.Sprintf("bs-%03d", n))] = c
	}
	l.forget()
	if len(l.jobs) != maxLines || l.jobs["bs-018"] != nil || l.jobs["bs-020"] == nil || l.jobs["bs-001"] == nil {
		t.Errorf("%d are left", len(l.jobs))
	}
}

// TestWhoLedIsBounded: a cluster that can not agree does not fill the memory, and the same twice is once.
func TestWhoLedIsBounded(t *testing.T) {
	var l leaders
	for n := range uint64(10 * maxLeaders) {
		l.see(Led{Leader: "n1", Term: n})
		l.see(Led{Leader: "n1", Term: n})
	}
	if len(l.led) != maxLeaders || l.led[maxLeaders-1].Term != 10*maxLeaders-1 || l.led[0].Term != 9*maxLeaders {
		t.Errorf("got %+v", l.led)
	}
}
