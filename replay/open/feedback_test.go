package open_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/replay/connect"
	"backstitch/replay/open"
	"backstitch/replay/recovery"
	"backstitch/replay/throttle"
)

// busy is an object store that is asked for too much.
type busy struct{ asked int }

func (b *busy) Do(r *http.Request) (*http.Response, error) {
	b.asked++
	const text = `<?xml version="1.0" encoding="UTF-8"?><Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>`
	return &http.Response{
		StatusCode: http.StatusServiceUnavailable, Status: "503 Slow Down", Request: r,
		Header: http.Header{"Content-Type": {"application/xml"}}, Body: io.NopCloser(strings.NewReader(text)),
	}, nil
}

// Each refusal counts, also those after which the client waits and tries again by itself.
func TestRefusalsOfAStoreAreHeard(t *testing.T) {
	key := func(string) (string, bool) { return "k", true }
	for name, change := range map[string]func(*recovery.Recipe){
		"target": func(r *recovery.Recipe) {
			r.Target = recovery.Target{Kind: "s3", Path: "s3://bucket/copy", Connection: "store", Topic: "orders"}
		},
		"reference": func(r *recovery.Recipe) {
			r.Source = recovery.Source{Layout: "confluent", Format: "json", URL: "s3://bucket/archive", Connection: "store", Topic: "orders"}
			r.Target = recovery.Target{Kind: "dir", Path: t.TempDir(), Topic: "orders"}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := &busy{}
				o := open.New(open.Config{Cluster: "c", Env: key, S3: func(string) (connect.S3, bool) {
					return connect.S3{Endpoint: "http://store", AccessKey: "env:A", SecretKey: "env:B", HTTP: store}, true
				}})
				meter := throttle.NewQuota(time.Now).Meter([]fsm.Scope{fsm.ScopeCluster})
				ends, err := o.OpenMetered(t.Context(), "bs-a", recipe(t, change), meter)
				if err != nil {
					t.Fatal(err)
				}
				defer ends.Close()
				slice := partition.Slice{Kind: partition.SliceFill, Ranges: partition.Ranges{{From: 0, To: 10}}, Objects: []partition.Object{{Key: "topics/orders/partition=0/orders+0+0000000000.json", Size: 10, Count: 10}}}
				if name == "target" {
					_, _, err = ends.Sink.Open(t.Context(), slice, 1)
				} else if r, oerr := ends.Source.Open(t.Context(), slice, 0); oerr != nil {
					err = oerr
				} else {
					_, err = r.Next(t.Context())
					_ = r.Close()
				}
				if got := meter.Sensed(1).Refused; err == nil || got != store.asked || got < 2 {
					t.Errorf("%d refusals heard of %d, and it ended with %v", got, store.asked, err)
				}
			})
		})
	}
}

func TestWhoIsLookedAt(t *testing.T) {
	o := open.New(open.Config{Cluster: "c", Env: noEnv})
	for name, c := range map[string]struct {
		f    *recovery.Feedback
		want bool
	}{
		"nobody named": {nil, false}, "off": {&recovery.Feedback{Off: true}, false}, "latency": {&recovery.Feedback{LatencyMs: 5}, false},
		"groups": {&recovery.Feedback{Groups: []string{"billing"}}, true}, "replicas": {&recovery.Feedback{Replicas: true}, true},
		"brokers": {&recovery.Feedback{Brokers: true}, true},
	} {
		ends, err := o.Open(t.Context(), "bs-a", recipe(t, func(r *recovery.Recipe) {
			r.Feedback = c.f
			r.Version = r.Needs()
		}))
		if err != nil {
			t.Fatal(err)
		}
		if (ends.Look != nil) != c.want {
			t.Errorf("%s: looks: %t", name, ends.Look != nil)
		}
		if err := ends.Close(); err != nil {
			t.Error(err)
		}
	}
}
