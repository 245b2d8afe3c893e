package bubble

import (
	"context"
	"errors"
	"fmt"
	"time"

	"backstitch/chaos/check"
	"backstitch/fsm"
	"backstitch/partition"
)

// judge holds what is there against what has to be. All of it is decided by package check; what can not be judged is a violation too.
func (w *world) judge() {
	w.judgeBooks()
	w.judgeJobs()
	w.judgeTopic()
}

// found notes what a checker has found.
func (w *world) found(found check.Findings, err error) {
	for _, f := range found {
		w.violate("%s", f)
	}
	if err != nil {
		w.violate("%v", err)
	}
}

// booksWithin bounds how long a node may be behind once nothing happens any more.
const booksWithin = 30 * time.Second

// judgeBooks wants the same book everywhere, with all that was acknowledged in it, and answers to clients that make sense.
func (w *world) judgeBooks() {
	last := uint64(0)
	if !w.eventually(booksWithin, func() bool { last = w.lastWord(); return last > 0 }) {
		w.violate("nothing happens any more, and for %s the group takes no request", booksWithin)
	}
	if !w.eventually(booksWithin, func() bool { return w.sameIndex(last) }) {
		w.violate("nothing happens any more, and %s later the nodes have not applied the same index", booksWithin)
	}
	books := map[string]check.Book{}
	var members []string
	for n, a := range w.agents {
		members = append(members, a.m.Name)
		v, err := a.m.Node.View()
		if err != nil {
			w.violate("the book of %s can not be read: %v", a.m.Name, err)
			continue
		}
		w.final.index, w.final.digest = v.Applied(), v.Digest()
		w.watch.digests = append(w.watch.digests, check.Digest{Member: a.m.Name, Index: v.Applied(), Sum: v.Digest()})
		if books[a.m.Name], err = check.BookOf(v); err != nil {
			w.violate("the book of %s: %v", a.m.Name, err)
		}
		if err := w.answers.read(operator+1+n, v); err != nil {
			w.violate("the book of %s: %v", a.m.Name, err)
		}
		_ = v.Close()
	}
	w.found(check.Digests(members, w.watch.digests))
	w.found(check.Acked(w.answers.acks, books))
	requests := w.answers.Requests()
	w.result.Operations, w.result.Unknown = len(requests), w.answers.unknown
	w.found(check.Linearizable(requests))
}

// lastWord asks for something that changes nothing and returns its index, 0 when nobody took it. What was acknowledged before lies below
// it. Books alone do not show that: a leader that died right after an answer leaves it in the logs of the others, who do not apply it until
// somebody leads again, and until then their books are equal.
func (w *world) lastWord() uint64 {
	return w.setState(context.Background(), w.agents[0], fsm.MemberActive)
}

// sameIndex says whether all nodes have applied the same, and the index from.
func (w *world) sameIndex(from uint64) bool {
	var index uint64
	for n, a := range w.agents {
		if !a.m.Running() {
			return false
		}
		v, err := a.m.Node.View()
		if err != nil {
			return false
		}
		at := v.Applied()
		_ = v.Close()
		if at < from || n > 0 && at != index {
			return false
		}
		index = at
	}
	return true
}

// judgeJobs wants every job done and proved: none of the faults here makes a recovery impossible.
func (w *world) judgeJobs() {
	v, err := w.agents[0].m.Node.View()
	if err != nil {
		w.violate("book: %v", err)
		return
	}
	defer v.Close()
	var ids []partition.JobID
	var ends []check.End
	for _, j := range w.jobs {
		ids = append(ids, j.id)
		have, ok, err := v.Job(j.id)
		if err != nil || !ok {
			continue // Ended says so
		}
		ends = append(ends, check.End{Job: j.id, State: have.State, Why: have.Why, Proof: have.Proof})
		if p, ok, err := v.Proof(have.Proof); have.State == fsm.JobSucceeded && (err != nil || !ok || p.Verdict != fsm.Pass) {
			w.violate("%s succeeded and has no passing proof: %s, %v", j.id, p.Verdict, err)
		}
		if have.State != fsm.JobSucceeded {
			w.explain(v, have)
		}
	}
	w.found(check.Ended(ids, ends))
}

// explain notes why a job did not succeed, for people.
func (w *world) explain(v *fsm.View, j fsm.Job) {
	for st, err := range v.SliceStates(j.ID) {
		if err == nil && st.Err != "" {
			w.note("  %s: %s", st.ID, st.Err)
		}
	}
	if p, ok, err := v.Proof(j.Proof); err == nil && ok {
		for _, c := range p.Comparisons {
			w.note("  partition %d: %s, read by %s: %s", c.Partition, c.Verdict, c.ReadBy, c.Detail)
		}
	}
}

// readWithin bounds the reading of the target.
const readWithin = time.Minute

// judgeTopic wants each record once, whole and in order, as if nothing had happened; nothing of an owner after its successor; and no
// checkpoint, then or now, ahead of the data.
func (w *world) judgeTopic() {
	ctx, cancel := context.WithTimeout(context.Background(), readWithin)
	defer cancel()
	seen, err := w.read(ctx)
	if err != nil {
		w.violate("%v", err)
		return
	}
	w.result.Records += int(seen.Refilled())
	w.found(check.Topic(w.truth.made(), seen))
	w.found(check.SameAs(w.truth.undisturbed(), seen))
	found, takeovers, err := check.Fencing(seen)
	w.found(found, err)
	w.result.Takeovers = takeovers
	claims, err := w.claims()
	if err != nil {
		w.violate("%v", err)
		return
	}
	w.found(check.Checkpoints(claims, seen))
	w.found(check.Progress(w.watch.steps))
}

// read reads the target.
func (w *world) read(ctx context.Context) (check.Log, error) {
	if w.shelf != nil {
		return check.Store(ctx, w.shelf, target, int32(w.plan.Partitions))
	}
	return check.Read(ctx, target, w.kafka.Opts("judge")...)
}

// claims are the last checkpoints.
func (w *world) claims() (out []check.Claim, err error) {
	v, err := w.agents[0].m.Node.View()
	if err != nil {
		return nil, err
	}
	defer v.Close()
	for _, j := range w.jobs {
		for _, s := range j.slices {
			if s.Kind != partition.SliceFill {
				continue
			}
			st, ok, err := v.SliceState(s.ID)
			if err != nil || !ok {
				return nil, fmt.Errorf("slice %s: it is there: %t: %w", s.ID, ok, err)
			}
			c := check.Claim{
				Slice: s.ID.String(), Job: string(j.id), Partition: s.Partition,
				Cursor: int64(st.Checkpoint.Cursor), Elsewhere: st.Checkpoint.Suppressed + st.Checkpoint.Quarantined,
			}
			for _, r := range s.Ranges {
				for at := r.From; at < r.To; at++ {
					c.Wanted = append(c.Wanted, int64(at))
				}
			}
			out = append(out, c)
		}
	}
	return out, nil
}

// judgeLog wants the log of a node that has ended to say the same as the books did, and one owner at a time of each slice.
func (w *world) judgeLog() {
	a := w.agents[w.random.IntN(len(w.agents))]
	r, err := replay(a.m.FS, w.final.index)
	if errors.Is(err, errCut) {
		w.note("the log of %s can not be applied once more: %v", a.m.Name, err)
		return
	}
	if err != nil {
		w.violate("the log of %s, applied once more: %v", a.m.Name, err)
		return
	}
	if r.digest != w.final.digest {
		w.violate("the log of %s, applied once more, gives %x at %d, the books have %x", a.m.Name, r.digest[:4], w.final.index, w.final.digest[:4])
	}
	found, grants, err := check.Leases(r.log)
	w.found(found, err)
	w.result.Grants = grants
}
