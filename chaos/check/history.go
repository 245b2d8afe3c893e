package check

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"
)

// Verb is what a client asked of the control plane.
type Verb string

// Verbs. Get has to be a read that the cluster promises to be linearizable: one that was confirmed by a quorum, not the book of
// whichever node answered.
const (
	Submit Verb = "submit"
	Pause  Verb = "pause"
	Resume Verb = "resume"
	Cancel Verb = "cancel"
	Get    Verb = "get"
)

// Never is the code of a request of which the cluster says that it has not happened and will not.
const Never = "never"

// Outcome is what a client was told. The zero value is unknown: a timeout, a connection that broke. It stays open for ever.
type Outcome struct {
	Known bool
	Code  string // as fsm.Code prints: "ok", "wrong-state", "unknown-job", "exists", "overlap", "invalid"
	State string // as fsm.JobState prints; of a get that found a job
}

// Request is one request and its outcome. Tries with the same request id are one request.
type Request struct {
	Client  int
	Job     string
	Verb    Verb
	Plan    string // of a submit: what tells one plan from another; of a get: the plan that it showed, "" when nobody looked
	Began   time.Duration
	Ended   time.Duration // meaningless while the outcome is unknown
	Outcome Outcome
}

// History collects what clients ask and are told. It is safe for concurrent use.
type History struct {
	mu       sync.Mutex
	since    func() time.Duration
	requests []*Request
}

// NewHistory starts one. since is a clock that never goes back.
func NewHistory(since func() time.Duration) *History { return &History{since: since} }

// Begin notes that a client asks. The answer is called once with the outcome; never, when nobody learns it.
func (h *History) Begin(client int, verb Verb, job, plan string) (answer func(Outcome)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := &Request{Client: client, Job: job, Verb: verb, Plan: plan, Began: h.since()}
	h.requests = append(h.requests, r)
	return func(o Outcome) {
		h.mu.Lock()
		defer h.mu.Unlock()
		r.Ended, r.Outcome = h.since(), o
	}
}

// Requests returns what was collected so far, in the order in which it began.
func (h *History) Requests() []Request {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := make([]Request, len(h.requests))
	for i, r := range h.requests {
		out[i] = *r
	}
	return out
}

// limitOfSearch bounds the search for one job. A history that takes longer was made with too many requests at once.
const limitOfSearch = 30 * time.Second

// Linearizable searches, for each job on its own, an order of its requests that explains every answer. Locks join jobs; a
// submission that is refused for another job's locks, or because it contradicts itself, is taken as it is.
func Linearizable(requests []Request) (Findings, error) {
	jobs := map[string][]porcupine.Operation{}
	known := 0
	last := time.Duration(math.MinInt64)
	for _, r := range requests {
		if r.Began < last {
			return nil, unfit("%s of %s began at %s, after one that began at %s", r.Verb, r.Job, r.Began, last)
		}
		last = r.Began
		op := porcupine.Operation{ClientId: r.Client, Input: r, Output: r.Outcome, Call: int64(r.Began), Return: math.MaxInt64}
		if r.Outcome.Known {
			known++
			if r.Ended < r.Began {
				return nil, unfit("%s of %s ended at %s, before it began at %s", r.Verb, r.Job, r.Ended, r.Began)
			}
			op.Return = int64(r.Ended)
		}
		if r.Verb == Get && !r.Outcome.Known {
			continue // it changed nothing and nobody saw it
		}
		jobs[r.Job] = append(jobs[r.Job], op)
	}
	if known == 0 {
		return nil, unfit("no request of %d has a known outcome", len(requests))
	}
	var found Findings
	m := jobModel.ToModel()
	for _, job := range slices.Sorted(maps.Keys(jobs)) {
		switch porcupine.CheckOperationsTimeout(m, jobs[job], limitOfSearch) {
		case porcupine.Illegal:
			found.add(Linear, "job "+job, "no order explains the answers to %d requests", len(jobs[job]))
		case porcupine.Unknown:
			return found, fmt.Errorf("job %s, %d requests: %s were not enough to search: %w", job, len(jobs[job]), limitOfSearch, ErrEvidence)
		}
	}
	return found, nil
}
