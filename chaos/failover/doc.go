// Package failover measures how long the work stands still when a node dies, with real processes and default settings: three
// agents, and the sandbox's Kafka and S3. It is a benchmark, run by `make bench-failover` (build tag failover), and no part of
// `make test`: its figures depend on the machine.
//
//   - owner: SIGKILL of the busiest owner of slices, to the first record that a new owner has written.
//   - owner-commit: the same, to the first record that readers of committed data see.
//   - leader: SIGKILL of the leader, to the first change that the next leader has committed, asked for at another node.
//   - pause: SIGSTOP of a node for one second moves no lease.
//
// Not here: whether the data are right afterwards (realtest), and the processes (testbed).
package failover

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Summary is what many measurements of one thing come to.
type Summary struct {
	Median, P99, Max time.Duration
	Count            int
}

// Summarize sorts times and takes the nearest-rank percentiles; of less than a hundred the 99th is the largest.
func Summarize(times []time.Duration) Summary {
	if len(times) == 0 {
		return Summary{}
	}
	sorted := slices.SortedFunc(slices.Values(times), cmp.Compare)
	rank := func(percent int) time.Duration { return sorted[max(0, (len(sorted)*percent+99)/100-1)] }
	return Summary{Median: rank(50), P99: rank(99), Max: sorted[len(sorted)-1], Count: len(sorted)}
}

func (s Summary) String() string {
	return fmt.Sprintf("median=%dms p99=%dms max=%dms n=%d", s.Median.Milliseconds(), s.P99.Milliseconds(), s.Max.Milliseconds(), s.Count)
}
