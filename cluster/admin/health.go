package admin

import (
	"context"
	"net"
	"net/http"

	"backstitch/cluster"
	"backstitch/cluster/client"

	"github.com/danielgtaylor/huma/v2"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// probes are what can be asked at /healthz/, and what decides it.
var probes = []struct {
	name, summary string
	pick          func(cluster.Health) []cluster.Check
}{
	{"live", "Is the process worth keeping", func(h cluster.Health) []cluster.Check { return h.Live }},
	{"ready", "Can this node serve", func(h cluster.Health) []cluster.Check { return h.Ready }},
	{"startup", "Has it read its data", func(h cluster.Health) []cluster.Check { return h.Startup }},
}

// healthRoutes answer probes: 200 or 503, and the reasons. They are apart from the API so that a probe needs no schema. Without
// document they are described nowhere.
func (s *Server) healthRoutes(mux *http.ServeMux, document huma.API) {
	for _, probe := range probes {
		mux.HandleFunc("GET /healthz/"+probe.name, func(w http.ResponseWriter, _ *http.Request) {
			checks := probe.pick(s.node.Health())
			out := client.Health{OK: cluster.OK(checks), Checks: []client.Check{}}
			for _, c := range checks {
				out.Checks = append(out.Checks, client.Check{Name: c.Name, OK: c.OK, Reason: c.Reason})
			}
			w.Header().Set("Content-Type", "application/json")
			if !out.OK {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
			if err := writeJSON(w, out); err != nil {
				s.log.Debug("answer not sent", "err", err)
			}
		})
		if document == nil {
			continue
		}
		document.OpenAPI().AddOperation(&huma.Operation{
			OperationID: "health-" + probe.name, Method: http.MethodGet, Path: "/healthz/" + probe.name, Summary: probe.summary,
			Responses: map[string]*huma.Response{"200": {Description: "yes"}, "503": {Description: "no, with the reasons"}},
		})
	}
}

func (s *Server) metricRoutes(mux *http.ServeMux) {
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.config.Gatherer, promhttp.HandlerOpts{}))
}

// Probes answers health and metrics and nothing else: for a kubelet and a Prometheus, which then need no certificate that would let
// them do everything.
func (s *Server) Probes() http.Handler {
	mux := http.NewServeMux()
	s.healthRoutes(mux, nil)
	s.metricRoutes(mux)
	return mux
}

// RunProbes serves Probes in the open until ctx ends. The caller binds the listener, and it is closed at the end.
func (s *Server) RunProbes(ctx context.Context, door net.Listener) error {
	return s.serve(ctx, "probes", door, nil, s.Probes())
}
