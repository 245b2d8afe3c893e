package worker

import (
	"time"

	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/partition/share"
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
	descAge = prometheus.NewDesc("backstitch_checkpoint_age_seconds",
		"Time since the last checkpoint that the book took from this node.", nil, nil)
)

func (c *collector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descRecords, descRead, descWrite, descVerify, descLimit, descWaited, descAge} {
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
