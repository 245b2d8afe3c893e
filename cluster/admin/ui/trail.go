package ui

import (
	"strconv"

	"backstitch/cluster/client"
)

// audit shows who commanded what, newest first.
func (v *visit) audit() error {
	q := v.r.URL.Query()
	before, _ := strconv.ParseUint(q.Get("before"), 10, 64)
	body := struct {
		client.AuditRecords
		Actor, Subject string
		Refused        bool
		Older          string
	}{Actor: q.Get("actor"), Subject: q.Get("subject"), Refused: q.Get("refused") != ""}
	var err error
	body.AuditRecords, _, err = v.c.Audit(v.r.Context(), client.AuditQuery{
		Limit: pageRows, Before: before, Actor: body.Actor, Subject: body.Subject, Refused: body.Refused,
	}, client.Blocking{})
	if err != nil {
		return err
	}
	if n := len(body.Records); n > 0 && body.More {
		body.Older = v.with("before", strconv.FormatUint(body.Records[n-1].Number, 10))
	}
	return v.show("audit.html", "Audit", "audit", before == 0, body)
}
