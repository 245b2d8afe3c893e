package schema

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/sr"
)

var (
	// ErrNoAnswer says that a registry did not answer, or answered with an error of its own.
	ErrNoAnswer = errors.New("the schema registry gave no answer")
	// ErrUnknown says that a registry has no schema of a number.
	ErrUnknown = errors.New("the schema registry has no such schema")
)

// Limits of one question. A schema is text that people write; a megabyte of it is a mistake, or not a registry.
const (
	askTimeout = 10 * time.Second
	mostBytes  = 8 << 20
)

// Registry is a Confluent-compatible schema registry. It is safe for concurrent use.
type Registry struct {
	url  string
	http *http.Transport
	cl   *sr.Client

	mu     sync.RWMutex
	prints map[uint32][16]byte
	// asking is held while a question is out, so that what several partitions want to know at once is asked once.
	asking sync.Mutex
	failed error // the first failure that is not the caller's: a registry that is down is not waited for once per partition
}

// Open names a registry by its address, http(s)://host:port. It does not connect. The caller closes it.
func Open(address string) (*Registry, error) {
	u, err := url.Parse(address)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil {
		return nil, fmt.Errorf("schema registry %q: want http(s)://host:port, without a login", address)
	}
	r := &Registry{url: address, http: http.DefaultTransport.(*http.Transport).Clone(), prints: map[uint32][16]byte{}}
	r.cl, err = sr.NewClient(sr.URLs(address), sr.HTTPClient(&http.Client{Timeout: askTimeout, Transport: bounded{r.http}}), sr.UserAgent("backstitch"))
	if err != nil {
		return nil, fmt.Errorf("schema registry %s: %w", address, err)
	}
	return r, nil
}

// URL is the address.
func (r *Registry) URL() string { return r.url }

// Close gives up idle connections.
func (r *Registry) Close() { r.http.CloseIdleConnections() }

// Known returns the fingerprint of a schema that was learnt.
func (r *Registry) Known(id uint32) (print [16]byte, ok bool) {
	r.mu.RLock()
	print, ok = r.prints[id]
	r.mu.RUnlock()
	return print, ok
}

// Count is how many schemas were learnt.
func (r *Registry) Count() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return len(r.prints)
}

// Learn asks for a schema, unless it is known: ErrUnknown, ErrNoAnswer.
func (r *Registry) Learn(ctx context.Context, id uint32) error {
	if _, ok := r.Known(id); ok {
		return nil
	}
	r.asking.Lock()
	defer r.asking.Unlock()
	if _, ok := r.Known(id); ok {
		return nil
	}
	if r.failed != nil {
		return r.failed
	}
	s, err := r.cl.SchemaByID(ctx, int(id))
	if err != nil {
		return r.fail(ctx, fmt.Sprintf("schema %d", id), err)
	}
	print, err := r.print(ctx, s, 0)
	if err != nil {
		return err
	}
	r.mu.Lock()
	r.prints[id] = print
	r.mu.Unlock()
	return nil
}

// HasSubject reports whether schemas are registered under a name.
func (r *Registry) HasSubject(ctx context.Context, subject string) (bool, error) {
	r.asking.Lock()
	defer r.asking.Unlock()
	if r.failed != nil {
		return false, r.failed
	}
	_, err := r.cl.SubjectVersions(ctx, subject)
	if err == nil {
		return true, nil
	}
	if err = r.fail(ctx, "subject "+subject, err); errors.Is(err, ErrUnknown) {
		return false, nil
	}
	return false, err
}

// fail tells a registry that says no from one that says nothing. It is called with asking held.
func (r *Registry) fail(ctx context.Context, what string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var answer *sr.ResponseError
	if errors.As(err, &answer) && answer.StatusCode == http.StatusNotFound && answer.ErrorCode/100 == http.StatusNotFound {
		return fmt.Errorf("%s of %s: %w: %s", what, r.url, ErrUnknown, answer.Message)
	}
	r.failed = fmt.Errorf("%s of %s: %w: %w", what, r.url, ErrNoAnswer, err)
	return r.failed
}

// bounded ends an answer that is too long with an error.
type bounded struct{ http.RoundTripper }

func (b bounded) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := b.RoundTripper.RoundTrip(req)
	if err == nil {
		resp.Body = &shortBody{ReadCloser: resp.Body, left: mostBytes}
	}
	return resp, err
}

type shortBody struct {
	io.ReadCloser
	left int
}

func (s *shortBody) Read(p []byte) (int, error) {
	if s.left == 0 {
		return 0, fmt.Errorf("an answer of more than %d bytes", mostBytes)
	}
	n, err := s.ReadCloser.Read(p[:min(len(p), s.left)])
	s.left -= n
	return n, err
}
