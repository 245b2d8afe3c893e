package tracing

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"backstitch/cluster/notify"
	"backstitch/partition/trail"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// Path is where collectors take traces, unless the endpoint has a path of its own.
const Path = "/v1/traces"

const (
	queued    = 4096             // spans that wait
	batch     = 512              // spans that are sent together
	every     = 5 * time.Second  // longest wait of a span that no other follows
	tries     = 3                // of one batch
	oneTry    = 3 * time.Second  // for one sending
	longest   = 10 * time.Second // between two tries, whatever a collector asks for
	farewell  = 5 * time.Second  // for what is left at the end
	maxAnswer = 64 << 10         // bytes of an answer that are read
	// maxText bounds an attribute's value, in bytes: errors of brokers and stores can be long.
	maxText = 1024
)

// Config says where spans go.
type Config struct {
	Endpoint string // http or https; Path is put behind one that has no path
	Ratio    float64
	// Headers makes the headers of one sending. Its errors name references, and no secrets.
	Headers func() (map[string]string, error)
	Client  *http.Client
	Node    string // name of this node
	Version string // of the program
	Log     *slog.Logger
	Metrics prometheus.Registerer
}

// Tracing is a queue of spans and who empties it.
type Tracing struct {
	cfg      Config
	url      string
	provider *sdk.TracerProvider
	queue    *queue
	spans    *prometheus.CounterVec
	silent   bool // the collector did not take the last batch
}

// CheckEndpoint says what is wrong with an endpoint.
func CheckEndpoint(endpoint string) error {
	_, err := target(endpoint)
	return err
}

func target(endpoint string) (*url.URL, error) {
	u, err := url.Parse(endpoint)
	switch {
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		return nil, errors.New("is not a URL of http or https")
	case u.User != nil:
		return nil, errors.New("has a login; name a secret in tracing.headers instead")
	case u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("has a query or a fragment")
	}
	if strings.Trim(u.Path, "/") == "" {
		u.Path = Path
	}
	return u, nil
}

// Plain reports whether anybody on the way to endpoint could read a header.
func Plain(endpoint string) bool {
	u, err := target(endpoint)
	return err == nil && notify.Plain(u)
}

// New makes a tracing. Spans can be made at once; Run sends them.
func New(cfg Config) (*Tracing, error) {
	u, err := target(cfg.Endpoint)
	if err != nil {
		return nil, fmt.Errorf("tracing.endpoint %w", err)
	}
	t := &Tracing{cfg: cfg, url: u.String(), spans: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "backstitch_trace_spans_total",
		Help: "Spans that the collector took (sent), that it did not take (failed), and that found the queue full (dropped).",
	}, []string{"result"})}
	for _, result := range []string{"sent", "failed", "dropped"} {
		t.spans.WithLabelValues(result)
	}
	if err := cfg.Metrics.Register(t.spans); err != nil {
		return nil, fmt.Errorf("metrics of tracing: %w", err)
	}
	t.queue = newQueue(queued, t.spans.WithLabelValues("dropped"))
	limits := sdk.NewSpanLimits()
	limits.AttributeValueLengthLimit = maxText
	ratio := sdk.TraceIDRatioBased(cfg.Ratio)
	t.provider = sdk.NewTracerProvider(
		// What others want to be kept is kept as often as what begins here: a flag in a header must not be a way to fill the queue. What
		// they do not want is not kept.
		sdk.WithSampler(sdk.ParentBased(ratio, sdk.WithRemoteParentSampled(ratio))),
		sdk.WithIDGenerator(ids{}), sdk.WithRawSpanLimits(limits), sdk.WithSpanProcessor(t.queue),
		sdk.WithResource(resource.NewSchemaless(
			attribute.String("service.name", "backstitch"), attribute.String("service.version", cfg.Version),
			attribute.String("service.instance.id", cfg.Node))),
	)
	return t, nil
}

// Tracer makes spans.
func (t *Tracing) Tracer() trace.Tracer { return t.provider.Tracer("backstitch") }

// ids draws ids, but for the first span of a job.
type ids struct{}

func (ids) NewIDs(ctx context.Context) (id trace.TraceID, span trace.SpanID) {
	if sc, ok := trail.RootOf(ctx); ok {
		return sc.TraceID(), sc.SpanID()
	}
	_, _ = rand.Read(id[:]) // never fails
	_, _ = rand.Read(span[:])
	return id, span
}

func (ids) NewSpanID(context.Context, trace.TraceID) (span trace.SpanID) {
	_, _ = rand.Read(span[:])
	return span
}

// Run sends spans until ctx ends, and then what is left. It never errs: spans are worth less than what they tell of.
func (t *Tracing) Run(ctx context.Context) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	posting := context.WithoutCancel(ctx) // a collector may have what is broken off, and would get it twice
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-tick.C:
			t.empty(posting, ctx.Done())
		case <-t.queue.full:
			t.empty(posting, ctx.Done())
		}
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
	defer cancel()
	t.empty(last, last.Done())
	return nil
}

// errLater says that there is no time any more to try again.
var errLater = errors.New("later")

// empty sends what is in the queue. After over nothing is waited for: what was not taken is given back, for the farewell.
func (t *Tracing) empty(ctx context.Context, over <-chan struct{}) {
	for {
		list := t.queue.take(batch)
		if len(list) == 0 {
			return
		}
		err := t.send(ctx, over, list)
		result := "sent"
		switch {
		case errors.Is(err, errLater) && ctx.Err() == nil:
			t.queue.giveBack(list)
			return
		case err != nil:
			result = "failed"
		}
		t.spans.WithLabelValues(result).Add(float64(len(list)))
		t.say(err)
	}
}

// say logs when the collector begins to take nothing, and when it takes spans again.
func (t *Tracing) say(err error) {
	switch silent := err != nil; {
	case silent && !t.silent:
		t.cfg.Log.Warn("the collector of traces does not take spans; they are given up and counted", "endpoint", t.url, "err", err)
	case !silent && t.silent:
		t.cfg.Log.Info("the collector of traces takes spans again", "endpoint", t.url)
	}
	t.silent = err != nil
}

// send sends one batch, again where that may help.
func (t *Tracing) send(ctx context.Context, over <-chan struct{}, list []sdk.ReadOnlySpan) error {
	raw, err := proto.Marshal(&tracepb.TracesData{ResourceSpans: encode(list)})
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	var body bytes.Buffer
	z := gzip.NewWriter(&body)
	_, _ = z.Write(raw) // into memory
	_ = z.Close()
	for try := 1; ; try++ {
		pause, err := t.post(ctx, body.Bytes())
		if err == nil || pause == 0 || try == tries {
			return err
		}
		timer := time.NewTimer(min(max(pause, time.Duration(try)*time.Second), longest))
		select {
		case <-timer.C:
		case <-over:
			timer.Stop()
			return fmt.Errorf("%w: %w", errLater, err)
		}
	}
}

// post sends body once. After an error that passes it says how long to wait at least.
func (t *Tracing) post(ctx context.Context, body []byte) (pause time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, oneTry)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.url, bytes.NewReader(body))
	if err != nil {
		return 0, notify.Bare(err)
	}
	headers, err := t.cfg.Headers()
	if err != nil {
		return 0, fmt.Errorf("headers: %w", err)
	}
	for name, value := range headers {
		req.Header.Set(name, value)
	}
	req.Header.Set("Content-Type", "application/x-protobuf")
	req.Header.Set("Content-Encoding", "gzip")
	req.Header.Set("User-Agent", "backstitch/"+t.cfg.Version)
	resp, err := t.cfg.Client.Do(req)
	if err != nil {
		if errors.Is(err, notify.ErrGuarded) {
			return 0, notify.Bare(err)
		}
		return time.Second, notify.Bare(err)
	}
	defer resp.Body.Close()
	answer, _ := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	switch resp.StatusCode {
	case http.StatusOK:
		if n := refused(answer); n > 0 {
			return 0, fmt.Errorf("%d spans were refused", n)
		}
		return 0, nil
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		seconds, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
		pause = max(time.Duration(seconds)*time.Second, time.Second)
	}
	return pause, fmt.Errorf("answered %d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
}

// refused is how many spans an answer says were not taken: field 1 of field 1 of ExportTraceServiceResponse, whose Go type links gRPC.
func refused(answer []byte) (n int64) {
	each(answer, func(partial []byte, _ uint64) {
		each(partial, func(_ []byte, count uint64) { n = int64(count) })
	})
	return n
}

// each calls f with each field 1 of a message; what is no message has none.
func each(message []byte, f func(bytes []byte, number uint64)) {
	for len(message) > 0 {
		num, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return
		}
		message = message[n:]
		if n = protowire.ConsumeFieldValue(num, kind, message); n < 0 {
			return
		}
		value := message[:n]
		message = message[n:]
		switch {
		case num == 1 && kind == protowire.BytesType:
			b, _ := protowire.ConsumeBytes(value)
			f(b, 0)
		case num == 1 && kind == protowire.VarintType:
			v, _ := protowire.ConsumeVarint(value)
			f(nil, v)
		}
	}
}
