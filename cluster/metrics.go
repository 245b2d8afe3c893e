package cluster

import (
	"fmt"
	"time"

	"backstitch/fsm"

	"github.com/hashicorp/raft"
	"github.com/prometheus/client_golang/prometheus"
)

// metrics are those of one node. They count from New, also when nobody registers them.
type metrics struct {
	commits prometheus.Histogram
	results *prometheus.CounterVec
	moves   *prometheus.CounterVec
	terms   prometheus.Counter
}

func newMetrics() *metrics {
	return &metrics{
		commits: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "backstitch_raft_commit_duration_seconds", Help: "Time from proposing a command on this node to its result.",
			NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 100, NativeHistogramMinResetDuration: time.Hour,
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5},
		}),
		results: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "backstitch_audit_entries_total", Help: "Commands that this node proposed, by result: ok or refused.",
		}, []string{"result"}),
		moves: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "backstitch_range_moves_total", Help: "Slices that this node, as leader, gave to another owner than the last one, by reason.",
		}, []string{"reason"}),
		terms: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "backstitch_raft_leaderships_total", Help: "How often this node began to lead.",
		}),
	}
}

func (m *metrics) committed(took time.Duration, code fsm.Code) {
	m.commits.Observe(took.Seconds())
	if code == fsm.OK {
		m.results.WithLabelValues("ok").Inc()
	} else {
		m.results.WithLabelValues("refused").Inc()
	}
}

// moved counts grants of slices that had an owner before. The reason is a word, not the sentence in the audit trail: labels
// must stay few.
func (m *metrics) moved(cmd fsm.Command, res fsm.Result) {
	grants, ok := cmd.(fsm.GrantLeases)
	if !ok || res.Code != fsm.OK {
		return
	}
	again := -len(res.Refused)
	for _, g := range grants.Grants {
		if g.Seen > 0 {
			again++
		}
	}
	if again > 0 {
		m.moves.WithLabelValues("owner").Add(float64(again))
	}
}

func (m *metrics) led() { m.terms.Inc() }

func (m *metrics) register(r prometheus.Registerer, n *Node) error {
	gauge := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value)
	}
	for _, c := range []prometheus.Collector{
		m.commits, m.results, m.moves, m.terms, &memberCollector{n}, &vitalsCollector{n}, &scanCollector{n}, &hoursCollector{n}, &deadlineCollector{n},
		gauge("backstitch_raft_is_leader", "1 on the node that leads.", func() float64 {
			if closed(n.started) && n.raft.State() == raft.Leader {
				return 1
			}
			return 0
		}),
		gauge("backstitch_raft_has_leader", "1 on a node that knows who leads.", func() float64 {
			if n.leaderID() != "" {
				return 1
			}
			return 0
		}),
		gauge("backstitch_raft_apply_lag_entries", "Log entries that this node holds and has not applied.", func() float64 {
			if !closed(n.started) {
				return 0
			}
			return float64(n.raft.LastIndex()) - float64(n.raft.AppliedIndex())
		}),
		gauge("backstitch_gossip_ignored_messages", "Gossip messages dropped because their metadata made no sense.", func() float64 {
			if !n.readable() {
				return 0
			}
			return float64(n.gossip.Ignored())
		}),
		gauge("backstitch_disk_bytes", "Bytes of all files in this node's directory.", func() float64 {
			if !n.readable() {
				return 0
			}
			return float64(n.stores.db.Metrics().DiskBytes)
		}),
	} {
		if err := r.Register(c); err != nil {
			return fmt.Errorf("register metrics: %w", err)
		}
	}
	return nil
}

// memberCollector counts members by what the book and gossip say.
type memberCollector struct{ n *Node }

var membersDesc = prometheus.NewDesc("backstitch_members", "Members of the cluster, by state: active, draining, left, dead.", []string{"state"}, nil)

// Describe names the metric.
func (c *memberCollector) Describe(out chan<- *prometheus.Desc) { out <- membersDesc }

// Collect counts now.
func (c *memberCollector) Collect(out chan<- prometheus.Metric) {
	if !c.n.readable() {
		return
	}
	members, err := c.n.bookMembers()
	if err != nil {
		return
	}
	alive := c.n.Alive()
	count := map[string]int{"active": 0, "draining": 0, "left": 0, "dead": 0}
	for _, m := range members {
		state := m.State.String()
		if m.State != fsm.MemberLeft && !alive[m.ID] {
			state = "dead"
		}
		count[state]++
	}
	for state, k := range count {
		out <- prometheus.MustNewConstMetric(membersDesc, prometheus.GaugeValue, float64(k), state)
	}
}
