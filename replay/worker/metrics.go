package worker

import (
	"time"

	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/partition/share"
	"backstitch/replay/pace"
	"backstitch/replay/throttle"

	"github.com/prometheus/client_golang/prometheus"
)

// collector reads the counters when it is asked. A job's series end when the node has no slice of it any more.
type collector struct {
	jobs  *jobs
	quota *throttle.Quota
	now   func() time.Time
}

var (
	descRecords = prometheus.NewDesc("backstitch_job_records_total",
		"Records that this node's slices committed, found in the target already, or quarantined.", []string{"job", "result"}, nil)
	descRead = prometheus.NewDesc("backstitch_job_read_bytes_total",
		"Bytes of keys, values and headers that this node read, work done again included.", []string{"job"}, nil)
	descWrite = prometheus.NewDesc("backstitch_job_write_bytes_total",
		"Bytes of keys, values and headers that this node committed.", []string{"job"}, nil)
	descVerify = prometheus.NewDesc("backstitch_verify_results_total",
		"Partitions that this node compared.", []string{"job", "result"}, nil)
	descLimit = prometheus.NewDesc("backstitch_throttle_limit_per_second",
		"What this node may do in a second of a scope that has a budget, by unit.", []string{"scope", "unit"}, nil)
	descWaited = prometheus.NewDesc("backstitch_throttle_wait_seconds_total",
		"Time that this node's slices have waited for a budget, all together.", []string{"scope", "unit"}, nil)
	descPace = prometheus.NewDesc("backstitch_throttle_feedback_bytes_per_second",
		"What feedback leaves a job on this node in a second; no series while it does not bound the job.", []string{"job"}, nil)
	descFloor = prometheus.NewDesc("backstitch_throttle_feedback_floor_bytes_per_second",
		"What feedback leaves a job on this node in any case.", []string{"job"}, nil)
	descPaced = prometheus.NewDesc("backstitch_throttle_feedback_wait_seconds_total",
		"Time that a job's slices have waited on this node because of feedback, all together.", []string{"job"}, nil)
	descCuts = prometheus.NewDesc("backstitch_throttle_feedback_cuts_total",
		"How often feedback has halved the rate of a job on this node, by the signal that asked for it.", []string{"job", "signal"}, nil)
	descSignal = prometheus.NewDesc("backstitch_throttle_feedback_signal",
		"What feedback sees: records, replicas, seconds or answers, by signal; beyond the limit it lowers the rate.", []string{"job", "signal", "object"}, nil)
	descSignalLimit = prometheus.NewDesc("backstitch_throttle_feedback_signal_limit",
		"The limits of these signals.", []string{"job", "signal", "object"}, nil)
	descUnseen = prometheus.NewDesc("backstitch_throttle_feedback_unseen",
		"1 for a signal that can not be seen, so that the rate does not rise.", []string{"job", "signal", "object"}, nil)
	descAge = prometheus.NewDesc("backstitch_checkpoint_age_seconds",
		"Time since the last checkpoint that the book took from this node.", nil, nil)
)

func (c *collector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descRecords, descRead, descWrite, descVerify, descLimit, descWaited, descPace, descFloor, descPaced, descCuts, descSignal, descSignalLimit, descUnseen, descAge} {
		to <- d
	}
}

func (c *collector) Collect(to chan<- prometheus.Metric) {
	count := func(d *prometheus.Desc, n int64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
	}
	for _, j := range c.jobs.list() {
		id := string(j.id)
		count(descRecords, j.counters.Written.Load(), id, "written")
		count(descRecords, j.counters.Suppressed.Load(), id, "suppressed")
		count(descRecords, j.counters.Quarantined.Load(), id, "quarantined")
		count(descRead, j.counters.ReadBytes.Load(), id)
		count(descWrite, j.counters.WriteBytes.Load(), id)
		for _, v := range []fsm.Verdict{fsm.Pass, fsm.Fail, fsm.Indeterminate} {
			count(descVerify, j.verdicts[v].Load(), id, v.String())
		}
		feedbackOf(to, j)
	}
	for _, l := range c.quota.Limits() {
		for i, unit := range partition.Units {
			if l.Share[i] == share.More {
				continue
			}
			to <- prometheus.MustNewConstMetric(descLimit, prometheus.GaugeValue, float64(l.Share[i])/share.Milli, string(l.Scope), unit)
			to <- prometheus.MustNewConstMetric(descWaited, prometheus.CounterValue, l.Waited[i].Seconds(), string(l.Scope), unit)
		}
	}
	if at := c.jobs.renewed.Load(); at != nil {
		to <- prometheus.MustNewConstMetric(descAge, prometheus.GaugeValue, c.now().Sub(*at).Seconds())
	}
}

// feedbackOf tells what holds one job back beside budgets.
func feedbackOf(to chan<- prometheus.Metric, j *job) {
	s, on := j.governor.State()
	if !on {
		return
	}
	id := string(j.id)
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, append([]string{id}, labels...)...)
	}
	if s.Bounded() {
		gauge(descPace, s.Rate)
	}
	gauge(descFloor, float64(s.FloorBytes))
	to <- prometheus.MustNewConstMetric(descPaced, prometheus.CounterValue, s.Waited.Seconds(), id)
	for _, kind := range pace.Kinds {
		to <- prometheus.MustNewConstMetric(descCuts, prometheus.CounterValue, float64(s.Cuts[kind]), id, kind.String())
	}
	for _, signal := range s.Signals {
		if signal.Unseen != "" {
			gauge(descUnseen, 1, signal.Kind.String(), signal.Object)
			continue
		}
		gauge(descSignal, signal.Value, signal.Kind.String(), signal.Object)
		gauge(descSignalLimit, signal.Limit, signal.Kind.String(), signal.Object)
	}
}
