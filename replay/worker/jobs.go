package worker

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/replay/engine"
	"backstitch/replay/feedback"
	"backstitch/replay/open"
	"backstitch/replay/throttle"
)

// jobs keeps the ends of the jobs that this node works on open, so that slices of one job share clients, and their counters.
type jobs struct {
	opener  Opener
	looks   *feedback.Looks
	now     func() time.Time
	renewed atomic.Pointer[time.Time]

	mu   sync.Mutex
	open map[partition.JobID]*job // also those whose ends are closed
}

// maxClosedJobs bounds for how many jobs counters are kept.
const maxClosedJobs = 64

// job is one job's open ends. They are closed when the node has no slice of it any more; the counters stay for a while, for
// whoever scrapes them next.
type job struct {
	id       partition.JobID
	counters engine.Counters
	meter    *throttle.Meter // nil for one that is in no scope
	governor *feedback.Governor
	verdicts [4]atomic.Int64 // by fsm.Verdict

	mu     sync.Mutex // held while ends are opened
	ends   *open.Ends
	govern func() // ends the governor's run and waits for it; nil where none runs
}

func newJobs(o Opener, now func() time.Time) *jobs {
	return &jobs{opener: o, looks: feedback.NewLooks(now), now: now, open: make(map[partition.JobID]*job)}
}

// get returns the job of work with its ends open. A job that is new draws on quota.
func (js *jobs) get(ctx context.Context, work fsm.Work, quota *throttle.Quota) (*job, error) {
	id := work.Slice.ID.Job
	js.mu.Lock()
	j := js.open[id]
	if j == nil {
		j = &job{id: id, meter: quota.Meter(work.Scopes)}
		j.governor = feedback.New(j.meter, js.looks, js.now)
		js.open[id] = j
	}
	js.mu.Unlock()
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.ends == nil {
		ends, err := js.opener.Open(ctx, id, work.Recipe, j.meter)
		if err != nil {
			return nil, err
		}
		j.ends = ends
		j.start(ctx)
	}
	return j, nil
}

// start lets the governor run while the ends are open: longer than the slice that opened them.
func (j *job) start(ctx context.Context) {
	if j.governor == nil {
		return
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var group sync.WaitGroup
	rules, look := j.ends.Recipe.Feedback.Rules(), j.ends.Look
	group.Go(func() { j.governor.Run(ctx, rules, look) })
	j.govern = func() {
		cancel()
		group.Wait()
	}
}

// keepOnly closes the jobs that are not in keep. None of their slices may run.
func (js *jobs) keepOnly(keep map[partition.JobID]bool, log *slog.Logger) {
	js.mu.Lock()
	var gone []*job
	for id, j := range js.open {
		if keep[id] {
			continue
		}
		gone = append(gone, j)
		if len(js.open) > maxClosedJobs {
			delete(js.open, id)
		}
	}
	js.mu.Unlock()
	for _, j := range gone {
		j.close(log)
	}
}

func (js *jobs) closeAll(log *slog.Logger) { js.keepOnly(nil, log) }

func (j *job) close(log *slog.Logger) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.ends == nil {
		return
	}
	if j.govern != nil {
		j.govern()
		j.govern = nil
	}
	if err := j.ends.Close(); err != nil {
		log.Warn("close job", "job", string(j.id), "err", err)
	}
	j.ends = nil
}

func (j *job) verified(v fsm.Verdict) {
	if int(v) < len(j.verdicts) {
		j.verdicts[v].Add(1)
	}
}

func (js *jobs) list() []*job {
	js.mu.Lock()
	defer js.mu.Unlock()
	out := make([]*job, 0, len(js.open))
	for _, j := range js.open {
		out = append(out, j)
	}
	return out
}
