package admin

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"backstitch/cluster/client"
	"backstitch/fsm"
)

// The audit trail, as this node has it. Each node has the same, so whoever wants to know asks several; what is a record's hash he computes himself.

// auditLimit is how many records an answer has, unless others are asked for.
const auditLimit = 50

// AuditOf chooses records.
type AuditOf struct {
	Blocking
	From    uint64 `query:"from" doc:"those of this number and higher ones, oldest first; without it the newest first"`
	Before  uint64 `query:"before" doc:"those with a lower number"`
	Limit   int    `query:"limit" minimum:"0" maximum:"1000" doc:"how many at most; 50 without"`
	Since   string `query:"since" doc:"not before this time, RFC 3339"`
	Actor   string `query:"actor" maxLength:"256" doc:"whose actor contains this"`
	Op      string `query:"op" maxLength:"64" doc:"of this name" example:"cancel-job"`
	Subject string `query:"subject" maxLength:"1024" doc:"whose subject contains this"`
	Refused bool   `query:"refused" doc:"only those that were refused, whole or in part"`
}

func (s *Server) listAudit(ctx context.Context, in *AuditOf) (*indexed[client.AuditRecords], error) {
	if err := s.await(ctx, in.Blocking); err != nil {
		return nil, s.failed(err)
	}
	var since time.Time
	if in.Since != "" {
		var err error
		if since, err = time.Parse(time.RFC3339Nano, in.Since); err != nil {
			return nil, invalid(fmt.Sprintf("since %q is no time", in.Since), "e.g. ?since=2026-11-20T02:00:00Z")
		}
	}
	limit := in.Limit
	if limit == 0 {
		limit = auditLimit
	}
	cluster, node := s.node.ClusterID(), s.node.Name()
	return reading(s, func(view *fsm.View) (client.AuditRecords, error) {
		trail, err := view.AuditTrail()
		if err != nil {
			return client.AuditRecords{}, err
		}
		out := client.AuditRecords{Records: []client.AuditRecord{}, Trail: client.AuditTrail{
			Cluster: cluster, Node: node, Oldest: trail.Oldest, Next: trail.Next, Anchor: hex.EncodeToString(trail.Anchor[:]), Hash: hex.EncodeToString(trail.Hash[:]),
		}}
		for n := range in.numbers(trail) {
			rec, ok, err := view.AuditRecord(n)
			switch {
			case err != nil:
				return out, err
			case ok && in.From == 0 && !since.IsZero() && rec.UnixNanos < since.UnixNano()-clockSlack:
				return out, nil
			case !ok || !in.wants(rec, since):
				continue
			case len(out.Records) == limit:
				out.More = true
				return out, nil
			}
			out.Records = append(out.Records, describeAudit(rec))
		}
		return out, nil
	})
}

// clockSlack is how far behind the others a node's clock may be before records that it took are not found by time: times come from the nodes that
// took the commands, so they do not strictly rise.
const clockSlack = int64(10 * time.Minute)

// numbers are those of the records to look at, in their order.
func (in *AuditOf) numbers(t fsm.AuditTrail) func(yield func(uint64) bool) {
	end := t.Next
	if in.Before > 0 {
		end = min(end, in.Before)
	}
	return func(yield func(uint64) bool) {
		if in.From > 0 {
			for n := max(t.Oldest, in.From); n < end && yield(n); n++ {
			}
			return
		}
		for n := end; n > t.Oldest && yield(n-1); n-- {
		}
	}
}

func (in *AuditOf) wants(r fsm.AuditRecord, since time.Time) bool {
	return strings.Contains(r.Actor, in.Actor) && strings.Contains(r.Subject, in.Subject) && (in.Op == "" || fsm.OpName(r.Op) == in.Op) &&
		(!in.Refused || r.Code != fsm.OK || r.Refused > 0) && (since.IsZero() || r.UnixNanos >= since.UnixNano())
}

func describeAudit(r fsm.AuditRecord) client.AuditRecord {
	return client.AuditRecord{
		Number: r.Number, Index: r.Index, At: time.Unix(0, r.UnixNanos).UTC(), Op: r.Op, Name: fsm.OpName(r.Op), Subject: r.Subject, Actor: r.Actor,
		Reason: r.Reason, Request: hex.EncodeToString(r.RequestID[:]), Code: uint16(r.Code), Result: r.Code.String(), Object: r.Object,
		Refused: r.Refused, Hash: hex.EncodeToString(r.Hash[:]),
	}
}
