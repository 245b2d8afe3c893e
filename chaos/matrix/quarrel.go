//go:build linux

package matrix

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"backstitch/chaos/check"
	"backstitch/chaos/testbed"
	"backstitch/cluster/client"
	"backstitch/replay/recovery"
)

// Two clients quarrel about small jobs while the cluster is hurt: they submit, pause, resume and cancel, each through any node, and
// note what they are told. Whether an order of the requests explains all answers is for check to say. The jobs have a target that
// nobody can reach, so one that runs does nothing but take a lane; there is one at a time.

const (
	quarrellers  = 2
	pauseBetween = 400 * time.Millisecond
	tries        = 8               // of one client at one job
	limitOfAsk   = 4 * time.Second // after which the outcome of a request is unknown
)

// verbs are what is asked after the first submission; one that is there twice is asked twice as often.
var verbs = []check.Verb{check.Submit, check.Pause, check.Pause, check.Resume, check.Resume, check.Cancel}

type quarrel struct {
	r       *Run
	history *check.History
	round   atomic.Int64 // the job that is quarrelled about now
	cancel  context.CancelFunc
	clients sync.WaitGroup
}

// startQuarrel lets the clients begin. They are stopped by end, or with the test.
func startQuarrel(r *Run) *quarrel {
	began := time.Now()
	ctx, cancel := context.WithCancel(r.T.Context())
	q := &quarrel{r: r, history: check.NewHistory(func() time.Duration { return time.Since(began) }), cancel: cancel}
	r.T.Cleanup(q.stop)
	for n := range quarrellers {
		random := rand.New(rand.NewPCG(r.Seed, uint64(100+n)))
		q.clients.Go(func() { q.ask(ctx, n, random) })
	}
	return q
}

func (q *quarrel) stop() {
	q.cancel()
	q.clients.Wait()
}

// jobID names the job of a round.
func jobID(round int64) string {
	return fmt.Sprintf("bs-quarrel%c%c", 'a'+round/26%26, 'a'+round%26)
}

// ask is one client. The first one ends a round: it cancels the job until it is told that it is over, then both go on to the next.
func (q *quarrel) ask(ctx context.Context, me int, random *rand.Rand) {
	for ctx.Err() == nil {
		round := q.round.Load()
		for n := 0; n < tries && ctx.Err() == nil && q.round.Load() == round; n++ {
			verb := check.Submit
			if n > 0 {
				verb = verbs[random.IntN(len(verbs))]
			}
			q.request(ctx, me, verb, round, random)
			nap(ctx, pauseBetween/2+time.Duration(random.Int64N(int64(pauseBetween))))
		}
		if me != 0 {
			nap(ctx, pauseBetween)
			continue
		}
		for ctx.Err() == nil {
			if told := q.request(ctx, me, check.Cancel, round, random); told.Known {
				break
			}
			nap(ctx, pauseBetween)
		}
		if ctx.Err() == nil {
			q.round.Add(1)
		}
	}
}

func nap(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// request asks once, through any agent that runs, and notes the outcome.
func (q *quarrel) request(ctx context.Context, me int, verb check.Verb, round int64, random *rand.Rand) check.Outcome {
	doors := q.r.agents.running()
	if len(doors) == 0 {
		return check.Outcome{}
	}
	c := doors[random.IntN(len(doors))]
	ctx, cancel := context.WithTimeout(ctx, limitOfAsk)
	defer cancel()
	id, hash := jobID(round), ""
	if verb == check.Submit {
		hash = strings.Repeat(fmt.Sprintf("%02x", 1+random.IntN(2)), 32) // two plans claim one id
	}
	answer := q.history.Begin(me, verb, id, hash)
	job, err := q.send(ctx, c, verb, id, hash)
	told := outcome(verb, job, err)
	if told.Known {
		answer(told)
	}
	return told
}

func (q *quarrel) send(ctx context.Context, c *client.Client, verb check.Verb, id, hash string) (client.Job, error) {
	switch verb {
	case check.Submit:
		recipe, err := json.Marshal(recovery.Recipe{
			Version: 1, Source: recovery.Source{Layout: "archive", URL: "s3://nowhere", Connection: testbed.S3Connection, Topic: "nothing"},
			Target: recovery.Target{Kind: "kafka", Brokers: "127.0.0.1:1", Topic: "nothing"},
			Write:  recovery.Write{OriginHeaders: true, CommitRecords: 1, CommitMs: 1000},
		})
		if err != nil {
			return client.Job{}, err
		}
		return c.Submit(ctx, client.Submission{
			ID: id, Name: id, PlanHash: hash, Recipe: recipe, Locks: []string{id}, Records: 10, Bytes: 100,
			Slices: []client.Slice{{Kind: "fill", Ranges: []client.Range{{From: 0, To: 10}}, Records: 10, Bytes: 100}},
		})
	case check.Pause:
		return c.Pause(ctx, id, "quarrel")
	case check.Resume:
		return c.Resume(ctx, id, "quarrel")
	case check.Cancel:
		return c.Cancel(ctx, id, "quarrel")
	}
	job, _, err := c.Job(ctx, id, client.Blocking{})
	return job, err
}

// outcome says what an answer tells. Only a refusal of the book tells that nothing was done; whatever else goes wrong leaves open
// whether it was, and so does a submission that was refused half way.
func outcome(verb check.Verb, job client.Job, err error) check.Outcome {
	if err == nil {
		return check.Outcome{Known: true, Code: "ok", State: job.State}
	}
	var e *client.Error
	if !errors.As(err, &e) {
		return check.Outcome{}
	}
	switch {
	case e.Code == client.CodeNotFound:
		return check.Outcome{Known: true, Code: "unknown-job"}
	case e.Code == client.CodeExists:
		return check.Outcome{Known: true, Code: "exists"}
	case e.Code == client.CodeWrongState && verb != check.Submit:
		return check.Outcome{Known: true, Code: "wrong-state"}
	}
	return check.Outcome{}
}

// end stops the clients and cancels the last job, so that every job is over.
func (q *quarrel) end() {
	q.stop()
	random := rand.New(rand.NewPCG(q.r.Seed, 99))
	testbed.Eventually(q.r.T, limitOfJudge, "the last job of the quarrel to be over", func() bool {
		return q.request(q.r.T.Context(), 0, check.Cancel, q.round.Load(), random).Known
	})
}

// judge reads every job from every node, whose books are the same by now, and looks for an order of all that was asked.
func (q *quarrel) judge() {
	for round := range q.round.Load() + 1 {
		for n, node := range q.r.Fleet.Nodes {
			answer := q.history.Begin(quarrellers+n, check.Get, jobID(round), "")
			job, err := q.send(q.r.T.Context(), node.Client(), check.Get, jobID(round), "")
			told := outcome(check.Get, job, err)
			if !told.Known {
				q.r.T.Errorf("%s does not say what became of %s: %v", node.Name, jobID(round), err)
				continue
			}
			answer(told)
		}
	}
	requests := q.history.Requests()
	unknown := 0
	for _, r := range requests {
		if q.r.record.Operation(r); !r.Outcome.Known {
			unknown++
		}
	}
	found, err := check.Linearizable(requests)
	q.r.found("control plane", found, err)
	q.r.Say("%d requests to the control plane, %d of them without an answer that tells", len(requests), unknown)
}
