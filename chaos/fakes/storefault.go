package fakes

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"backstitch/chaos/fault"
)

// StoreRule says to which requests to the store something happens, and what. It is refused unless exactly one thing happens.
type StoreRule struct {
	Ops     []Op    // which kinds of request; nil means all
	Prefix  string  // of the key; "" means all
	From    string  // of which node; "" means all
	Skip    int     // requests that pass before the first one that is hit
	Count   int     // requests to hit; 0 means all until Injected.Stop
	Percent float64 // chance of each request to be hit, above 0 up to 100; 0 means 100

	Status   int           // the answer is this HTTP status, with the error code that S3 gives it; nothing is processed
	Before   bool          // the connection breaks before the request is processed
	After    bool          // the request is processed, and the connection breaks before the answer
	Truncate bool          // the body ends before its length
	Flip     bool          // one bit of the body is another
	Delay    time.Duration // the answer takes longer by Delay±Jitter
	Jitter   time.Duration
}

func (r StoreRule) validate() error {
	things := 0
	for _, on := range []bool{r.Status != 0, r.Before, r.After, r.Truncate, r.Flip, r.Delay > 0} {
		if on {
			things++
		}
	}
	switch {
	case things != 1:
		return fmt.Errorf("a rule does one thing, this one does %d", things)
	case r.Status != 0 && storeErrors[r.Status] == "":
		return fmt.Errorf("status %d: %w", r.Status, ErrCannot)
	case r.Skip < 0 || r.Count < 0 || r.Percent < 0 || r.Percent > 100 || r.Jitter < 0 || r.Jitter > r.Delay:
		return fmt.Errorf("rule %+v: a magnitude is out of range", r)
	}
	return nil
}

// String says what the rule does.
func (r StoreRule) String() string {
	what := ""
	switch {
	case r.Status != 0:
		what = fmt.Sprintf("answer %d %s", r.Status, storeErrors[r.Status])
	case r.Before:
		what = "break the connection before"
	case r.After:
		what = "break the connection after"
	case r.Truncate:
		what = "truncate the body"
	case r.Flip:
		what = "flip a bit of the body"
	case r.Delay > 0:
		what = fmt.Sprintf("delay by %s±%s", r.Delay, r.Jitter)
	}
	for _, op := range r.Ops {
		what += " " + string(op)
	}
	if r.Prefix != "" {
		what += " of " + r.Prefix
	}
	if r.From != "" {
		what += " from " + r.From
	}
	return what
}

// storeErrors are the codes that S3 gives with a status.
var storeErrors = map[int]string{
	http.StatusForbidden:           "AccessDenied",
	http.StatusNotFound:            "NoSuchKey",
	http.StatusConflict:            "ConditionalRequestConflict",
	http.StatusPreconditionFailed:  "PreconditionFailed",
	http.StatusInternalServerError: "InternalError",
	http.StatusServiceUnavailable:  "SlowDown",
}

type storeRule struct {
	StoreRule
	*meter
	in *Injected
}

// Inject puts a rule to work until it has hit Count requests or is stopped.
func (s *Store) Inject(r StoreRule) (*Injected, error) {
	if err := r.validate(); err != nil {
		return nil, err
	}
	w := &storeRule{StoreRule: r, meter: newMeter(r.Skip, r.Count, r.Percent, s.chance), in: &Injected{what: r.String()}}
	w.in.stop = func() {
		w.end()
		s.mu.Lock()
		defer s.mu.Unlock()
		s.rules = slices.DeleteFunc(s.rules, func(x *storeRule) bool { return x == w })
	}
	s.mu.Lock()
	s.rules = append(s.rules, w)
	s.mu.Unlock()
	return s.add(w.in), nil
}

func (s *Store) matching(op Op, key, node string) []*storeRule {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []*storeRule
	for _, r := range s.rules {
		if (len(r.Ops) == 0 || slices.Contains(r.Ops, op)) && strings.HasPrefix(key, r.Prefix) && (r.From == "" || r.From == node) {
			out = append(out, r)
		}
	}
	return out
}

// Apply does what a fault of the family store says to all nodes, until the answer is stopped; the caller keeps the time. bucket
// is where store-missing deletes and store-stale looks.
func (s *Store) Apply(f fault.Fault, bucket string) (*Injected, error) {
	if err := f.Validate(); err != nil {
		return nil, err
	}
	var in *Injected
	var err error
	switch f.Kind {
	case fault.StoreSlowdown:
		in, err = s.Inject(StoreRule{Status: http.StatusServiceUnavailable, Percent: f.Percent})
	case fault.StoreError:
		in, err = s.Inject(StoreRule{Status: http.StatusInternalServerError, Percent: f.Percent})
	case fault.StoreTruncated:
		in, err = s.Inject(StoreRule{Ops: []Op{Get}, Truncate: true, Percent: f.Percent})
	case fault.StoreChecksum:
		in, err = s.Inject(StoreRule{Ops: []Op{Get}, Flip: true, Percent: f.Percent})
	case fault.StoreStale:
		in, err = s.Stale(bucket)
	case fault.StoreDenied:
		in, err = s.Inject(StoreRule{Status: http.StatusForbidden})
	case fault.StoreMissing:
		in, err = s.Lose(bucket, f.Percent)
	case fault.StoreSlow:
		in, err = s.Inject(StoreRule{Delay: f.Delay, Jitter: f.Jitter})
	case fault.StoreAmbiguous:
		in, err = s.Inject(StoreRule{After: true, Percent: f.Percent})
	default:
		err = ErrCannot
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f, err)
	}
	in.Kind, in.what = f.Kind, f.String()
	return in, nil
}

// Lose deletes each object of a bucket with a chance of percent. It hits as many as it deletes.
func (s *Store) Lose(bucket string, percent float64) (*Injected, error) {
	keys, err := s.Keys(bucket)
	if err != nil {
		return nil, err
	}
	in := &Injected{what: fmt.Sprintf("delete %g%% of the objects of %s", percent, bucket)}
	for _, key := range keys {
		if !s.chance.hit(percent) {
			continue
		}
		if _, err := s.backend.DeleteObject(bucket, key); err != nil {
			return nil, fmt.Errorf("delete %s/%s: %w", bucket, key, err)
		}
		in.hits.Add(1)
	}
	return s.add(in), nil
}

// refusal is an error as S3 writes it.
func refusal(r *http.Request, status int) *http.Response {
	body := fmt.Sprintf(`<?xml version="1.0" encoding="UTF-8"?><Error><Code>%s</Code><Message>on purpose</Message></Error>`, storeErrors[status])
	if r.Method == http.MethodHead {
		body = ""
	}
	return &http.Response{
		StatusCode: status, Status: fmt.Sprintf("%d %s", status, http.StatusText(status)), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/xml"}}, Body: io.NopCloser(strings.NewReader(body)),
		ContentLength: int64(len(body)), Request: r,
	}
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// truncate lets the body end early. The length that the header names stays.
func (s *Store) truncate(resp *http.Response, in *Injected) {
	if resp.ContentLength < 1 || resp.StatusCode >= 300 {
		return
	}
	in.hits.Add(1)
	resp.Body = &broken{r: io.LimitReader(resp.Body, int64(s.chance.pick(int(resp.ContentLength)))), c: resp.Body}
}

// broken ends as a connection does that breaks in the middle of a body.
type broken struct {
	r io.Reader
	c io.Closer
}

func (b *broken) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func (b *broken) Close() error { return b.c.Close() }

// flip changes one bit of the body.
func (s *Store) flip(resp *http.Response, in *Injected) error {
	if resp.ContentLength < 1 || resp.StatusCode >= 300 {
		return nil
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	at := s.chance.pick(len(body) * 8)
	body[at/8] ^= 1 << (at % 8)
	in.hits.Add(1)
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return nil
}
