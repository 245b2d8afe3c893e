package admin

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"backstitch/cluster/client"
	"backstitch/cluster/inject"
)

// This file lets an operator of a staging cluster hurt the node that answers. The requests are answered by the node that is
// asked and never forwarded: a fault is about one process.

func (s *Server) listFaults(context.Context, *struct{}) (*indexed[client.Faults], error) {
	active, err := s.node.Hurts()
	if err != nil {
		return nil, s.failed(err)
	}
	out := client.Faults{Environment: string(s.node.Environment()), Faults: []client.ActiveFault{}}
	for _, a := range active {
		out.Faults = append(out.Faults, describeFault(a))
	}
	return &indexed[client.Faults]{Body: out}, nil
}

func (s *Server) injectFault(ctx context.Context, in *struct {
	Keyed
	Body client.Fault
}) (*indexed[client.ActiveFault], error) {
	f := inject.Fault{Kind: inject.Kind(in.Body.Kind), Peers: in.Body.Peers, By: actorOf(ctx)}
	var err error
	if f.TTL, err = length("ttl", in.Body.TTL); err != nil {
		return nil, err
	}
	if in.Body.Delay != "" {
		if f.Delay, err = length("delay", in.Body.Delay); err != nil {
			return nil, err
		}
	}
	active, err := s.node.Hurt(ctx, f)
	if err != nil {
		return nil, s.failed(err)
	}
	return &indexed[client.ActiveFault]{Body: describeFault(active)}, nil
}

func length(name, text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, invalid(fmt.Sprintf("%s %q is not a length of time", name, text), name+": 30s")
	}
	return d, nil
}

func describeFault(a inject.Active) client.ActiveFault {
	out := client.ActiveFault{
		Fault: client.Fault{Kind: string(a.Kind), Peers: a.Peers, TTL: a.TTL.String()},
		ID:    a.ID, By: a.By, Began: a.Began.UTC(), Ends: a.Ends.UTC(), Hits: a.Hits,
	}
	if a.Delay > 0 {
		out.Delay = a.Delay.String()
	}
	return out
}

// healFaults is the button that stops everything.
func (s *Server) healFaults(ctx context.Context, _ *struct{ Keyed }) (*indexed[client.Healed], error) {
	n, err := s.node.Heal("", actorOf(ctx))
	if err != nil {
		return nil, s.failed(err)
	}
	return &indexed[client.Healed]{Body: client.Healed{Healed: n}}, nil
}

// healFault answers alike whether the fault was there or had ended by itself: both are what was asked for.
func (s *Server) healFault(ctx context.Context, in *struct {
	ID string `path:"id" maxLength:"64"`
	Keyed
}) (*indexed[client.Healed], error) {
	n, err := s.node.Heal(in.ID, actorOf(ctx))
	if err != nil {
		return nil, s.failed(err)
	}
	return &indexed[client.Healed]{Body: client.Healed{Healed: n}}, nil
}

// refusing stands before the API and turns requests away while a fault says so. Probes, metrics and the faults themselves stay, or
// nobody could see and end it.
func (s *Server) refusing(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		spared := strings.HasPrefix(r.URL.Path, "/v1/chaos/") || strings.HasPrefix(r.URL.Path, "/healthz/") || r.URL.Path == "/metrics"
		if !spared && s.node.RefusesAPI() {
			deny(w, newProblem(http.StatusServiceUnavailable, client.CodeNotReady, "this node refuses requests on purpose",
				"A fault was injected into "+s.node.Name()+".", "ask another node: --addr HOST:7420"))
			return
		}
		next.ServeHTTP(w, r)
	})
}
