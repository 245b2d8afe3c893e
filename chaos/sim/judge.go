package sim

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"

	"backstitch/fsm"
	"backstitch/partition"

	"github.com/hashicorp/raft"
)

// The verdict, computed from what was lost and what the target holds. Nothing of replay is asked.

// replayEvery is in which share of the runs the log is applied once more by another machine.
const replayEvery = 8

// judgeEnd looks at everything when the run is over.
func (w *World) judgeEnd() {
	view := w.book.views[w.book.head()]
	for _, k := range w.rules.known {
		if i := k.res.Index; i < 1 || i > w.book.head() || w.book.log[i-1].env.RequestID != k.id || w.book.log[i-1].result.Code != k.res.Code {
			w.violate(RuleAcked, "an answer names index %d, and what is there is something else", i)
		}
	}
	for _, j := range w.jobs {
		got, ok, err := view.Job(j.id)
		switch {
		case err != nil:
			w.must(err)
		case !ok:
			w.violate(RuleEnds, "nobody knows job %s %s after the last fault", j.id, patience)
		case !got.State.Terminal():
			w.violate(RuleEnds, "job %s is %s %s after the last fault", j.id, got.State, patience)
		case got.State == fsm.JobCancelled && !j.cancelled:
			w.violate(RuleEnds, "job %s is cancelled and nobody asked for it", j.id)
		case got.State == fsm.JobSucceeded:
			if err := proved(got, view); err != nil {
				w.violate(RuleHonest, "%v", err)
			}
		}
		w.judge(j, false)
	}
	for _, err := range view.Audit(0) {
		if err != nil {
			w.violate(RuleSameBook, "audit trail: %v", err)
		}
	}
}

func proved(j fsm.Job, v *fsm.View) error {
	p, ok, err := v.Proof(j.Proof)
	if err != nil || !ok || p.Verdict != fsm.Pass {
		return fmt.Errorf("job %s succeeded with proof %q: it is there: %t, its verdict is %s: %w", j.ID, j.Proof, ok, p.Verdict, err)
	}
	return nil
}

// judge compares the partitions of a job with the truth. Whole means that nothing may be missing.
func (w *World) judge(j *job, whole bool) {
	for i, t := range w.ref.parts {
		if i%w.plan.Jobs == int(j.id[len(j.id)-1]-'a') {
			w.judgePart(j, i, t, whole)
		}
	}
}

func (w *World) judgePart(j *job, i int, t *truth, whole bool) {
	p := w.broker.parts[i]
	there := make([]cell, 0, len(p.cells)+len(p.gone))
	for _, c := range p.gone {
		// What went after the comparison is nobody's fault.
		if c.at >= w.rules.verified[int32(i)] {
			there = append(there, c.cell)
		}
	}
	before := len(there) // of these nobody knows the order any more
	there = append(there, p.cells...)
	counts, last := map[string]int{}, partition.Offset(-1)
	seen := map[partition.Offset]bool{}
	for k := range there {
		c := &there[k]
		if c.txn != nil && c.txn.state != txnCommitted {
			continue
		}
		if c.pid < 0 || c.job == "" && c.rec.TimestampMs >= 1_800_000_000_000 {
			continue // new records of others
		}
		counts[c.text]++
		if c.job == "" {
			continue
		}
		at, known := t.byPos[c.origin]
		switch {
		case !known || !t.lost.Contains(c.origin):
			w.violate(RuleUnasked, "partition %d: position %d was written and not lost", i, c.origin)
		case c.text != content(&t.records[at]):
			w.violate(RuleFidelity, "partition %d, position %d: %q, want %q", i, c.origin, c.text, content(&t.records[at]))
		case seen[c.origin]:
			w.violate(RuleOnce, "partition %d: position %d is there twice", i, c.origin)
		case k >= before && c.origin <= last:
			w.violate(RuleOrder, "partition %d: position %d comes after %d", i, c.origin, last)
		}
		if seen[c.origin] = true; k >= before {
			last = c.origin
		}
	}
	if w.rules.excuse != "" && !whole {
		return
	}
	for k := range t.records {
		r := &t.records[k]
		if lost := t.lost.Contains(r.Offset); lost && t.absent(r.Offset) {
			continue
		}
		text := content(r)
		if counts[text]--; counts[text] < 0 && whole {
			w.violate(RuleHonest, "job %s is complete, and of partition %d position %d is missing: %q", j.id, i, r.Offset, text)
			return
		}
	}
	for _, text := range slices.Sorted(maps.Keys(counts)) {
		if n := counts[text]; n > 0 {
			w.violate(RuleOnce, "partition %d holds %d times too often: %q", i, n, text)
			return
		}
	}
}

// replay applies the log once more: in batches of other sizes, over entries that are there already, and through snapshots into
// another machine. The digests have to be the same at each step.
func (w *World) replay(shelf *Shelf) error {
	r := rand.New(rand.NewPCG(w.plan.Seed, 4))
	k, err := shelf.take()
	if err != nil {
		return err
	}
	for i := 0; i < len(w.book.log); {
		from := max(0, i-r.IntN(4))
		to := min(len(w.book.log), i+1+r.IntN(40))
		logs := make([]*raft.Log, 0, to-from)
		for n := from; n < to; n++ {
			logs = append(logs, &w.book.log[n].log)
		}
		k.m.ApplyBatch(logs)
		if err := k.m.Err(); err != nil {
			return fmt.Errorf("applied once more up to index %d: %w", to, err)
		}
		i = to
		if got, at := k.m.Digest(); at != uint64(i) || got != w.book.digests[i] {
			return fmt.Errorf("applied once more, the digest of index %d (%d) is %x, want %x", i, at, got[:8], w.book.digests[i][:8])
		}
		if r.IntN(4) > 0 {
			continue
		}
		stream, err := snapshotOf(k.m)
		if err != nil {
			return err
		}
		next, err := shelf.take()
		if err != nil {
			return err
		}
		if err := next.m.Restore(io.NopCloser(bytes.NewReader(stream))); err != nil {
			return err
		}
		if err := shelf.put(k); err != nil {
			return err
		}
		k = next
	}
	return shelf.put(k)
}
