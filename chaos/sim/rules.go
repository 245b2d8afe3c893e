package sim

import (
	"errors"
	"slices"
	"time"

	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/replay/sink"
	"backstitch/replay/worker"
)

// What must hold, by name. A violation names its rule.
const (
	RuleSim        = "the simulation itself works"
	RuleOwner      = "a slice has one owner under each epoch"
	RuleEpoch      = "an epoch never falls"
	RuleCheckpoint = "a checkpoint is never ahead of the data"
	RuleDone       = "a slice that is done is in the target"
	RuleRequest    = "a request that is repeated has one result"
	RuleAcked      = "what was answered has happened"
	RuleOnce       = "no record is there twice"
	RuleLost       = "no record is lost"
	RuleOrder      = "records keep their order"
	RuleFidelity   = "records are what they were"
	RuleUnasked    = "only what was lost is written"
	RuleHonest     = "complete means complete"
	RuleWitness    = "E4 is claimed of what another node read than wrote, and of nothing else"
	RuleSelfStop   = "nothing runs for longer than the lease"
	RuleConfirm    = "what was fenced runs again only when the book has confirmed it since"
	RulePaused     = "a paused job stands still"
	RuleEnds       = "every job ends"
	RuleFails      = "no job fails without a reason"
	RuleSameBook   = "all books are the same"
)

// rules look at every step.
type rules struct {
	w        *World
	owners   map[worker.Lease]partition.NodeID // of every lease that was ever granted
	current  map[partition.SliceID]worker.Lease
	first    map[[16]byte]fsm.Result
	known    []known
	verified map[int32]time.Duration                      // when a partition was compared last
	wrote    map[partition.Lane]map[partition.NodeID]bool // who really worked on a fill slice
	read     map[partition.Lane]map[partition.NodeID]bool // who really compared
	paused   map[partition.JobID]bool
	excuse   string // why a job may fail
}

// known is an answer that somebody got.
type known struct {
	id  [16]byte
	res fsm.Result
}

func newRules(w *World) *rules {
	return &rules{
		w: w, owners: map[worker.Lease]partition.NodeID{}, current: map[partition.SliceID]worker.Lease{}, first: map[[16]byte]fsm.Result{},
		verified: map[int32]time.Duration{}, paused: map[partition.JobID]bool{},
		wrote: map[partition.Lane]map[partition.NodeID]bool{}, read: map[partition.Lane]map[partition.NodeID]bool{},
	}
}

// applied looks at a command that is in the log now.
func (r *rules) applied(e *entry) {
	r.repeated(e)
	if e.result.Code != fsm.OK {
		return
	}
	refused := func(id partition.SliceID) bool {
		return slices.ContainsFunc(e.result.Refused, func(x fsm.Refusal) bool { return x.Slice == id })
	}
	switch c := e.cmd.(type) {
	case fsm.GrantLeases:
		for _, g := range c.Grants {
			if !refused(g.Slice) {
				r.granted(g)
			}
		}
	case fsm.SaveCheckpoints:
		for _, s := range c.Entries {
			if !refused(s.Slice) {
				r.saved(c.Owner, s)
			}
		}
	case fsm.FinishSlice:
		r.done(c)
	case fsm.RecordProof:
		r.witnessed(c.Proof)
	case fsm.FinishJob:
		r.finished(c)
	case fsm.PauseJob:
		r.paused[c.ID] = true
	case fsm.ResumeJob:
		delete(r.paused, c.ID)
	case fsm.CancelJob:
		r.jobOver(c.ID)
	}
}

// repeated wants one result for one request.
func (r *rules) repeated(e *entry) {
	id := e.env.RequestID
	if id == ([16]byte{}) {
		return
	}
	before, again := r.first[id]
	if !again {
		r.first[id] = e.result
		return
	}
	r.w.events.Again++
	if before.Code != e.result.Code || before.Index != e.result.Index {
		r.w.violate(RuleRequest, "op %03d: first %s at index %d, again %s at index %d", e.cmd.Op(), before.Code, before.Index, e.result.Code, e.result.Index)
	}
}

func (r *rules) granted(g fsm.Grant) {
	r.stands(g.Slice, "a grant")
	id := worker.Lease{Slice: g.Slice, Epoch: g.Seen + 1}
	before, moved := r.current[g.Slice]
	switch owner, twice := r.owners[id]; {
	case twice:
		r.w.violate(RuleOwner, "slice %s under epoch %d belongs to %s and to %s", g.Slice, id.Epoch, owner, g.Owner)
	case moved && before.Epoch >= id.Epoch:
		r.w.violate(RuleEpoch, "slice %s falls from epoch %d to %d", g.Slice, before.Epoch, id.Epoch)
	case moved && r.owners[before] != g.Owner:
		r.w.events.Moves++
	}
	r.owners[id], r.current[g.Slice] = g.Owner, id
}

// stands wants that nobody works on a job that people have stopped.
func (r *rules) stands(slice partition.SliceID, what string) {
	if r.paused[slice.Job] {
		r.w.violate(RulePaused, "%s of %s was taken while its job is paused", what, slice)
	}
}

// mine says whether owner holds slice under epoch, as far as grants tell.
func (r *rules) mine(slice partition.SliceID, owner partition.NodeID, epoch partition.Epoch) bool {
	id := worker.Lease{Slice: slice, Epoch: epoch}
	return r.current[slice] == id && r.owners[id] == owner
}

func (r *rules) saved(owner partition.NodeID, s fsm.SliceCheckpoint) {
	r.stands(s.Slice, "a checkpoint")
	if !r.mine(s.Slice, owner, s.Checkpoint.Epoch) {
		r.w.violate(RuleOwner, "%s saved a checkpoint of %s under epoch %d, the owner is %s", owner, s.Slice, s.Checkpoint.Epoch, r.owners[r.current[s.Slice]])
	}
	slice, ok := r.w.slice(s.Slice)
	if !ok {
		return
	}
	if at, records := r.w.durable(slice); s.Checkpoint.Cursor > at || s.Checkpoint.Records > records {
		r.w.violate(RuleCheckpoint, "the book has %s at %d with %d records, the target at %d with %d", s.Slice, s.Checkpoint.Cursor, s.Checkpoint.Records, at, records)
	}
}

// durable is how far a slice is in the target.
func (w *World) durable(s partition.Slice) (cursor partition.Offset, records int64) {
	c := w.broker.ids[s.Lane()]
	switch {
	case c == nil || c.stamp == "" || c.newest.Slice < s.ID.N:
		return s.Ranges.Span().From, 0
	case c.newest.Slice > s.ID.N:
		return s.Ranges.Span().To, 1 << 60
	}
	return c.newest.Progress.Cursor, c.newest.Progress.Records
}

func (w *World) slice(id partition.SliceID) (partition.Slice, bool) {
	for _, j := range w.jobs {
		if j.id == id.Job && int(id.N) < len(j.slices) {
			return j.slices[id.N], true
		}
	}
	return partition.Slice{}, false
}

func (r *rules) done(c fsm.FinishSlice) {
	slice, ok := r.w.slice(c.Slice)
	if !ok || slice.Kind != partition.SliceFill {
		return
	}
	r.w.events.Suppressed += c.Checkpoint.Suppressed
	if !r.mine(c.Slice, c.Owner, c.Epoch) {
		r.w.violate(RuleOwner, "%s finished %s under epoch %d, the owner is %s", c.Owner, c.Slice, c.Epoch, r.owners[r.current[c.Slice]])
	}
	if at, _ := r.w.durable(slice); at < slice.Ranges.Span().To {
		r.w.violate(RuleDone, "%s is done in the book, the target is at %d of %d", c.Slice, at, slice.Ranges.Span().To)
	}
}

// finished judges a job in the moment in which the book calls it done.
func (r *rules) finished(c fsm.FinishJob) {
	r.jobOver(c.ID)
	for _, j := range r.w.jobs {
		switch {
		case j.id != c.ID:
		case c.State == fsm.JobSucceeded:
			r.w.judge(j, true)
		case r.excuse == "":
			r.w.violate(RuleFails, "job %s failed", j.id)
		}
	}
}

func (r *rules) jobOver(id partition.JobID) {
	for _, j := range r.w.jobs {
		if j.id == id {
			j.ended = true
		}
	}
}

// committed wants the stamps of a lane to rise.
func (r *rules) committed(l partition.Lane, c *coordinator, s sink.Stamp) {
	if c.stamp == "" {
		return
	}
	n := c.newest
	switch {
	case s.Slice < n.Slice:
		r.w.violate(RuleEpoch, "lane %d goes back from slice %d to %d", l.Partition, n.Slice, s.Slice)
	case s.Slice == n.Slice && s.Epoch < n.Epoch:
		r.w.violate(RuleEpoch, "slice %d goes back from epoch %d to %d", s.Slice, n.Epoch, s.Epoch)
	case s.Slice == n.Slice && s.Progress.Cursor < n.Progress.Cursor:
		r.w.violate(RuleEpoch, "slice %d goes back from %d to %d", s.Slice, n.Progress.Cursor, s.Progress.Cursor)
	}
}

// works looks at a run that is about to do something.
func (r *rules) works(run *run) {
	n, w := run.n, r.w
	if !r.mine(run.lease.Slice, n.id, run.lease.Epoch) {
		w.events.Zombies++
	}
	if run.work.Slice.Kind == partition.SliceFill {
		note(r.wrote, run.work.Slice.Lane(), n.id)
	}
	// A process that has just been woken does one thing before it looks at the clock.
	slack := guardEvery + 10*time.Millisecond
	if w.now-n.renewed > n.cfg.LeaseTime+slack && (n.resumed == 0 || w.now-n.resumed > slack) {
		w.violate(RuleSelfStop, "%s works on %s, its last renewal was %s ago", n.id, run.lease.Slice, w.now-n.renewed)
	}
}

// again looks at a run that follows another one of the same lease.
func (r *rules) again(before *run) {
	if before.fenced > 0 && before.n.renewed < before.fenced {
		r.w.violate(RuleConfirm, "%s begins %s again, it was fenced at %s and asked the book at %s last",
			before.n.id, before.lease.Slice, before.fenced, before.n.renewed)
	}
}

func (r *rules) compared(s partition.Slice, by partition.NodeID) {
	r.verified[s.Partition] = r.w.now
	note(r.read, s.Lane(), by)
}

func note(who map[partition.Lane]map[partition.NodeID]bool, l partition.Lane, n partition.NodeID) {
	if who[l] == nil {
		who[l] = map[partition.NodeID]bool{}
	}
	who[l][n] = true
}

// witnessed wants of a proof that whoever read a partition at E4 did read it, and wrote nothing of it.
func (r *rules) witnessed(p fsm.Proof) {
	for _, c := range p.Comparisons {
		l := partition.Lane{Job: p.Job, Partition: c.Partition}
		if !r.read[l][c.ReadBy] {
			r.w.violate(RuleWitness, "lane %d of job %s is proved by %s, which did not read it", c.Partition, p.Job, c.ReadBy)
		}
		if c.Evidence < fsm.E4 {
			continue
		}
		r.w.events.Witnessed++
		if r.wrote[l][c.ReadBy] {
			r.w.violate(RuleWitness, "lane %d of job %s is proved at %s by %s, which worked on it", c.Partition, p.Job, c.Evidence, c.ReadBy)
		}
	}
}

// failed looks at a failure that a worker is about to report.
func (r *rules) failed(run *run, f worker.Failure) {
	if errors.Is(f.Err, sink.ErrFenced) {
		r.w.violate(RuleFails, "%s reports that it was fenced", run.n.id)
	}
	if !f.Retry && r.excuse == "" {
		r.w.violate(RuleFails, "slice %s failed for good: %s", run.lease.Slice, f.Text())
	}
}

// acked remembers an answer.
func (r *rules) acked(env fsm.Envelope, res fsm.Result) {
	r.known = append(r.known, known{env.RequestID, res})
}
