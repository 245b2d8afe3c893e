package fsm

import (
	"crypto/sha256"
	"fmt"

	"backstitch/fsm/wire"
	"backstitch/storage"
)

// The audit trail: who asked for what, why, and what came of it. It is written by Apply, so all replicas hold the same one,
// and each record's hash covers the one before it. Checkpoints and digest comparisons are not in it, nor are ledgers and deliveries: they are the machine's
// pulse, not decisions, and would push the decisions out.

// MaxAuditRecords is how many records are kept; the oldest go first.
const MaxAuditRecords = 100_000

// AuditRecord is one command as the audit trail keeps it.
type AuditRecord struct {
	Number    uint64 // of the record, counted from 1
	Index     uint64 // of the log entry
	UnixNanos int64  // of the proposer's clock
	Op        uint16
	Subject   string // what it was about
	Actor     string
	Reason    string
	RequestID [16]byte
	Code      Code
	Object    string // what a refusal was about
	Refused   uint32 // refused entries of a batched command
	// Hash is SHA-256 over the hash of the record before and the encoding of this one with a zero Hash.
	Hash [32]byte
}

func audited(number uint16) bool {
	switch number {
	case SaveCheckpoints{}.Op(), SaveLedger{}.Op(), SettleNotices{}.Op(), SaveBaseline{}.Op(), ClaimBaseline{}.Op(), CompareDigest{}.Op():
		return false
	}
	return true
}

// audit appends one record and forgets the oldest one when there are too many.
func (t *tx) audit(number uint16, subject string, r Result) {
	head := auditHead{Oldest: 1, Next: 1}
	t.read(key(kindAuditHead), &head)
	rec := AuditRecord{
		Number: head.Next, Index: t.index, UnixNanos: t.env.UnixNanos, Op: number, Subject: subject,
		Actor: t.env.Actor, Reason: t.env.Reason, RequestID: t.env.RequestID,
		Code: r.Code, Object: r.Object, Refused: uint32(len(r.Refused)),
	}
	var err error
	if rec.Hash, err = rec.Chain(head.Hash); err != nil {
		t.err = err
		return
	}
	t.write(key(kindAudit, u64(rec.Number)), &rec)
	head.Hash = rec.Hash
	head.Next++
	if head.Next-head.Oldest > t.auditKept {
		k := key(kindAudit, u64(head.Oldest))
		var gone AuditRecord
		t.read(k, &gone)
		head.Anchor = gone.Hash
		t.remove(k)
		head.Oldest++
	}
	t.write(key(kindAuditHead), &head)
}

// Chain computes the hash of a record behind one with hash before. Whoever holds records can do it: that is what makes the trail one that an
// outsider checks.
func (a AuditRecord) Chain(before [32]byte) ([32]byte, error) {
	a.Hash = [32]byte{}
	b, err := wire.Append(before[:], &a)
	if err != nil {
		return [32]byte{}, err
	}
	return sha256.Sum256(b), nil
}

// follows checks that a is the record behind one with hash before.
func (a AuditRecord) follows(before [32]byte) error {
	want, err := a.Chain(before)
	if err == nil && a.Hash != want {
		err = storage.Damaged(fmt.Sprintf("audit record %d", a.Number), fmt.Errorf("hash is %x, want %x", a.Hash[:8], want[:8]))
	}
	return err
}
