package client

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
)

func get[T any](ctx context.Context, c *Client, path string, q url.Values) (T, error) {
	out, _, err := call[T](ctx, c, request{method: http.MethodGet, path: path, query: q})
	return out, err
}

func post[T any](ctx context.Context, c *Client, path string, body any) (T, error) {
	out, _, err := call[T](ctx, c, request{method: http.MethodPost, path: path, body: body})
	return out, err
}

func (b Blocking) query() url.Values {
	if b.Index == 0 && b.Wait == 0 {
		return nil
	}
	return url.Values{"index": {strconv.FormatUint(b.Index, 10)}, "wait": {b.Wait.String()}}
}

func job(id string, rest string) string    { return "/v1/jobs/" + url.PathEscape(id) + rest }
func member(id string, rest string) string { return "/v1/members/" + url.PathEscape(id) + rest }

// Cluster asks for the state of the cluster.
func (c *Client) Cluster(ctx context.Context) (Cluster, error) {
	return get[Cluster](ctx, c, "/v1/cluster", nil)
}

// Members lists every node that the cluster knows.
func (c *Client) Members(ctx context.Context) ([]Member, error) {
	out, err := get[Members](ctx, c, "/v1/members", nil)
	return out.Members, err
}

// Drain makes a node hand over its slices and take no new ones. id is a node's id or name.
func (c *Client) Drain(ctx context.Context, id, reason string) (Member, error) {
	return post[Member](ctx, c, member(id, "/drain"), Action{Reason: reason})
}

// Uncordon makes a drained node take work again.
func (c *Client) Uncordon(ctx context.Context, id, reason string) (Member, error) {
	return post[Member](ctx, c, member(id, "/uncordon"), Action{Reason: reason})
}

// Join makes the answering node meet the nodes at the gossip addresses.
func (c *Client) Join(ctx context.Context, addresses []string) (Joined, error) {
	return post[Joined](ctx, c, "/v1/cluster/join", Join{Addresses: addresses})
}

// Leave makes the answering node leave for good. It is sent to the first address only: another node must not leave in its
// place.
func (c *Client) Leave(ctx context.Context, reason string) error {
	one := &Client{bases: c.bases[:1], cfg: c.cfg, http: c.http, usual: c.usual}
	_, _, err := call[Done](ctx, one, request{method: http.MethodPost, path: "/v1/cluster/leave", body: Leave{Reason: reason}, once: true, within: leaveLimit})
	return err
}

// TransferLeader moves leadership to a node's id or name, "" lets the leader choose.
func (c *Client) TransferLeader(ctx context.Context, to string) (Transferred, error) {
	out, _, err := call[Transferred](ctx, c, request{method: http.MethodPost, path: "/v1/cluster/leader/transfer", body: Transfer{To: to}, once: true})
	return out, err
}

// Peers lists the Raft configuration.
func (c *Client) Peers(ctx context.Context) ([]Peer, error) {
	out, err := get[Peers](ctx, c, "/v1/raft/peers", nil)
	return out.Peers, err
}

// RemovePeer takes a node out of the Raft configuration.
func (c *Client) RemovePeer(ctx context.Context, id string) error {
	_, _, err := call[Done](ctx, c, request{method: http.MethodDelete, path: "/v1/raft/peers/" + url.PathEscape(id)})
	return err
}

// Snapshot streams a snapshot of the book; the caller closes it. Index and term are zero when the node does not tell.
func (c *Client) Snapshot(ctx context.Context) (body io.ReadCloser, index, term uint64, err error) {
	resp, err := c.do(ctx, request{method: http.MethodGet, path: "/v1/snapshot", within: snapshotLimit})
	if err != nil {
		return nil, 0, 0, err
	}
	index, _ = strconv.ParseUint(resp.Header.Get(HeaderIndex), 10, 64)
	term, _ = strconv.ParseUint(resp.Header.Get(HeaderTerm), 10, 64)
	return resp.Body, index, term, nil
}

// Restore replaces the whole book by a snapshot. It is never repeated by itself.
func (c *Client) Restore(ctx context.Context, snapshot io.Reader) (Restored, error) {
	out, _, err := call[Restored](ctx, c, request{method: http.MethodPost, path: "/v1/snapshot", raw: snapshot, once: true, within: snapshotLimit})
	return out, err
}

// Submit hands in a plan. The same plan again returns the job that it made.
func (c *Client) Submit(ctx context.Context, s Submission) (Job, error) {
	return post[Job](ctx, c, "/v1/jobs", s)
}

// Jobs lists all jobs.
func (c *Client) Jobs(ctx context.Context, b Blocking) ([]Job, uint64, error) {
	out, index, err := call[Jobs](ctx, c, request{method: http.MethodGet, path: "/v1/jobs", query: b.query(), wait: b.Wait})
	return out.Jobs, index, err
}

// Job reads one job by id or name.
func (c *Client) Job(ctx context.Context, id string, b Blocking) (Job, uint64, error) {
	return call[Job](ctx, c, request{method: http.MethodGet, path: job(id, ""), query: b.query(), wait: b.Wait})
}

// Slices lists the slices of a job.
func (c *Client) Slices(ctx context.Context, id string, b Blocking) ([]SliceState, uint64, error) {
	out, index, err := call[SliceStates](ctx, c, request{method: http.MethodGet, path: job(id, "/slices"), query: b.query(), wait: b.Wait})
	return out.Slices, index, err
}

// Curve reads how a job went, as the node that answers has seen it.
func (c *Client) Curve(ctx context.Context, id string) (Curve, error) {
	return get[Curve](ctx, c, job(id, "/curve"), nil)
}

// Work reads what was submitted.
func (c *Client) Work(ctx context.Context, id string) (Work, error) {
	return get[Work](ctx, c, job(id, "/recipe"), nil)
}

// Pause stops a job at its checkpoints.
func (c *Client) Pause(ctx context.Context, id, reason string) (Job, error) {
	return post[Job](ctx, c, job(id, "/pause"), Action{Reason: reason})
}

// Resume lets a paused job go on.
func (c *Client) Resume(ctx context.Context, id, reason string) (Job, error) {
	return post[Job](ctx, c, job(id, "/resume"), Action{Reason: reason})
}

// Cancel ends a job for good. What it has written stays.
func (c *Client) Cancel(ctx context.Context, id, reason string) (Job, error) {
	return post[Job](ctx, c, job(id, "/cancel"), Action{Reason: reason})
}

// Retry runs the failed slices of a job again.
func (c *Client) Retry(ctx context.Context, id, reason string) (Job, error) {
	return post[Job](ctx, c, job(id, "/retry"), Retry{Reason: reason})
}

// Proofs lists the proofs of a job, newest first.
func (c *Client) Proofs(ctx context.Context, id string) ([]Proof, error) {
	out, err := get[Proofs](ctx, c, job(id, "/proofs"), nil)
	return out.Proofs, err
}

// RecordProof adds a proof that was made outside the cluster.
func (c *Client) RecordProof(ctx context.Context, id string, p Proof) (Proof, error) {
	return post[Proof](ctx, c, job(id, "/proofs"), p)
}

// Proof reads one proof.
func (c *Client) Proof(ctx context.Context, id string) (Proof, error) {
	return get[Proof](ctx, c, "/v1/proofs/"+url.PathEscape(id), nil)
}

// Health asks the first address for one kind of health: "live", "ready" or "startup". An unhealthy node is an answer, not an
// error.
func (c *Client) Health(ctx context.Context, kind string) (Health, error) {
	var out Health
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.bases[0]+"/healthz/"+kind, nil)
	if err != nil {
		return out, fmt.Errorf("make request: %w", err)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return out, unreachable(c.bases[0], err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusServiceUnavailable {
		return out, problem(c.bases[0], resp)
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&out); err != nil {
		return out, fmt.Errorf("decode health: %w", err)
	}
	return out, nil
}

// Raw reads the answer to GET path as it is, at most limit bytes of it: for people who keep answers rather than read them.
func (c *Client) Raw(ctx context.Context, path string, query url.Values, limit int64) ([]byte, error) {
	resp, err := c.do(ctx, request{method: http.MethodGet, path: path, query: query})
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit))
	if err != nil {
		return nil, fmt.Errorf("read answer of %s: %w", path, err)
	}
	return body, nil
}
