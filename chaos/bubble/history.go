package bubble

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/anishathalye/porcupine"

	"backstitch/cluster"
	"backstitch/fsm"
	"backstitch/partition"
)

// Clients submit and cancel jobs that never run, through any node, and note what they were answered. A proposal that got no answer
// may happen at any time after it was made, or never; one that surely did not happen is no part of the history. In the end every
// node's book is read, so an acknowledged proposal that is forgotten, or one that one node knows and another does not, can not be
// put into any order.

type history struct {
	clock atomic.Int64 // orders calls and answers; virtual time has many at one moment

	mu      sync.Mutex
	ops     []porcupine.Operation
	unknown int
}

func newHistory() *history { return &history{} }

type call struct {
	job  partition.JobID
	what string // submit, cancel or read
	hash byte   // of the plan that is submitted
}

// answer is the code of a proposal, or what is read. The zero value is no answer.
type answer struct {
	known bool
	code  fsm.Code
	state jobState // of a read
}

// jobState is what the model knows of a job.
type jobState struct {
	hash      byte // 0 when it was never submitted
	cancelled bool
}

// model is the job API for jobs that were never started, one job at a time.
var model = porcupine.Model{
	Partition: func(ops []porcupine.Operation) [][]porcupine.Operation {
		by := map[partition.JobID][]porcupine.Operation{}
		for _, op := range ops {
			id := op.Input.(call).job
			by[id] = append(by[id], op)
		}
		var out [][]porcupine.Operation
		for _, of := range by {
			out = append(out, of)
		}
		return out
	},
	Init: func() any { return jobState{} },
	Step: func(state, input, output any) (bool, any) {
		s, in, out := state.(jobState), input.(call), output.(answer)
		next, code := s, fsm.OK
		switch in.what {
		case "submit":
			if s.hash == 0 {
				next.hash = in.hash
			} else if s.hash != in.hash {
				code = fsm.Exists
			}
		case "cancel":
			if s.hash == 0 {
				code = fsm.UnknownJob
			} else {
				next.cancelled = true
			}
		case "read":
			return out.state == s, s
		}
		return !out.known || out.code == code, next
	},
	DescribeOperation: func(input, output any) string { return fmt.Sprintf("%v -> %v", input, output) },
}

const clientJobs = 8 // that clients quarrel about at a time

// client uses the job API until ctx ends.
func (w *world) client(ctx context.Context, n int, random *rand.Rand) {
	for round := 0; sleep(ctx, time.Duration(100+random.IntN(700))*time.Millisecond); round++ {
		in := call{
			job:  partition.JobID(fmt.Sprintf("bs-client%c%c", 'a'+random.IntN(clientJobs), 'a'+round/12%26)),
			what: "submit", hash: byte(1 + random.IntN(2)),
		}
		var cmd fsm.Command = fsm.SubmitJob{ID: in.job, Recipe: []byte("{}"), Slices: 1, PlanHash: [32]byte{in.hash}}
		if random.IntN(4) == 0 {
			in.what, in.hash, cmd = "cancel", 0, fsm.CancelJob{ID: in.job}
		}
		env := fsm.Envelope{Actor: fmt.Sprintf("client-%d", n)}
		if random.IntN(3) > 0 { // else it is not repeated inside
			env.RequestID = cluster.NewRequestID()
		}
		node := w.agents[random.IntN(len(w.agents))].node.Load()
		w.book.propose(ctx, n, node, in, env, cmd)
	}
}

func (h *history) propose(ctx context.Context, client int, node *cluster.Node, in call, env fsm.Envelope, cmd fsm.Command) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	began := h.clock.Add(1)
	res, err := node.Propose(ctx, env, cmd)
	op := porcupine.Operation{ClientId: client, Input: in, Call: began, Output: answer{known: true, code: res.Code}, Return: h.clock.Add(1)}
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case err == nil:
	case errors.Is(err, cluster.ErrOutcomeUnknown):
		op.Output, op.Return = answer{}, math.MaxInt64
		h.unknown++
	default: // it surely did not happen
		return
	}
	h.ops = append(h.ops, op)
}

// read notes what a book says in the end about every job that clients had to do with.
func (h *history) read(client int, v *fsm.View) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	seen := map[partition.JobID]bool{}
	at := h.clock.Add(1)
	for _, op := range h.ops {
		id := op.Input.(call).job
		if seen[id] || op.Input.(call).what == "read" {
			continue
		}
		seen[id] = true
		var s jobState
		if j, ok, err := v.Job(id); err != nil {
			return err
		} else if ok {
			s = jobState{hash: j.PlanHash[0], cancelled: j.State == fsm.JobCancelled}
		}
		h.ops = append(h.ops, porcupine.Operation{
			ClientId: client, Input: call{job: id, what: "read"}, Call: at, Output: answer{known: true, state: s}, Return: h.clock.Add(1),
		})
	}
	return nil
}

// judge says whether there is an order in which all answers make sense.
func (h *history) judge() porcupine.CheckResult {
	h.mu.Lock()
	defer h.mu.Unlock()
	return porcupine.CheckOperationsTimeout(model, h.ops, 0)
}
