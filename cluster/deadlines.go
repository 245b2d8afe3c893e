package cluster

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"

	"backstitch/cluster/forecast"
	"backstitch/cluster/sla"
	"backstitch/fsm"
	"backstitch/partition"

	"github.com/prometheus/client_golang/prometheus"
)

// This file measures how fast jobs with a deadline are, and shows how they stand. Every node does that for itself out of its own book, so that whichever is
// asked answers alike, up to what it has seen: a node that was started a moment ago has measured nothing yet, and says so.

// pace is what this node has measured.
type pace struct {
	mu   sync.Mutex
	jobs map[partition.JobID]*forecast.Rates // guarded by mu
}

// measure looks at the progress of jobs until ctx ends.
func (n *Node) measure(ctx context.Context) error {
	tick := time.NewTicker(forecast.Every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := cmp.Or(n.measureOnce(), n.draw()); err != nil {
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
		r := before[d.Job.ID]
		if r == nil {
			r = new(forecast.Rates)
		}
		r.Observe(now, d.Done+d.Gone, d.Job.State == fsm.JobRunning && d.Calendar != nil && d.Calendar.At(now).Blackout.IsZero())
		n.pace.jobs[d.Job.ID] = r
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

// due lists the active jobs with a deadline.
func (n *Node) due() ([]sla.Clock, error) {
	v := n.stores.machine.View()
	defer v.Close()
	jobs, err := v.ActiveJobs()
	if err != nil {
		return nil, err
	}
	var out []sla.Clock
	for _, j := range jobs {
		x, ok, err := v.Terms(j.ID)
		if err != nil {
			return nil, err
		}
		if !ok || x.DeadlineUnixNanos == 0 {
			continue
		}
		d, err := sla.Read(v, j, x)
		if err != nil {
			return nil, err
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
	toldDesc = prometheus.NewDesc("backstitch_job_sla_told_timestamp_seconds",
		"When it was told of a job that has not ended that it may miss its deadline (sla-at-risk), or that it has (sla-missed).",
		[]string{"job", "namespace", "name", "kind"}, nil)
	missedDesc = prometheus.NewDesc("backstitch_job_sla_missed",
		"1 of a job that has not ended and has missed its deadline, or can not become as complete as was asked for.", []string{"job", "namespace", "name"}, nil)
)

// Describe names the metrics.
func (c *deadlineCollector) Describe(out chan<- *prometheus.Desc) {
	out <- deadlineDesc
	out <- riskDesc
	out <- missedDesc
	out <- toldDesc
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
		low, high, ok := c.n.Rates(d.Job.ID)
		j := forecast.Judge(d.Case(c.n.deps.Clock(), low, high, ok))
		labels := []string{string(d.Job.ID), d.Job.Namespace, d.Job.Name}
		out <- prometheus.MustNewConstMetric(deadlineDesc, prometheus.GaugeValue, float64(d.Terms.DeadlineUnixNanos)/1e9, labels...)
		out <- prometheus.MustNewConstMetric(riskDesc, prometheus.GaugeValue, is(j.State == forecast.AtRisk), labels...)
		out <- prometheus.MustNewConstMetric(missedDesc, prometheus.GaugeValue, is(j.State == forecast.Missed), labels...)
		for kind, at := range map[fsm.NoticeKind]int64{fsm.NoticeAtRisk: d.Told.AtRiskUnixNanos, fsm.NoticeMissed: d.Told.MissedUnixNanos} {
			if at != 0 {
				out <- prometheus.MustNewConstMetric(toldDesc, prometheus.GaugeValue, float64(at)/1e9, append(labels, kind.String())...)
			}
		}
	}
}
