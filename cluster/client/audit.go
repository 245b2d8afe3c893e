package client

import (
	"context"
	"net/url"
	"strconv"
	"time"
)

// AuditRecord is one command that somebody gave, and what came of it.
type AuditRecord struct {
	Number  uint64    `json:"number" doc:"counted from 1, without a gap"`
	Index   uint64    `json:"index" doc:"of the entry of the log"`
	At      time.Time `json:"at" doc:"by the clock of the node that took it, to the nanosecond"`
	Op      uint16    `json:"op"`
	Name    string    `json:"name" doc:"of the op" example:"cancel-job"`
	Subject string    `json:"subject" doc:"what it was about"`
	Actor   string    `json:"actor"`
	Reason  string    `json:"reason,omitempty"`
	Request string    `json:"request" doc:"32 hex digits; zeros where none was given"`
	Code    uint16    `json:"code"`
	Result  string    `json:"result" example:"ok"`
	Object  string    `json:"object,omitempty" doc:"what a refusal was about"`
	Refused uint32    `json:"refused,omitempty" doc:"refused entries of one command with many"`
	Hash    string    `json:"hash" doc:"SHA-256 over the hash of the record before and this record, 64 hex digits"`
}

// AuditTrail is what a node keeps of the audit trail.
type AuditTrail struct {
	Cluster string `json:"cluster"`
	Node    string `json:"node" doc:"name of the node that was asked"`
	Oldest  uint64 `json:"oldest" doc:"number of the first record that is kept"`
	Next    uint64 `json:"next" doc:"number of the record that comes next"`
	Anchor  string `json:"anchor" doc:"hash of the record before the oldest"`
	Hash    string `json:"hash" doc:"of the newest record"`
}

// AuditRecords is GET /v1/audit.
type AuditRecords struct {
	Trail   AuditTrail    `json:"trail"`
	Records []AuditRecord `json:"records"`
	More    bool          `json:"more" doc:"there are further ones that were asked for"`
}

// AuditQuery says which records; its zero value is the newest 50.
type AuditQuery struct {
	From    uint64 // those of this number and higher ones, oldest first; 0 for the newest first
	Before  uint64 // those with a lower number; 0 for all
	Limit   int
	Since   time.Time
	Actor   string // that contain it
	Op      string
	Subject string // that contain it
	Refused bool   // only refusals
}

// Audit reads records of the audit trail of the node that answers. With b it waits for something newer.
func (c *Client) Audit(ctx context.Context, a AuditQuery, b Blocking) (AuditRecords, uint64, error) {
	q := b.query()
	if q == nil {
		q = url.Values{}
	}
	set := func(name, value string, yes bool) {
		if yes {
			q.Set(name, value)
		}
	}
	set("from", strconv.FormatUint(a.From, 10), a.From > 0)
	set("before", strconv.FormatUint(a.Before, 10), a.Before > 0)
	set("limit", strconv.Itoa(a.Limit), a.Limit > 0)
	set("since", a.Since.UTC().Format(time.RFC3339Nano), !a.Since.IsZero())
	set("actor", a.Actor, a.Actor != "")
	set("op", a.Op, a.Op != "")
	set("subject", a.Subject, a.Subject != "")
	set("refused", "true", a.Refused)
	return call[AuditRecords](ctx, c, request{method: "GET", path: "/v1/audit", query: q})
}
