package bubble

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"backstitch/chaos/check"
	"backstitch/cluster"
	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/partition/plan"
	"backstitch/replay/recovery"
)

// job is one recovery as an operator submits it.
type job struct {
	id        partition.JobID
	at        time.Duration
	recipe    []byte
	slices    []partition.Slice
	locks     []string
	submitted atomic.Bool // StartJob was acknowledged
	resuming  atomic.Bool // somebody is ending a pause of it
}

// newJobs plans the jobs of a run. The plan of the product starts from what it finds in the topics; here it starts from the truth.
func newJobs(p Plan, t *truth, broker string) []*job {
	var out []*job
	for n, at := range p.Jobs {
		j := &job{id: partition.JobID(fmt.Sprintf("bs-job%c", 'a'+n)), at: at}
		into, lock := recovery.Target{Kind: "kafka", Brokers: broker, Topic: target}, "kafka:kfake"
		if p.Shelf {
			into, lock = shelfTarget, shelfTarget.Path
		}
		j.recipe, _ = json.Marshal(recovery.Recipe{
			Version: 1, Source: recovery.Source{Layout: "kafka", Brokers: broker, Topic: reference}, Target: into,
			Write: recovery.Write{OriginHeaders: true, CommitRecords: p.CommitRecords, CommitMs: 2000},
		})
		var parts []plan.Part
		for part := n; part < len(t.parts); part += len(p.Jobs) {
			tp := t.parts[part]
			parts = append(parts, plan.Part{
				Partition: int32(part), Fill: tp.lost, Compare: partition.Ranges{{From: 0, To: partition.Offset(len(tp.all))}},
				TargetTo: int64(tp.survivors()),
			})
			j.locks = append(j.locks, fmt.Sprintf("%s/%s/%d", lock, target, part))
		}
		limits := plan.DefaultLimits()
		limits.Records = int64(p.SliceRecords)
		var err error
		if j.slices, err = plan.Cut(j.id, parts, limits); err != nil {
			panic(fmt.Sprintf("cut a plan of this package's own: %v", err))
		}
		out = append(out, j)
	}
	return out
}

// submit submits a job and starts it, again and again until it is acknowledged.
func (w *world) submit(ctx context.Context, j *job) {
	if !sleep(ctx, j.at) {
		return
	}
	records, bytes := plan.Totals(j.slices)
	answer := w.answers.Begin(operator, check.Submit, string(j.id), "1")
	for n, cmd := range []fsm.Command{
		fsm.SubmitJob{ID: j.id, Recipe: j.recipe, Locks: j.locks, Records: records, Bytes: bytes, Slices: uint32(len(j.slices)), PlanHash: [32]byte{1}},
		fsm.AddSlices{Job: j.id, Slices: j.slices},
		fsm.StartJob{ID: j.id},
	} {
		env := fsm.Envelope{Actor: "operator", RequestID: cluster.NewRequestID()}
		for try := 0; ; try++ {
			res, err := w.propose(ctx, w.agents[(n+try)%len(w.agents)], env, cmd)
			if err == nil && n == 0 {
				answer(check.Outcome{Known: true, Code: res.Code.String()})
			}
			if err == nil && res.Code == fsm.OK {
				break
			}
			if err == nil {
				w.violate("%T of %s was refused: %s %s", cmd, j.id, res.Code, res.Object)
				return
			}
			if !sleep(ctx, 100*time.Millisecond) {
				return
			}
		}
	}
	j.submitted.Store(true)
	w.note("%s is submitted: %d slices", j.id, len(j.slices))
}

func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// allDone says whether some node's book has every job in a terminal state.
func (w *world) allDone() bool { return w.openJobs() == "" }

// openJobs names what is not done yet, "" when all is.
func (w *world) openJobs() string {
	l := w.c.Leader()
	if l == nil {
		return "nobody leads"
	}
	v, err := l.Node.View()
	if err != nil {
		return err.Error()
	}
	defer v.Close()
	var open []string
	for _, j := range w.jobs {
		have, ok, err := v.Job(j.id)
		switch {
		case err != nil || !ok || !j.submitted.Load():
			open = append(open, fmt.Sprintf("%s is not submitted (%v)", j.id, err))
		case !have.State.Terminal():
			open = append(open, fmt.Sprintf("%s is %s, %d of %d fill and %d of %d verify slices done",
				j.id, have.State, have.FillDone, have.FillSlices, have.VerifyDone, have.VerifySlices))
		}
	}
	return strings.Join(open, "; ")
}
