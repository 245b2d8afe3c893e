package admin

import (
	"net/http"

	"backstitch/cluster"
	"backstitch/cluster/client"

	"github.com/danielgtaylor/huma/v2"
)

// healthRoutes answer probes: 200 or 503, and the reasons. They are apart from the API so that a probe needs no schema.
func (s *Server) healthRoutes(mux *http.ServeMux, api huma.API) {
	for _, probe := range []struct {
		name, summary string
		pick          func(cluster.Health) []cluster.Check
	}{
		{"live", "Is the process worth keeping", func(h cluster.Health) []cluster.Check { return h.Live }},
		{"ready", "Can this node serve", func(h cluster.Health) []cluster.Check { return h.Ready }},
		{"startup", "Has it read its data", func(h cluster.Health) []cluster.Check { return h.Startup }},
	} {
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
		api.OpenAPI().AddOperation(&huma.Operation{
			OperationID: "health-" + probe.name, Method: http.MethodGet, Path: "/healthz/" + probe.name, Summary: probe.summary,
			Responses: map[string]*huma.Response{"200": {Description: "yes"}, "503": {Description: "no, with the reasons"}},
		})
	}
}
