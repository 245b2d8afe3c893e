package bubble

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/anishathalye/porcupine"

	"backstitch/fsm"
)

// judge holds what is there against what has to be.
func (w *world) judge() {
	w.judgeBooks()
	w.judgeJobs()
	for part := range w.truth.parts {
		w.judgePartition(int32(part))
	}
}

// booksWithin bounds how long a node may be behind once nothing happens any more.
const booksWithin = 30 * time.Second

// judgeBooks wants the same book everywhere, and answers to clients that make sense.
func (w *world) judgeBooks() {
	differ := ""
	if !w.eventually(booksWithin, func() bool { differ = w.different(); return differ == "" }) {
		w.violate("books are not the same: %s", differ)
	}
	for n, a := range w.agents {
		v, err := a.m.Node.View()
		if err != nil {
			w.violate("the book of %s can not be read: %v", a.m.Name, err)
			continue
		}
		if err := w.book.read(100+n, v); err != nil {
			w.violate("read the book of %s: %v", a.m.Name, err)
		}
		_ = v.Close()
	}
	w.result.Operations, w.result.Unknown = len(w.book.ops), w.book.unknown
	if got := w.book.judge(); got != porcupine.Ok {
		w.violate("what clients were answered is not linearizable: %s; %d operations, %d unknown", got, len(w.book.ops), w.book.unknown)
	}
}

// different says how books differ, "" when they do not.
func (w *world) different() string {
	var index uint64
	var digest [32]byte
	for n, a := range w.agents {
		if !a.m.Running() {
			return a.m.Name + " does not run"
		}
		v, err := a.m.Node.View()
		if err != nil {
			return err.Error()
		}
		at, sum := v.Applied(), v.Digest()
		_ = v.Close()
		if n == 0 {
			index, digest = at, sum
		}
		if at != index || sum != digest {
			return fmt.Sprintf("%s is at %d %x, %s at %d %x", w.agents[0].m.Name, index, digest[:4], a.m.Name, at, sum[:4])
		}
	}
	return ""
}

// judgeJobs wants every job done and proved: none of the faults here makes a recovery impossible.
func (w *world) judgeJobs() {
	v, err := w.agents[0].m.Node.View()
	if err != nil {
		w.violate("book: %v", err)
		return
	}
	defer v.Close()
	for _, j := range w.jobs {
		have, ok, err := v.Job(j.id)
		if err != nil || !ok {
			w.violate("%s is not in the book (%v)", j.id, err)
			continue
		}
		if have.State != fsm.JobSucceeded {
			w.violate("%s is %s: %s", j.id, have.State, have.Why)
			for st, err := range v.SliceStates(j.id) {
				if err == nil && st.Err != "" {
					w.note("  %s: %s", st.ID, st.Err)
				}
			}
			continue
		}
		if p, ok, err := v.Proof(have.Proof); err != nil || !ok || p.Verdict != fsm.Pass {
			w.violate("%s has no passing proof: %v, %v", j.id, p.Verdict, err)
		}
	}
}

// judgePartition wants what had survived and then what was lost, each once, whole and in order.
func (w *world) judgePartition(part int32) {
	p := w.truth.parts[part]
	got, err := visible(context.Background(), w.kafka, part)
	if err != nil {
		w.violate("%v", err)
		return
	}
	want := p.want()
	w.result.Records += max(0, len(got)-p.survivors())
	count := map[string]int{}
	for _, e := range want {
		count[e.String()]++
	}
	for _, e := range got {
		count[e.String()]--
	}
	missing, surplus := 0, 0
	for _, n := range count {
		missing, surplus = missing+max(0, n), surplus+max(0, -n)
	}
	if missing > 0 || surplus > 0 {
		w.violate("partition %d: %d of %d records are missing, %d are there without reason", part, missing, len(want), surplus)
		return
	}
	for i := range want {
		if !same(want[i], got[i]) {
			w.violate("partition %d: out of order at %d: got %s, want %s", part, i, got[i], want[i])
			return
		}
	}
}

func same(a, b entry) bool {
	return a.ms == b.ms && (a.key == nil) == (b.key == nil) && (a.value == nil) == (b.value == nil) &&
		bytes.Equal(a.key, b.key) && bytes.Equal(a.value, b.value) && bytes.Equal(a.header, b.header)
}
