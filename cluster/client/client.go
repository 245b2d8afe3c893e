package client

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"backstitch/cluster/access"
)

// Headers of the API.
const (
	HeaderIndex  = "X-Backstitch-Index"  // log index that an answer reflects
	HeaderTerm   = "X-Backstitch-Term"   // of a snapshot
	HeaderLeader = "X-Backstitch-Leader" // who a write was forwarded to
	HeaderKey    = "Idempotency-Key"     // 1 to 128 printable characters
)

// maxAnswer bounds what is read of a JSON answer, in bytes.
const maxAnswer = 256 << 20

// limits say how long a node may take until its answer begins. A frozen process accepts connections for as long as it is frozen,
// so without a limit whoever asks it first waits with it, while the other nodes would have answered.
type limits struct {
	read  time.Duration // beside the time that a blocking read asks for
	write time.Duration
}

var usualLimits = limits{read: 8 * time.Second, write: 20 * time.Second} // a node calls a proposal unknown after 10 s

const (
	snapshotLimit = 5 * time.Minute // the whole book is copied before the answer begins
	leaveLimit    = time.Hour + time.Minute
)

// Config says whom to ask. Addresses is required.
type Config struct {
	Addresses []string      // host:port or a URL; tried in order, the one that answered last first
	TLS       *tls.Config   // nil for plain HTTP
	Retry     time.Duration // how long to go round the addresses before giving up
	Actor     string        // who asks, e.g. "root@host"; for the audit trail
	Token     access.Token  // or a login; the zero value sends none
	// Transport carries requests, nil for the network. TLS is not looked at where there is one.
	Transport http.RoundTripper
}

// DefaultConfig asks the node on this machine.
func DefaultConfig() Config {
	return Config{Addresses: []string{"127.0.0.1:7420"}, Retry: 15 * time.Second}
}

// Validate refuses a configuration that can not work.
func (c Config) Validate() error {
	if len(c.Addresses) == 0 {
		return errors.New("no address of a node")
	}
	for _, a := range c.Addresses {
		b, err := base(a, c.TLS != nil)
		if err != nil {
			return err
		}
		if !c.Token.IsZero() && inTheClear(b) {
			return &Error{Problem: Problem{
				Title: "the token is not sent", Code: CodeClearToken, Detail: fmt.Sprintf("To %s it would travel in the clear.", b),
				Next: "--ca-cert FILE switches to https; or unset BACKSTITCH_TOKEN and BACKSTITCH_TOKEN_FILE",
			}}
		}
	}
	if c.Retry < 0 {
		return fmt.Errorf("retry %s is negative", c.Retry)
	}
	return nil
}

// Client calls the API. It is safe for concurrent use.
type Client struct {
	bases []string // immutable
	cfg   Config
	http  *http.Client
	usual limits
	last  atomic.Int32 // index of the base that answered last
}

// New makes a client. It connects to nothing.
func New(cfg Config) (*Client, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	transport := cfg.Transport
	if transport == nil {
		transport = &http.Transport{
			DialContext:         (&net.Dialer{Timeout: 2 * time.Second}).DialContext,
			TLSClientConfig:     cfg.TLS,
			TLSHandshakeTimeout: 5 * time.Second,
			MaxIdleConnsPerHost: 4,
			IdleConnTimeout:     30 * time.Second,
		}
	}
	c := &Client{cfg: cfg, usual: usualLimits, http: &http.Client{
		// Nodes send nobody elsewhere, and a token is for them alone.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     transport,
	}}
	for _, a := range cfg.Addresses {
		b, _ := base(a, cfg.TLS != nil)
		c.bases = append(c.bases, b)
	}
	return c, nil
}

// Close drops idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

func base(addr string, secure bool) (string, error) {
	if !strings.Contains(addr, "://") {
		scheme := "http://"
		if secure {
			scheme = "https://"
		}
		addr = scheme + addr
	}
	u, err := url.Parse(addr)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return "", fmt.Errorf("address %q: want host:port or http(s)://host:port", addr)
	}
	if u.Port() == "" {
		u.Host = net.JoinHostPort(u.Hostname(), "7420")
	}
	return u.Scheme + "://" + u.Host, nil
}

// inTheClear reports whether what is sent to base can be read on the way.
func inTheClear(base string) bool {
	u, err := url.Parse(base)
	if err != nil || u.Scheme == "https" || u.Hostname() == "localhost" {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return ip == nil || !ip.IsLoopback()
}

// request is one call before it is tied to an address.
type request struct {
	method string
	path   string
	query  url.Values
	body   any           // JSON; nil for none
	once   bool          // never repeat it once it may have arrived
	wait   time.Duration // what a blocking read asks for
	within time.Duration // until its answer begins; 0 for the usual
	raw    io.Reader
	key    string
}

// limit is how long one try may take until its answer begins.
func (r request) limit(usual limits) time.Duration {
	switch {
	case r.within > 0:
		return r.within
	case r.method == http.MethodGet:
		return r.wait + usual.read
	}
	return usual.write
}

// newKey makes an Idempotency-Key.
func newKey() string { return "cli-" + rand.Text() }

// do sends r to one address after another until one answers for good, and returns that answer with its body open.
func (c *Client) do(ctx context.Context, r request) (*http.Response, error) {
	var body []byte
	if r.body != nil {
		var err error
		if body, err = json.Marshal(r.body); err != nil {
			return nil, fmt.Errorf("encode request: %w", err)
		}
	}
	// The key also allows the transport below to repeat a request by itself, which must not happen to one that is sent once.
	if r.method != http.MethodGet && r.key == "" && !r.once {
		r.key = newKey()
	}
	deadline, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.cfg.Retry)
	defer cancel()
	pause := 50 * time.Millisecond
	first := int(c.last.Load())
	for {
		var failure error
		strange := 0
		for i := range c.bases {
			n := (first + i) % len(c.bases)
			resp, err := c.try(ctx, c.bases[n], r, body)
			if err == nil {
				c.last.Store(int32(n))
				return resp, nil
			}
			failure = err
			if !repeatable(ctx, r, err) {
				return nil, failure
			}
			if strangers(err) {
				strange++
			}
		}
		if strange == len(c.bases) { // they will not know each other a moment later either
			return nil, failure
		}
		select {
		case <-time.After(pause):
			pause = min(2*pause, time.Second)
		case <-deadline.Done():
			return nil, failure
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// try sends r once. Any answer other than 2xx comes back as an *Error.
func (c *Client) try(ctx context.Context, base string, r request, body []byte) (*http.Response, error) {
	var reader io.Reader = r.raw
	if r.raw == nil && body != nil {
		reader = bytes.NewReader(body)
	}
	target := base + r.path
	if len(r.query) > 0 {
		target += "?" + r.query.Encode()
	}
	limited, cancel := context.WithCancelCause(ctx)
	limit := r.limit(c.usual)
	late := time.AfterFunc(limit, func() { cancel(fmt.Errorf("no answer within %s", limit)) })
	req, err := http.NewRequestWithContext(limited, r.method, target, reader)
	if err != nil {
		late.Stop()
		cancel(nil)
		return nil, fmt.Errorf("make request: %w", err)
	}
	req.Header.Set("Accept", "application/json, application/problem+json, application/octet-stream")
	switch {
	case r.raw != nil:
		req.Header.Set("Content-Type", "application/octet-stream")
	case body != nil:
		req.Header.Set("Content-Type", "application/json")
	}
	if r.key != "" {
		req.Header.Set(HeaderKey, r.key)
	}
	if !c.cfg.Token.IsZero() {
		req.Header.Set("Authorization", "Bearer "+c.cfg.Token.Reveal())
	}
	if c.cfg.Actor != "" {
		req.Header.Set("User-Agent", "backstitch-cli ("+c.cfg.Actor+")")
	}
	resp, err := c.http.Do(req)
	if !late.Stop() && err == nil { // the answer began as its time ended: its body can not be read
		resp.Body.Close()
		err = context.Cause(limited)
	}
	if err != nil {
		defer cancel(nil)
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case limited.Err() != nil:
			err = context.Cause(limited)
		}
		return nil, unreachable(base, err)
	}
	resp.Body = &answerBody{ReadCloser: resp.Body, done: func() { cancel(nil) }}
	if resp.StatusCode/100 == 2 {
		return resp, nil
	}
	defer resp.Body.Close()
	return nil, problem(base, resp)
}

// answerBody ends its request when it is closed.
type answerBody struct {
	io.ReadCloser
	done func()
}

func (b *answerBody) Close() error {
	defer b.done()
	return b.ReadCloser.Close()
}

func unreachable(base string, err error) *Error {
	return &Error{Problem: Problem{
		Title: "no node answered", Code: CodeUnreachable, Detail: base,
		Next: "name a node that runs, e.g. --addr HOST:7420, or start one: backstitch agent",
	}, Err: err}
}

// problem reads an error answer. One that is not ours still becomes an *Error.
func problem(base string, resp *http.Response) *Error {
	e := &Error{Node: base}
	b, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if json.Unmarshal(b, &e.Problem) != nil || e.Title == "" {
		e.Problem = Problem{Title: "unexpected answer: " + resp.Status, Detail: strings.TrimSpace(string(b[:min(len(b), 200)]))}
	}
	e.Status = resp.StatusCode
	if e.Code == "" {
		e.Code = CodeInternal
		if resp.StatusCode == http.StatusNotFound {
			e.Code = CodeNotFound
		}
	}
	return e
}

// repeatable reports whether sending r again, perhaps elsewhere, is safe and can help. Writes carry an Idempotency-Key, so
// only the ones marked once are limited to failures that surely came before the request was sent.
func repeatable(ctx context.Context, r request, err error) bool {
	if ctx.Err() != nil {
		return false
	}
	var e *Error
	if !errors.As(err, &e) {
		return false
	}
	if e.Err != nil {
		var op *net.OpError
		notSent := errors.As(e.Err, &op) && op.Op == "dial"
		return notSent || (!r.once && r.raw == nil)
	}
	if r.once || r.raw != nil {
		return false
	}
	switch e.Status {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout, http.StatusTooManyRequests:
		return true
	}
	return false
}

// strangers reports whether this side and a node could not agree on who they are. The node's alert comes as an error of the first read, after which
// TLS 1.3 has said yes on this side.
func strangers(err error) bool {
	var alert *net.OpError
	var untrusted *tls.CertificateVerificationError
	return errors.As(err, &alert) && alert.Op == "remote error" || errors.As(err, &untrusted) || errors.Is(err, http.ErrSchemeMismatch)
}

// call sends r and decodes a JSON answer. It returns the answer's index, 0 when there is none.
func call[T any](ctx context.Context, c *Client, r request) (T, uint64, error) {
	var out T
	resp, err := c.do(ctx, r)
	if err != nil {
		return out, 0, err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(&out); err != nil && !errors.Is(err, io.EOF) {
		return out, 0, fmt.Errorf("decode answer of %s: %w", r.path, err)
	}
	index, _ := strconv.ParseUint(resp.Header.Get(HeaderIndex), 10, 64)
	return out, index, nil
}
