package client

import (
	"context"
	"net/url"
	"time"
)

// DatasetPlan is a plan that the cluster made of what a scan of a dataset found. Its state is one of making, waiting, started, rejected, empty,
// withdrawn, failed, cancelled; what becomes of one that was started, its job says.
type DatasetPlan struct {
	ID        string    `json:"id" doc:"of the job that makes it"`
	Scan      string    `json:"scan" doc:"whose findings it is about"`
	Pair      string    `json:"pair"`
	State     string    `json:"state"`
	Why       string    `json:"why,omitempty" doc:"what it waits for, or why it ended"`
	By        string    `json:"by,omitempty" doc:"who decided about it"`
	Job       string    `json:"job,omitempty" doc:"that runs it, or would"`
	SHA256    string    `json:"sha256,omitempty"`
	Records   int64     `json:"records" doc:"to write"`
	Bytes     int64     `json:"bytes"`
	CreatedAt time.Time `json:"createdAt"`
	ChangedAt time.Time `json:"changedAt"`
}

// PlanDocument is GET /v1/datasets/{namespace}/{name}/plans/{id}.
type PlanDocument struct {
	Plan     DatasetPlan `json:"plan"`
	Document []byte      `json:"document" doc:"the plan's file in a zstd frame; empty when it was not made"`
}

// Decision is the body of POST /v1/datasets/{namespace}/{name}/plans/{id}/approve and of reject: about the plan with that hash and no other.
type Decision struct {
	SHA256 string `json:"sha256" minLength:"64" maxLength:"64"`
	Reason string `json:"reason,omitempty" maxLength:"1024"`
}

func plan(namespace, name, id, rest string) string {
	return dataset(namespace, name) + "/plans/" + url.PathEscape(id) + rest
}

// DatasetPlan reads one plan of a dataset, whole.
func (c *Client) DatasetPlan(ctx context.Context, namespace, name, id string) (PlanDocument, error) {
	return get[PlanDocument](ctx, c, plan(namespace, name, id, ""), nil)
}

// ApprovePlan runs exactly the plan that was read.
func (c *Client) ApprovePlan(ctx context.Context, namespace, name, id string, d Decision) (DatasetPlan, error) {
	return post[DatasetPlan](ctx, c, plan(namespace, name, id, "/approve"), d)
}

// RejectPlan says no to the plan that was read, and to what later plans would write of the same.
func (c *Client) RejectPlan(ctx context.Context, namespace, name, id string, d Decision) (DatasetPlan, error) {
	return post[DatasetPlan](ctx, c, plan(namespace, name, id, "/reject"), d)
}
