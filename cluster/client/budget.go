package client

import (
	"context"
	"net/url"
	"time"
)

// Rate is how much may be done in a second; 0 is no limit.
type Rate struct {
	Bytes    int64 `json:"bytes,omitempty" minimum:"0" doc:"keys, values and headers a second, uncompressed"`
	Records  int64 `json:"records,omitempty" minimum:"0" doc:"records a second"`
	Requests int64 `json:"requests,omitempty" minimum:"0" doc:"calls of the target's protocol a second"`
}

// Budget is what jobs may do to their targets in a second, all nodes together.
type Budget struct {
	Scope string     `json:"scope" example:"job/bs-7f3k2m" doc:"cluster, namespace/NAME, target/PLACE or job/ID"`
	Rate  Rate       `json:"rate"`
	By    string     `json:"by"`
	Why   string     `json:"why,omitempty"`
	At    time.Time  `json:"at"`
	Jobs  []string   `json:"jobs" doc:"those that fall under it and have not ended"`
	Nodes []NodePart `json:"nodes" doc:"what nodes have of it at this moment; empty while nobody works in the scope, or while no leader answers"`
}

// NodePart is what one node may spend of a budget.
type NodePart struct {
	Node  string             `json:"node" doc:"its name"`
	Lanes uint32             `json:"lanes" doc:"slices that run there"`
	May   map[string]float64 `json:"may" doc:"its part a second, by unit; a unit that is not there is not limited"`
	Held  []string           `json:"held" doc:"units in which it would do more if it might"`
}

// Pace is what feedback leaves one job on one node, because somebody suffers from it.
type Pace struct {
	Job            string `json:"job"`
	Node           string `json:"node" doc:"its name"`
	BytesPerSecond int64  `json:"bytesPerSecond" doc:"what the job may do there"`
	Floor          int64  `json:"floor" doc:"bytes a second; it does not fall below that"`
	Binds          bool   `json:"binds" doc:"whether the job would do more if it might"`
	Hurts          bool   `json:"hurts" doc:"whether somebody suffers now; otherwise that is over, and the rate rises"`
	Signal         string `json:"signal,omitempty" doc:"what somebody suffers from: lag, out-of-sync, produce-latency, broker-throttle, slow-down or broker-busy"`
	Why            string `json:"why" doc:"for people"`
}

// Budgets is GET /v1/budgets, by scope.
type Budgets struct {
	Budgets []Budget `json:"budgets"`
	// Feedback is what holds jobs back beside them at this moment, by job and node; empty while no leader answers.
	Feedback []Pace `json:"feedback"`
}

// PutBudget is the body of POST /v1/budgets: a bound for a scope, or none when the rate is empty.
type PutBudget struct {
	Scope  string `json:"scope" maxLength:"1024"`
	Rate   Rate   `json:"rate"`
	Reason string `json:"reason,omitempty" maxLength:"1024"`
}

// SetPriority is the body of POST /v1/jobs/{id}/priority.
type SetPriority struct {
	Priority uint8  `json:"priority" minimum:"0" maximum:"100" doc:"higher goes first"`
	Reason   string `json:"reason,omitempty" maxLength:"1024"`
}

// Budgets lists the budgets of the cluster, with who has which part at the moment, and what holds jobs back beside them. With a job only
// those that it falls under.
func (c *Client) Budgets(ctx context.Context, job string) (Budgets, error) {
	var q url.Values
	if job != "" {
		q = url.Values{"job": {job}}
	}
	return get[Budgets](ctx, c, "/v1/budgets", q)
}

// PutBudget bounds a scope, or gives it free when the rate is empty. It returns all budgets.
func (c *Client) PutBudget(ctx context.Context, b PutBudget) ([]Budget, error) {
	out, err := post[Budgets](ctx, c, "/v1/budgets", b)
	return out.Budgets, err
}

// Prioritise changes when a job gets its turn.
func (c *Client) Prioritise(ctx context.Context, id string, priority uint8, reason string) (Job, error) {
	return post[Job](ctx, c, job(id, "/priority"), SetPriority{Priority: priority, Reason: reason})
}
