package main

import (
	"context"
	"encoding/hex"
	"fmt"

	"backstitch/cluster/client"
	"backstitch/fsm"
)

// Each record's hash covers the record and the hash before it. Here it is computed from what a node says of the record, and not believed: so one
// who changes a record of a node has to change all behind it, and then differs from the others.

// chain is a walk along a trail.
type chain struct {
	next uint64   // number of the record that has to come
	hash [32]byte // of the one before
}

// begin is where the trail that a node keeps begins.
func begin(t client.AuditTrail) (chain, error) {
	anchor, err := hash32(t.Anchor)
	return chain{next: t.Oldest, hash: anchor}, err
}

// add takes the next record, and says what is wrong with it.
func (c *chain) add(r client.AuditRecord) error {
	if r.Number != c.next {
		return fmt.Errorf("record %d stands where %d has to be", r.Number, c.next)
	}
	said, err := hash32(r.Hash)
	if err != nil {
		return fmt.Errorf("record %d: %w", r.Number, err)
	}
	request, err := hex.DecodeString(r.Request)
	if err != nil || len(request) != 16 {
		return fmt.Errorf("record %d: request %.40q is not 32 hex digits", r.Number, r.Request)
	}
	rec := fsm.AuditRecord{
		Number: r.Number, Index: r.Index, UnixNanos: r.At.UnixNano(), Op: r.Op, Subject: r.Subject, Actor: r.Actor, Reason: r.Reason,
		RequestID: [16]byte(request), Code: fsm.Code(r.Code), Object: r.Object, Refused: r.Refused,
	}
	want, err := rec.Chain(c.hash)
	if err != nil {
		return fmt.Errorf("record %d: %w", r.Number, err)
	}
	// What people read stands beside the numbers, and is no part of the hash.
	if want != said || r.Name != fsm.OpName(r.Op) || r.Result != rec.Code.String() {
		return fmt.Errorf("record %d is not what was written: its hash is %.16x, and it says %.16s and is called %s, %s", r.Number, want, r.Hash, r.Name, r.Result)
	}
	c.next, c.hash = r.Number+1, said
	return nil
}

func hash32(text string) (out [32]byte, err error) {
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != len(out) {
		return out, fmt.Errorf("%.80q is not 64 hex digits", text)
	}
	return [32]byte(raw), nil
}

// auditPage is how many records are asked for at a time.
const auditPage = 1000

// walkAudit gives all records that a node keeps to each, oldest first. What retention takes meanwhile is a gap that each sees.
func walkAudit(ctx context.Context, c *client.Client, each func(client.AuditTrail, []client.AuditRecord) error) error {
	from := uint64(1)
	for {
		out, _, err := c.Audit(ctx, client.AuditQuery{From: from, Limit: auditPage}, client.Blocking{})
		if err != nil {
			return err
		}
		if err := each(out.Trail, out.Records); err != nil {
			return err
		}
		if !out.More {
			return nil
		}
		from = out.Records[len(out.Records)-1].Number + 1
	}
}
