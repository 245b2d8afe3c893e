package tracing

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"backstitch/partition/trail"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const secret = "hunter2-of-the-collector"

// collector is one on loopback that keeps what it is sent.
type collector struct {
	*httptest.Server
	mu      sync.Mutex
	spans   []*tracepb.Span
	node    string
	raw     []byte
	headers []http.Header
	answer  func(n int, w http.ResponseWriter) bool // n is the number of the request; true when it has answered
}

func newCollector(t *testing.T) *collector {
	t.Helper()
	c := &collector{}
	c.Server = httptest.NewServer(c)
	t.Cleanup(c.Close)
	return c
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.headers = append(c.headers, r.Header)
	if c.answer != nil && c.answer(len(c.headers), w) {
		return
	}
	z, err := gzip.NewReader(r.Body)
	if err != nil || r.URL.Path != Path || r.Header.Get("Content-Type") != "application/x-protobuf" {
		http.Error(w, "not OTLP", http.StatusBadRequest)
		return
	}
	raw, err := io.ReadAll(z)
	var data tracepb.TracesData
	if err != nil || proto.Unmarshal(raw, &data) != nil {
		http.Error(w, "not OTLP", http.StatusBadRequest)
		return
	}
	c.raw = append(c.raw, raw...)
	for _, rs := range data.ResourceSpans {
		for _, kv := range rs.Resource.Attributes {
			if kv.Key == "service.instance.id" {
				c.node = kv.Value.GetStringValue()
			}
		}
		for _, ss := range rs.ScopeSpans {
			c.spans = append(c.spans, ss.Spans...)
		}
	}
}

func newTracing(t *testing.T, endpoint string, change func(*Config)) (*Tracing, *bytes.Buffer) {
	t.Helper()
	var log bytes.Buffer
	cfg := Config{
		Endpoint: endpoint, Ratio: 1, Client: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}, Node: "node-a", Version: "v1",
		Headers: func() (map[string]string, error) { return map[string]string{"Authorization": "Bearer " + secret}, nil },
		Log:     slog.New(slog.NewTextHandler(&log, nil)), Metrics: prometheus.NewRegistry(),
	}
	if change != nil {
		change(&cfg)
	}
	out, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return out, &log
}

// counts are sent, failed and dropped spans.
func (t *Tracing) counts() [3]float64 {
	count := func(result string) float64 { return testutil.ToFloat64(t.spans.WithLabelValues(result)) }
	return [3]float64{count("sent"), count("failed"), count("dropped")}
}

// ended is a context that has ended: Run then sends what there is and returns.
func ended(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

func TestSpansArriveAsTheyWere(t *testing.T) {
	c := newCollector(t)
	tr, log := newTracing(t, c.URL, nil)
	link := trail.Job("other", "bs-other")
	ctx, parent := tr.Tracer().Start(trail.Within(t.Context(), "c-1", "bs-abc"), "slice fill", trace.WithTimestamp(time.Unix(10, 5)),
		trace.WithAttributes(attribute.String(trail.Attribute, "bs-abc"), attribute.Int64("n", -3), attribute.Bool("b", true), attribute.Float64("f", 0.5)))
	_, child := tr.Tracer().Start(ctx, "produce", trace.WithSpanKind(trace.SpanKindProducer), trace.WithLinks(trace.Link{SpanContext: link}))
	child.SetStatus(codes.Error, "broker is away")
	child.End()
	parent.SetAttributes(attribute.String("long", strings.Repeat("x", 5000)))
	parent.End(trace.WithTimestamp(time.Unix(12, 7)))
	if err := tr.Run(ended(t)); err != nil {
		t.Fatal(err)
	}
	if got, want := tr.counts(), [3]float64{2, 0, 0}; got != want || len(c.spans) != 2 {
		t.Fatalf("counts: got %v, want %v; %d spans came, log %s", got, want, len(c.spans), log)
	}
	p, s := c.spans[1], c.spans[0]
	job := trail.Job("c-1", "bs-abc")
	trace, root := job.TraceID(), job.SpanID()
	if !bytes.Equal(p.TraceId, trace[:]) || !bytes.Equal(p.ParentSpanId, root[:]) || !bytes.Equal(s.ParentSpanId, p.SpanId) || !bytes.Equal(s.TraceId, trace[:]) {
		t.Errorf("the spans are not of the job's trace: %v, %v", p, s)
	}
	if p.StartTimeUnixNano != 10_000_000_005 || p.EndTimeUnixNano != 12_000_000_007 || p.Name != "slice fill" {
		t.Errorf("span: %v", p)
	}
	if s.Kind != tracepb.Span_SPAN_KIND_PRODUCER || s.Status.GetCode() != tracepb.Status_STATUS_CODE_ERROR || s.Status.GetMessage() != "broker is away" {
		t.Errorf("child: %v", s)
	}
	if other := link.TraceID(); len(s.Links) != 1 || !bytes.Equal(s.Links[0].TraceId, other[:]) {
		t.Errorf("links: %v", s.Links)
	}
	values := map[string]any{}
	for _, kv := range p.Attributes {
		values[kv.Key] = kv.Value
	}
	if len(values) != 5 || len(p.Attributes[4].Value.GetStringValue()) != maxText || p.Attributes[1].Value.GetIntValue() != -3 ||
		!p.Attributes[2].Value.GetBoolValue() || p.Attributes[3].Value.GetDoubleValue() != 0.5 {
		t.Errorf("attributes: %v", p.Attributes)
	}
	if c.node != "node-a" {
		t.Errorf("node %q", c.node)
	}
}

func TestSecretsAreSentAsHeadersAndNowhereElse(t *testing.T) {
	c := newCollector(t)
	tr, log := newTracing(t, c.URL, nil)
	_, span := tr.Tracer().Start(t.Context(), "a")
	span.End()
	_ = tr.Run(ended(t))
	if len(c.headers) != 1 || c.headers[0].Get("Authorization") != "Bearer "+secret {
		t.Errorf("headers: %v", c.headers)
	}
	c.answer = func(_ int, w http.ResponseWriter) bool { w.WriteHeader(http.StatusForbidden); return true }
	_, span = tr.Tracer().Start(t.Context(), "b")
	span.End()
	_ = tr.Run(ended(t))
	if bytes.Contains(c.raw, []byte(secret)) || strings.Contains(log.String(), secret) || !strings.Contains(log.String(), "403") {
		t.Errorf("a secret in what was sent or logged, or nothing logged: %s", log)
	}
}

func TestAFullQueueDropsAndNobodyWaits(t *testing.T) {
	tr, _ := newTracing(t, "http://127.0.0.1:1", nil) // nobody takes anything, and Run does not run
	for range queued + 7 {
		_, span := tr.Tracer().Start(t.Context(), "a")
		span.End()
	}
	if got, want := tr.counts(), [3]float64{0, 0, 7}; got != want {
		t.Errorf("counts: got %v, want %v", got, want)
	}
	if got := len(tr.queue.list); got != queued {
		t.Errorf("%d spans wait, want %d", got, queued)
	}
}

func TestACollectorThatFailsCostsSpansAlone(t *testing.T) {
	for name, row := range map[string]struct {
		answer   func(n int, w http.ResponseWriter) bool
		headers  error
		want     [3]float64
		requests int
	}{
		"refuses for good": {answer: func(_ int, w http.ResponseWriter) bool { w.WriteHeader(http.StatusBadRequest); return true }, want: [3]float64{0, 1, 0}, requests: 1},
		"is busy once": {answer: func(n int, w http.ResponseWriter) bool {
			if n == 1 {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
			return n == 1
		}, want: [3]float64{1, 0, 0}, requests: 2},
		"takes a part": {answer: func(_ int, w http.ResponseWriter) bool {
			part := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 1)
			_, _ = w.Write(protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), part))
			return true
		}, want: [3]float64{0, 1, 0}, requests: 1},
		"a secret is gone": {headers: errors.New("file:/run/token is not there"), want: [3]float64{0, 1, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCollector(t)
			c.answer = row.answer
			tr, log := newTracing(t, c.URL, func(cfg *Config) {
				if row.headers != nil {
					cfg.Headers = func() (map[string]string, error) { return nil, row.headers }
				}
			})
			_, span := tr.Tracer().Start(t.Context(), "a")
			span.End()
			if err := tr.Run(ended(t)); err != nil {
				t.Errorf("Run: %v", err)
			}
			if got := tr.counts(); got != row.want || len(c.headers) != row.requests {
				t.Errorf("counts: got %v after %d requests, want %v after %d", got, len(c.headers), row.want, row.requests)
			}
			if failed := row.want[1] > 0; failed != strings.Contains(log.String(), "does not take spans") {
				t.Errorf("log: %s", log)
			}
		})
	}
}

func TestRunSendsWhileItRuns(t *testing.T) {
	c := newCollector(t)
	got := make(chan int, 1)
	c.answer = func(n int, _ http.ResponseWriter) bool {
		select {
		case got <- n:
		default:
		}
		return false
	}
	tr, _ := newTracing(t, c.URL+"/", nil)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- tr.Run(ctx) }()
	for range batch {
		_, span := tr.Tracer().Start(t.Context(), "a")
		span.End()
	}
	<-got
	_, span := tr.Tracer().Start(t.Context(), "last")
	span.End()
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if n := len(c.spans); n != batch+1 || c.spans[n-1].Name != "last" {
		t.Errorf("%d spans came, want %d and the last of them last", n, batch+1)
	}
}

func TestAFlagOfAStrangerKeepsNoMoreThanTheRatio(t *testing.T) {
	tr, _ := newTracing(t, "http://127.0.0.1:1", func(cfg *Config) { cfg.Ratio = 0 })
	_, span := tr.Tracer().Start(trail.Within(t.Context(), "c-1", "bs-abc"), "a")
	if span.SpanContext().IsSampled() {
		t.Error("kept, although nothing is to be kept")
	}
	kept := 0
	half, _ := newTracing(t, "http://127.0.0.1:1", func(cfg *Config) { cfg.Ratio = 0.5 })
	for i := range 1000 {
		id := trail.Job("c-1", "bs-").TraceID()
		id[8], id[9] = byte(i), byte(i>>2)
		sc := trace.NewSpanContext(trace.SpanContextConfig{TraceID: id, SpanID: trace.SpanID{1}, TraceFlags: trace.FlagsSampled, Remote: true})
		ctx, a := half.Tracer().Start(trace.ContextWithRemoteSpanContext(t.Context(), sc), "a")
		_, b := half.Tracer().Start(ctx, "b")
		if a.SpanContext().IsSampled() != b.SpanContext().IsSampled() {
			t.Fatal("half a trace is kept")
		}
		if a.SpanContext().IsSampled() {
			kept++
		}
	}
	if kept < 400 || kept > 600 {
		t.Errorf("%d of 1000 kept at a ratio of 0.5", kept)
	}
}

func TestEndpoints(t *testing.T) {
	for endpoint, want := range map[string]string{
		"https://c:4318": "https://c:4318/v1/traces", "http://c:4318/": "http://c:4318/v1/traces", "https://c/otlp/v1/traces": "https://c/otlp/v1/traces",
		"c:4318": "", "grpc://c:4317": "", "https://u:p@c": "", "https://c?key=1": "", "https://": "",
	} {
		u, err := target(endpoint)
		if want == "" && err == nil || want != "" && (err != nil || u.String() != want) {
			t.Errorf("%s: got %v, %v, want %q", endpoint, u, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "u:p") {
			t.Errorf("the error shows a login: %v", err)
		}
	}
	if !Plain("http://c:4318") || Plain("https://c:4318") || Plain("http://127.0.0.1:4318") {
		t.Error("who can read headers is not told apart")
	}
}

func TestWhatIsGivenBackIsBounded(t *testing.T) {
	tr, _ := newTracing(t, "http://127.0.0.1:1", nil)
	end := func(names ...string) {
		for _, name := range names {
			_, span := tr.Tracer().Start(t.Context(), name)
			span.End()
		}
	}
	end("a", "b", "c")
	taken := tr.queue.take(2)
	tr.queue.limit = 3
	end("d", "e")
	tr.queue.giveBack(taken)
	var names []string
	for _, s := range tr.queue.take(10) {
		names = append(names, s.Name())
	}
	if want := []string{"c", "d", "e"}; !slices.Equal(names, want) || tr.counts()[2] != 2 {
		t.Errorf("got %v and %v, want %v and 2 dropped", names, tr.counts(), want)
	}
}
