package cluster

import (
	"context"
	"errors"
	"sync"
	"time"

	"backstitch/cluster/forecast"
	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/partition/calendar"

	"github.com/prometheus/client_golang/prometheus"
)

// This file measures how fast jobs with a deadline are, and shows how they stand. Every node does that for itself out of its own book, so that whichever is
// asked answers alike, up to what it has seen: a node that was started a moment ago has measured nothing yet, and says so.

// pace is what this node has measured.
type pace struct {
	mu   sync.Mutex
	jobs map[partition.JobID]*forecast.Rates // guarded by mu
}

// measure looks at the progress of jobs with a deadline until ctx ends.
func (n *Node) measure(ctx context.Context) error {
	tick := time.NewTicker(forecast.Every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := n.measureOnce(); err != nil {
			if ctx.Err() != nil || errors.Is(err, fsm.ErrClosed) {
				return nil
			}
			return err
		}
	}
}

func (n *Node) measureOnce() error {
	due, err := n.due()
	if err != nil {
		return err
	}
	now := n.deps.Clock()
	n.pace.mu.Lock()
	defer n.pace.mu.Unlock()
	before := n.pace.jobs
	n.pace.jobs = make(map[partition.JobID]*forecast.Rates, len(due))
	for _, d := range due {
		r := before[d.job.ID]
		if r == nil {
			r = new(forecast.Rates)
		}
		r.Observe(now, d.done+d.gone, d.job.State == fsm.JobRunning && d.calendar != nil && d.calendar.At(now).Blackout.IsZero())
		n.pace.jobs[d.job.ID] = r
	}
	return nil
}

// Rates are how many records a second a job with a deadline has dealt with, in the slow and in the fast minutes of its last ten; ok is false where
// this node has not seen enough of it.
func (n *Node) Rates(job partition.JobID) (low, high float64, ok bool) {
	n.pace.mu.Lock()
	defer n.pace.mu.Unlock()
	if r := n.pace.jobs[job]; r != nil {
		return r.Range()
	}
	return 0, 0, false
}

// dueJob is an active job with a deadline.
type dueJob struct {
	job        fsm.Job
	terms      fsm.Terms
	calendar   *calendar.Calendar // nil where it can not be read
	done, gone int64              // records in the target, and set aside
}

// due lists the active jobs with a deadline.
func (n *Node) due() ([]dueJob, error) {
	v := n.stores.machine.View()
	defer v.Close()
	jobs, err := v.ActiveJobs()
	if err != nil {
		return nil, err
	}
	var out []dueJob
	for _, j := range jobs {
		x, ok, err := v.Terms(j.ID)
		if err != nil {
			return nil, err
		}
		if !ok || x.DeadlineUnixNanos == 0 {
			continue
		}
		d := dueJob{job: j, terms: x}
		if c, err := calendar.New(x.Calendar); err == nil {
			d.calendar = c
		}
		for s, err := range v.SliceStates(j.ID) {
			if err != nil {
				return nil, err
			}
			if s.Kind == partition.SliceFill {
				d.done += s.Checkpoint.Records + s.Checkpoint.Suppressed
				d.gone += s.Checkpoint.Quarantined
			}
		}
		out = append(out, d)
	}
	return out, nil
}

// deadlineCollector shows how jobs stand with their deadlines. Every node shows it: take the max over nodes.
type deadlineCollector struct{ n *Node }

var (
	deadlineDesc = prometheus.NewDesc("backstitch_job_sla_deadline_timestamp_seconds",
		"When a job that has not ended has to be proved.", []string{"job", "namespace", "name"}, nil)
	riskDesc = prometheus.NewDesc("backstitch_job_sla_at_risk",
		"1 of a job that has not ended and may miss its deadline, or for which the time of the alert has come.", []string{"job", "namespace", "name"}, nil)
	missedDesc = prometheus.NewDesc("backstitch_job_sla_missed",
		"1 of a job that has not ended and has missed its deadline, or can not become as complete as was asked for.", []string{"job", "namespace", "name"}, nil)
)

// Describe names the metrics.
func (c *deadlineCollector) Describe(out chan<- *prometheus.Desc) {
	out <- deadlineDesc
	out <- riskDesc
	out <- missedDesc
}

// Collect reads the book. Jobs with a deadline that have not ended are few.
func (c *deadlineCollector) Collect(out chan<- prometheus.Metric) {
	if !c.n.readable() {
		return
	}
	due, err := c.n.due()
	if err != nil {
		return // the loops read the same book and report it
	}
	is := func(b bool) float64 {
		if b {
			return 1
		}
		return 0
	}
	for _, d := range due {
		low, high, ok := c.n.Rates(d.job.ID)
		j := forecast.Judge(forecast.Case{
			Now: c.n.deps.Clock(), Terms: d.terms, Calendar: d.calendar, Job: d.job, Done: d.done, Gone: d.gone, Low: low, High: high, Measured: ok,
		})
		labels := []string{string(d.job.ID), d.job.Namespace, d.job.Name}
		out <- prometheus.MustNewConstMetric(deadlineDesc, prometheus.GaugeValue, float64(d.terms.DeadlineUnixNanos)/1e9, labels...)
		out <- prometheus.MustNewConstMetric(riskDesc, prometheus.GaugeValue, is(j.State == forecast.AtRisk), labels...)
		out <- prometheus.MustNewConstMetric(missedDesc, prometheus.GaugeValue, is(j.State == forecast.Missed), labels...)
	}
}
