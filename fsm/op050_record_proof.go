package fsm

import (
	"bytes"
	"fmt"

	"backstitch/fsm/wire"
)

// RecordProof stores a proof and makes it the newest of its job. The verdict must be the one that Judge gives, and no comparison
// may claim E4 that a writer of its partition has read.
//
// Since: 1. Proposed by: the leader, and the API for a verify that a person ran. Refused: UnknownJob, Exists (the
// same id with other content; the same content again is OK), Invalid. Index is set by the book.
type RecordProof struct {
	Proof Proof
}

// Op returns 50.
func (RecordProof) Op() uint16 { return 50 }

func (c RecordProof) subject() string {
	return fmt.Sprintf("proof %s of job %s", c.Proof.ID, c.Proof.Job)
}

func (c RecordProof) apply(t *tx) Result {
	p := c.Proof
	w := t.writers(p.Job, p.Comparisons)
	if why := p.invalid(w, t.version()); why != "" {
		return t.refuse(Invalid, fmt.Sprintf("%s: %s", c.subject(), why))
	}
	j, ok := t.job(p.Job)
	if !ok {
		return t.refuse(UnknownJob, string(p.Job))
	}
	if reads := t.reads(p.Job); reads != "" {
		return t.refuse(Invalid, reads+": it writes nothing that could be proved")
	}
	var have Proof
	if t.read(key(kindProof, []byte(p.ID)), &have) {
		if !sameProof(have, p) {
			return t.refuse(Exists, c.subject())
		}
		return t.ok()
	}
	p.Index = t.index
	t.write(key(kindProof, []byte(p.ID)), &p)
	t.write(key(kindProofOfJob, ended(p.Job), u64(t.index)), proofRef{ID: p.ID})
	j.Proof = p.ID
	t.putJob(j)
	return t.ok()
}

// invalid says what contradicts itself. Before writersSince, older programs took any claim of E4, and so
// must this one.
func (p Proof) invalid(w Writers, version uint32) string {
	if p.ID == "" || len(p.ID) > maxIDBytes {
		return fmt.Sprintf("an id of %d bytes, want 1 to %d", len(p.ID), maxIDBytes)
	}
	level := w.Level
	if version < writersSince {
		level = func(c Comparison) Evidence { return c.Evidence }
	}
	for _, c := range p.Comparisons {
		if level(c) != c.Evidence {
			return fmt.Sprintf("partition %d claims %s, and the book can not say that its reader %q wrote nothing of it", c.Partition, c.Evidence, c.ReadBy)
		}
	}
	if verdict, evidence := judge(p.Comparisons, level); p.Verdict != verdict || p.Evidence != evidence {
		return fmt.Sprintf("it says %s at %s, its comparisons say %s at %s", p.Verdict, p.Evidence, verdict, evidence)
	}
	return ""
}

func sameProof(a, b Proof) bool {
	a.Index, b.Index = 0, 0
	x, errX := wire.Marshal(&a)
	y, errY := wire.Marshal(&b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}
