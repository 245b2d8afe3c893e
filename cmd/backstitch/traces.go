package main

import (
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"

	"backstitch/cluster/client"
	"backstitch/cluster/notify"
	"backstitch/cmd/backstitch/config"
	"backstitch/cmd/backstitch/tracing"
)

// tracing is who sends spans, nil where the configuration names no collector.
func (a *app) tracing(cfg config.Agent, log *slog.Logger, metrics prometheus.Registerer) (*tracing.Tracing, error) {
	t := cfg.Tracing
	if t.Endpoint == "" {
		return nil, nil
	}
	wrong := func(err error) error {
		return &failure{Code: codeConfig, Title: "spans can not be sent to the collector", Detail: err.Error(),
			Next: "mend tracing in the configuration, or take it out; see docs/operate.md", Exit: client.ExitUsage, Err: err}
	}
	headers := func() (map[string]string, error) {
		out := map[string]string{}
		for name, ref := range t.Headers {
			value, err := ref.Resolve(a.lookup)
			if err != nil {
				return nil, err
			}
			out[name] = value
		}
		return out, nil
	}
	if _, err := headers(); err != nil { // what is missing now is a mistake; what goes missing later costs spans
		return nil, wrong(err)
	}
	allow, err := cfg.Notify.Prefixes()
	if err != nil {
		return nil, wrong(err)
	}
	sender := notify.NewClient(allow)
	if sender.Transport.(*http.Transport).TLSClientConfig, err = t.TLS.Config(); err != nil {
		return nil, wrong(err)
	}
	out, err := tracing.New(tracing.Config{Endpoint: t.Endpoint, Ratio: t.SampleRatio, Headers: headers, Client: sender, Node: cfg.Node.Name, Version: version, Log: log, Metrics: metrics})
	if err != nil {
		return nil, wrong(err)
	}
	return out, nil
}

// tracerOf is nil for no tracing.
func tracerOf(t *tracing.Tracing) trace.Tracer {
	if t == nil {
		return nil
	}
	return t.Tracer()
}
