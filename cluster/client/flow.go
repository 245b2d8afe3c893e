package client

import (
	"context"
	"encoding/json"
	"net/url"
	"time"
)

// FlowRetry says how often a step is tried.
type FlowRetry struct {
	Attempts     uint32   `json:"attempts" maximum:"100" doc:"in all; 0 is one"`
	InitialNanos int64    `json:"initialNanos" minimum:"0" doc:"pause before the second one"`
	MaxNanos     int64    `json:"maxNanos" minimum:"0"`
	Fixed        bool     `json:"fixed,omitempty" doc:"the same pause each time; otherwise it doubles"`
	On           []string `json:"on" enum:"transient,throttled,timeout,failed" doc:"after which failures"`
}

// FlowStep is what never changes of a step.
type FlowStep struct {
	Name         string          `json:"name" minLength:"1" maxLength:"63"`
	Kind         string          `json:"kind" enum:"recovery,http,databricks,airflow,consumers,rollback,exec,manual,verify"`
	Needs        []string        `json:"needs" doc:"steps that have to end well before"`
	Gate         string          `json:"gate,omitempty" doc:"a step, one of needs, whose job has to have a passing proof"`
	MayFail      bool            `json:"mayFail,omitempty" doc:"the flow ends well without it"`
	TimeoutNanos int64           `json:"timeoutNanos" minimum:"0" doc:"of one attempt; 0 is no bound"`
	Retry        FlowRetry       `json:"retry"`
	Body         json.RawMessage `json:"body" doc:"what it does"`
}

// FlowUndo is an edge back: By takes back what Step has done.
type FlowUndo struct {
	Step string `json:"step" minLength:"1" maxLength:"63"`
	By   string `json:"by" minLength:"1" maxLength:"63"`
}

// SubmitFlow is the body of POST /v1/flows. The same again, under its id, is answered with the flow that it made.
type SubmitFlow struct {
	ID          string            `json:"id,omitempty" example:"fl-7f3k2m" doc:"fl- and 1 to 32 of a-z and 2-7, drawn by the caller"`
	Name        string            `json:"name" minLength:"1" maxLength:"63"`
	Namespace   string            `json:"namespace" maxLength:"63"`
	Document    json.RawMessage   `json:"document" doc:"what was written, for people"`
	Steps       []FlowStep        `json:"steps" minItems:"1" maxItems:"100"`
	Undo        []FlowUndo        `json:"undo,omitempty" maxItems:"100" doc:"which steps take back what others have done"`
	Annotations map[string]string `json:"annotations,omitempty" doc:"that go with each notification"`
	Endpoints   []FlowEndpoint    `json:"endpoints,omitempty" maxItems:"8" doc:"who hears of it"`
	Reason      string            `json:"reason,omitempty" maxLength:"1024"`
}

// FlowEndpoint is who hears of what happens to a flow.
type FlowEndpoint struct {
	Name   string   `json:"name"`
	Format string   `json:"format" enum:"alertmanager,alertmanager-webhook,cloudevents,openlineage"`
	URL    string   `json:"url"`
	Token  string   `json:"token,omitempty" doc:"where the nodes find the token; never the token"`
	On     []string `json:"on" doc:"started, waiting, answered, succeeded, failed, cancelled, rolled-back, rollback-failed"`
}

// FlowStepState is where a step is. Its state is one of pending, running, waiting, succeeded, failed, skipped, cancelled.
type FlowStepState struct {
	Name      string     `json:"name"`
	Kind      string     `json:"kind"`
	Needs     []string   `json:"needs"`
	MayFail   bool       `json:"mayFail,omitempty"`
	Undoes    string     `json:"undoes,omitempty" doc:"the step that it takes back, if something that needs that one fails"`
	State     string     `json:"state"`
	Attempt   uint32     `json:"attempt" doc:"number of the newest one, 0 before the first"`
	Token     string     `json:"token,omitempty" doc:"by which the other end knows the attempt"`
	Job       string     `json:"job,omitempty"`
	Proof     string     `json:"proof,omitempty"`
	Proved    bool       `json:"proved,omitempty" doc:"the proof is a pass"`
	Class     string     `json:"class,omitempty" doc:"of the newest failure: transient, throttled, timeout, failed, refused, gate, lost"`
	Why       string     `json:"why,omitempty" doc:"it failed, was skipped, or waits"`
	By        string     `json:"by,omitempty" doc:"who approved or rejected"`
	BegunAt   *time.Time `json:"begunAt,omitempty"`
	EndedAt   *time.Time `json:"endedAt,omitempty"`
	NotBefore *time.Time `json:"notBefore,omitempty" doc:"the next attempt"`
	// Progress is of the newest attempt, and as old as ProgressAt.
	Progress   string     `json:"progress,omitempty" doc:"how far it is, or was when it was last noted"`
	ProgressAt *time.Time `json:"progressAt,omitempty"`
}

// Flow is a graph of steps. Its state is one of running, paused, succeeded, failed, cancelled, rolled-back, rollback-failed.
type Flow struct {
	ID          string          `json:"id"`
	Name        string          `json:"name"`
	Namespace   string          `json:"namespace"`
	State       string          `json:"state"`
	Why         string          `json:"why,omitempty"`
	Lost        uint32          `json:"lost,omitempty" doc:"steps that may fail and did not succeed, of a flow that has"`
	RollingBack bool            `json:"rollingBack,omitempty" doc:"it has failed, and what its steps have done is being taken back"`
	CreatedBy   string          `json:"createdBy"`
	CreatedAt   time.Time       `json:"createdAt"`
	FinishedAt  *time.Time      `json:"finishedAt,omitempty"`
	CreateIndex uint64          `json:"createIndex"`
	ModifyIndex uint64          `json:"modifyIndex"`
	Steps       []FlowStepState `json:"steps"`
	Endpoints   []FlowEndpoint  `json:"endpoints,omitempty" doc:"who hears of it"`
	Deliveries  []Delivery      `json:"deliveries,omitempty" doc:"how far each endpoint has been told; of a run, of all runs of its schedule"`
	Schedule    string          `json:"schedule,omitempty" doc:"namespace/name of the schedule whose run it is"`
	DueAt       *time.Time      `json:"dueAt,omitempty" doc:"when the run was due"`
	Document    json.RawMessage `json:"document,omitempty" doc:"as it was submitted; not in lists"`
}

// Terminal reports whether nothing happens to the flow any more, unless it is retried. A state that this program does not know is an end: newer
// ones are.
func (f Flow) Terminal() bool {
	return f.State != "running" && f.State != "paused"
}

// Flows is GET /v1/flows, newest first.
type Flows struct {
	Flows []Flow `json:"flows"`
}

// FlowDecision is the body of POST /v1/flows/{id}/steps/{step}/approve and of reject: about that attempt and no other.
type FlowDecision struct {
	Attempt uint32 `json:"attempt" minimum:"1"`
	Reason  string `json:"reason,omitempty" maxLength:"1024"`
}

func flow(id, rest string) string { return "/v1/flows/" + url.PathEscape(id) + rest }

// SubmitFlow hands in a flow.
func (c *Client) SubmitFlow(ctx context.Context, f SubmitFlow) (Flow, error) {
	return post[Flow](ctx, c, "/v1/flows", f)
}

// Flows lists the flows that are kept.
func (c *Client) Flows(ctx context.Context) ([]Flow, error) {
	out, err := get[Flows](ctx, c, "/v1/flows", nil)
	return out.Flows, err
}

// Flow reads one flow by id or name.
func (c *Client) Flow(ctx context.Context, id string, b Blocking) (Flow, uint64, error) {
	return call[Flow](ctx, c, request{method: "GET", path: flow(id, ""), query: b.query(), wait: b.Wait})
}

// TurnFlow does verb to a flow: pause, resume, cancel or retry.
func (c *Client) TurnFlow(ctx context.Context, id, verb, reason string) (Flow, error) {
	return post[Flow](ctx, c, flow(id, "/"+verb), Action{Reason: reason})
}

// DecideStep says yes or no to a step that waits: verb is approve or reject.
func (c *Client) DecideStep(ctx context.Context, id, step, verb string, d FlowDecision) (Flow, error) {
	return post[Flow](ctx, c, flow(id, "/steps/"+url.PathEscape(step)+"/"+verb), d)
}
