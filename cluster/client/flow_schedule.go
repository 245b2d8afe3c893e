package client

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// PutFlowSchedule is the body of POST /v1/flow-schedules: a flow of which the cluster begins runs. Its id is empty: runs have ids of their own.
type PutFlowSchedule struct {
	Flow       SubmitFlow `json:"flow"`
	Every      string     `json:"every,omitempty" example:"6h" doc:"time between two runs; or cron"`
	Cron       string     `json:"cron,omitempty" example:"0 3 * * *" doc:"by the clocks of timezone"`
	Timezone   string     `json:"timezone,omitempty" maxLength:"64" example:"Europe/Berlin" doc:"of the cron line; left out, it is UTC"`
	MaxRecords int64      `json:"maxRecords,omitempty" minimum:"0" doc:"that one plan may write without a person; needed where a step makes plans"`
	MaxBytes   int64      `json:"maxBytes,omitempty" minimum:"0"`
}

// FlowSchedule is when runs of a flow begin, and what came of it.
type FlowSchedule struct {
	Namespace  string         `json:"namespace"`
	Name       string         `json:"name"`
	Every      string         `json:"every,omitempty"`
	Cron       string         `json:"cron,omitempty"`
	Timezone   string         `json:"timezone,omitempty"`
	Next       *time.Time     `json:"next,omitempty" doc:"none while it is paused"`
	Paused     bool           `json:"paused,omitempty"`
	Last       string         `json:"last,omitempty" doc:"the newest run"`
	LastState  string         `json:"lastState,omitempty" doc:"where that one is"`
	Runs       uint64         `json:"runs"`
	Skipped    uint64         `json:"skipped" doc:"times that came while a run was going"`
	SkippedAt  *time.Time     `json:"skippedAt,omitempty" doc:"the newest of these times"`
	SkippedFor string         `json:"skippedFor,omitempty" doc:"the run that was going"`
	MaxRecords int64          `json:"maxRecords,omitempty"`
	MaxBytes   int64          `json:"maxBytes,omitempty"`
	Endpoints  []FlowEndpoint `json:"endpoints,omitempty" doc:"who hears of its runs"`
	Deliveries []Delivery     `json:"deliveries,omitempty" doc:"how far each endpoint has been told"`
	PutBy      string         `json:"putBy"`
	PutAt      time.Time      `json:"putAt"`
	Index      uint64         `json:"modifyIndex"`
}

// FlowSchedules is GET /v1/flow-schedules, by namespace and name.
type FlowSchedules struct {
	Schedules []FlowSchedule `json:"schedules"`
}

func flowSchedule(namespace, name, rest string) string {
	return "/v1/flow-schedules/" + url.PathEscape(namespace) + "/" + url.PathEscape(name) + rest
}

// PutFlowSchedule makes or replaces the schedule of a flow.
func (c *Client) PutFlowSchedule(ctx context.Context, s PutFlowSchedule) (FlowSchedule, error) {
	return post[FlowSchedule](ctx, c, "/v1/flow-schedules", s)
}

// FlowSchedules lists the schedules of flows.
func (c *Client) FlowSchedules(ctx context.Context) ([]FlowSchedule, error) {
	out, err := get[FlowSchedules](ctx, c, "/v1/flow-schedules", nil)
	return out.Schedules, err
}

// TurnFlowSchedule does verb to a schedule: pause or resume.
func (c *Client) TurnFlowSchedule(ctx context.Context, namespace, name, verb, reason string) (FlowSchedule, error) {
	return post[FlowSchedule](ctx, c, flowSchedule(namespace, name, "/"+verb), Action{Reason: reason})
}

// RemoveFlowSchedule removes the schedule of a flow. Its runs stay.
func (c *Client) RemoveFlowSchedule(ctx context.Context, namespace, name string) error {
	_, _, err := call[Done](ctx, c, request{method: http.MethodDelete, path: flowSchedule(namespace, name, "")})
	return err
}
