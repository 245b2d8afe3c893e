package client

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Fault is the body of POST /v1/chaos/faults: what is done to the node that answers. Lengths of time are such as 500ms or 20s.
type Fault struct {
	Kind  string   `json:"kind" enum:"cut-rpc,cut-gossip,delay-rpc,refuse-api,pause,slow-disk,crash,stop,step-down"`
	Peers []string `json:"peers,omitempty" maxItems:"64" doc:"names or ids of other nodes, for cuts and delays; none stands for all"`
	Delay string   `json:"delay,omitempty" doc:"of delay-rpc and slow-disk, at most 10s" example:"50ms"`
	TTL   string   `json:"ttl" doc:"it heals by itself after that, at most 10m" example:"30s"`
}

// ActiveFault is a fault that a node has.
type ActiveFault struct {
	Fault
	ID    string    `json:"id,omitempty" doc:"absent when it was done at once and there is nothing to heal"`
	By    string    `json:"by" doc:"who asked for it"`
	Began time.Time `json:"began"`
	Ends  time.Time `json:"ends"`
	Hits  int64     `json:"hits" doc:"how often it bit; 0 has shown nothing"`
}

// Faults is GET /v1/chaos/faults, oldest first.
type Faults struct {
	Environment string        `json:"environment" enum:"production,staging,dev"`
	Faults      []ActiveFault `json:"faults"`
}

// Healed answers DELETE.
type Healed struct {
	Healed int `json:"healed" doc:"faults that were taken back"`
}

// Faults lists what is done to the answering node now. In production it fails with CodeProtected of package cluster.
func (c *Client) Faults(ctx context.Context) (Faults, error) {
	return get[Faults](ctx, c, "/v1/chaos/faults", nil)
}

// Hurt does f to the answering node. It is sent once: a node that was crashed can not say so, and another must not be hurt in its
// place, so the client has to have one address.
func (c *Client) Hurt(ctx context.Context, f Fault) (ActiveFault, error) {
	out, _, err := call[ActiveFault](ctx, c, request{method: http.MethodPost, path: "/v1/chaos/faults", body: f, once: true})
	return out, err
}

// Heal takes back one fault of the answering node, or all for "".
func (c *Client) Heal(ctx context.Context, id string) (int, error) {
	path := "/v1/chaos/faults"
	if id != "" {
		path += "/" + url.PathEscape(id)
	}
	out, _, err := call[Healed](ctx, c, request{method: http.MethodDelete, path: path})
	return out.Healed, err
}
