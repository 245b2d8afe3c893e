package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"backstitch/cluster/admin"
	"backstitch/cluster/client"
	"backstitch/cluster/conductor"
	"backstitch/cmd/backstitch/config"
	"backstitch/cmd/backstitch/publish"
	"backstitch/fsm"
	"backstitch/partition"
)

// flowRollbacker takes back jobs of flows, with this agent's connections, by the commands that backstitch rollback gives.
type flowRollbacker struct {
	app *app
	cfg config.Agent
	api func() http.Handler // of this process
}

var _ conductor.Rollbacker = (*flowRollbacker)(nil)

// Rollback does what is left of the rollback of a job.
func (f *flowRollbacker) Rollback(ctx context.Context, job partition.JobID, by fsm.FlowID, reason string) (string, error) {
	ctx = admin.As(ctx, "flow:"+string(by))
	c, err := client.New(client.Config{Addresses: []string{"127.0.0.1:7420"}, Transport: within{f.api()}})
	if err != nil {
		return "", err
	}
	w, err := lookUp(ctx, c, string(job))
	if err != nil {
		return "", lasting(err)
	}
	groups := kafkaGroups{app: f.app}
	*groups.where() = places{named: f.cfg.Connections, env: f.app.lookup, more: f.app.logging()}
	if err := groups.about(nil, w); err != nil {
		return "", lasting(err)
	}
	defer groups.close()
	r, done, err := groups.lookBack(ctx, c, w, reason)
	if err != nil {
		return "", lasting(err)
	}
	defer done()
	if r.Nothing() {
		return fmt.Sprintf("nothing of job %s is left to take back", job), nil
	}
	if err := r.Do(ctx, c, &groups); err != nil {
		return "", lasting(err)
	}
	return rolledBackText(r), nil
}

// rolledBackText says in one line what was taken back.
func rolledBackText(r *publish.Rollback) string {
	var parts []string
	for _, x := range r.Aliases {
		now, before := publish.Between(x.Now, x.Before)
		parts = append(parts, fmt.Sprintf("alias %s went from %s to %s", x.Alias, now, before))
		for _, g := range x.Groups {
			parts = append(parts, "group "+g+" was put back")
		}
	}
	if r.Kept == "" {
		parts = append(parts, fmt.Sprintf("%s records in files are void", count(r.Records)))
	} else {
		parts = append(parts, "topic "+r.Kept+" is kept")
	}
	return fmt.Sprintf("job %s: %s", r.Job, strings.Join(append(parts, r.Notes...), "; "))
}

// lasting marks an error that will be the same until somebody has done something about it: members of a group, a later job, a secret.
func lasting(err error) error {
	f := explain(err)
	switch f.Exit {
	case client.ExitUsage, client.ExitConflict, client.ExitNotFound, client.ExitNotAllowed:
		return fmt.Errorf("%w: %s %w", conductor.ErrRefused, f.Code, err)
	}
	return err
}

// within carries requests to an API in the same process.
type within struct{ handler http.Handler }

// RoundTrip lets the handler answer. It returns once the whole answer is there.
func (w within) RoundTrip(req *http.Request) (*http.Response, error) {
	in := req.Clone(req.Context())
	if in.Body == nil {
		in.Body = http.NoBody
	}
	in.RequestURI, in.RemoteAddr = in.URL.RequestURI(), "127.0.0.1:0"
	out := &kept{header: http.Header{}, status: http.StatusOK}
	w.handler.ServeHTTP(out, in)
	_ = in.Body.Close()
	return &http.Response{StatusCode: out.status, Header: out.header, Body: io.NopCloser(&out.body), Request: req, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		ContentLength: int64(out.body.Len())}, nil
}

// kept is an answer in memory.
type kept struct {
	header  http.Header
	status  int
	written bool
	body    bytes.Buffer
}

func (k *kept) Header() http.Header { return k.header }

func (k *kept) WriteHeader(status int) {
	if !k.written {
		k.status, k.written = status, true
	}
}

func (k *kept) Write(b []byte) (int, error) {
	k.WriteHeader(http.StatusOK)
	return k.body.Write(b)
}
