package bubble

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"backstitch/chaos/check"
	"backstitch/cluster"
	"backstitch/fsm"
	"backstitch/partition"
)

// Clients use the job API through any node. They submit and cancel jobs that never run, pause and resume those that do, and note what
// they were answered. A request that got no answer may happen at any time after it was made, or never. In the end every node's book is
// read, so an acknowledged request that is forgotten, or one that one node knows and another does not, can not be put into any order.

// answers is what clients were told.
type answers struct {
	*check.History
	order atomic.Int64 // of calls and answers; virtual time has many at one moment

	mu      sync.Mutex
	acks    []check.Ack
	unknown int
}

func newAnswers() *answers {
	a := &answers{}
	a.History = check.NewHistory(func() time.Duration { return time.Duration(a.order.Add(1)) })
	return a
}

// acked notes that whoever asked was told where in the log the request is.
func (a *answers) acked(env fsm.Envelope, cmd fsm.Command, res fsm.Result) {
	if env.RequestID == ([16]byte{}) {
		return // nobody could find it again
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.acks = append(a.acks, check.Ack{RequestID: env.RequestID, Index: res.Index, What: fsm.OpName(cmd.Op())})
}

// propose proposes once through a node.
func (w *world) propose(ctx context.Context, by *agent, env fsm.Envelope, cmd fsm.Command) (fsm.Result, error) {
	res, err := by.node.Load().Propose(ctx, env, cmd)
	if err == nil {
		w.answers.acked(env, cmd, res)
	}
	return res, err
}

// request is what a client asks about a job.
type request struct {
	verb check.Verb
	job  partition.JobID
	plan byte // of a submission
}

func (r request) command() fsm.Command {
	switch r.verb {
	case check.Submit:
		return fsm.SubmitJob{ID: r.job, Recipe: []byte("{}"), Slices: 1, PlanHash: [32]byte{r.plan}}
	case check.Pause:
		return fsm.PauseJob{ID: r.job}
	case check.Resume:
		return fsm.ResumeJob{ID: r.job}
	}
	return fsm.CancelJob{ID: r.job}
}

// patience of a client with one request. It is shorter than that of a node, so that some end without an answer.
const patience = 2 * time.Second

// ask makes a request through some node and notes what it was told.
func (w *world) ask(ctx context.Context, client int, by *agent, env fsm.Envelope, r request) check.Outcome {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	plan := ""
	if r.verb == check.Submit {
		plan = fmt.Sprint(r.plan)
	}
	answer := w.answers.Begin(client, r.verb, string(r.job), plan)
	res, err := w.propose(ctx, by, env, r.command())
	var told check.Outcome
	switch {
	case err == nil:
		told = check.Outcome{Known: true, Code: res.Code.String()}
	case errors.Is(err, cluster.ErrOutcomeUnknown):
		w.answers.mu.Lock()
		w.answers.unknown++
		w.answers.mu.Unlock()
		return told
	default:
		told = check.Outcome{Known: true, Code: check.Never}
	}
	answer(told)
	if w.evidence != nil {
		w.evidence.Operation(map[string]any{"client": client, "by": by.m.Name, "verb": r.verb, "job": r.job, "plan": plan, "code": told.Code})
	}
	return told
}

// operator is the number of the client that submits the jobs and ends pauses.
const operator = 100

const clientJobs = 8 // that clients quarrel about at a time

// client uses the job API until ctx ends.
func (w *world) client(ctx context.Context, n int, random *rand.Rand) {
	for round := 0; sleep(ctx, time.Duration(200+random.IntN(1300))*time.Millisecond); round++ {
		if random.IntN(16) == 0 && !w.healed.Load() {
			w.interrupt(ctx, n, random)
			continue
		}
		r := request{
			job:  partition.JobID(fmt.Sprintf("bs-client%c%c", 'a'+random.IntN(clientJobs), 'a'+round/12%26)),
			verb: check.Submit, plan: byte(1 + random.IntN(2)),
		}
		if random.IntN(3) == 0 {
			r.verb = check.Cancel
		}
		env := fsm.Envelope{Actor: fmt.Sprintf("client-%d", n)}
		if random.IntN(3) > 0 { // else it is not repeated inside
			env.RequestID = cluster.NewRequestID()
		}
		w.ask(ctx, n, w.agents[random.IntN(len(w.agents))], env, r)
	}
}

// interrupt pauses a job that runs, and soon resumes it.
func (w *world) interrupt(ctx context.Context, n int, random *rand.Rand) {
	j := w.jobs[random.IntN(len(w.jobs))]
	env := fsm.Envelope{Actor: fmt.Sprintf("client-%d", n), RequestID: cluster.NewRequestID()}
	w.ask(ctx, n, w.agents[random.IntN(len(w.agents))], env, request{verb: check.Pause, job: j.id})
	if sleep(ctx, time.Duration(random.IntN(3000))*time.Millisecond) {
		env.RequestID = cluster.NewRequestID()
		w.ask(ctx, n, w.agents[random.IntN(len(w.agents))], env, request{verb: check.Resume, job: j.id})
	}
}

// endPauses resumes what somebody paused and nobody resumed. It is called once a turn; a request takes its time beside.
func (w *world) endPauses() {
	l := w.c.Leader()
	if l == nil {
		return
	}
	v, err := l.Node.View()
	if err != nil {
		return
	}
	defer v.Close()
	for _, j := range w.jobs {
		have, ok, err := v.Job(j.id)
		if err != nil || !ok || have.State != fsm.JobPaused || !j.resuming.CompareAndSwap(false, true) {
			continue
		}
		by := w.agents[w.random.IntN(len(w.agents))]
		w.beside(func(ctx context.Context) {
			defer j.resuming.Store(false)
			w.ask(ctx, operator, by, fsm.Envelope{Actor: "operator", RequestID: cluster.NewRequestID()}, request{verb: check.Resume, job: j.id})
		})
	}
}

// read notes what a book says about every job that clients had to do with. It is a read that a quorum has confirmed when nothing is
// under way and all books are the same.
func (a *answers) read(client int, v *fsm.View) error {
	var jobs []string
	for _, r := range a.Requests() {
		jobs = append(jobs, r.Job)
	}
	slices.Sort(jobs)
	for _, id := range slices.Compact(jobs) {
		j, ok, err := v.Job(partition.JobID(id))
		if err != nil {
			return err
		}
		if ok {
			a.Begin(client, check.Get, id, fmt.Sprint(j.PlanHash[0]))(check.Outcome{Known: true, Code: fsm.OK.String(), State: j.State.String()})
		} else {
			a.Begin(client, check.Get, id, "")(check.Outcome{Known: true, Code: fsm.UnknownJob.String()})
		}
	}
	return nil
}
