package fakes

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"

	"backstitch/replay/connect"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

// StoreConfig says what store to start. Its zero value is one without buckets.
type StoreConfig struct {
	Seed    uint64
	Buckets []string
}

// Store is an S3 store in memory that can be told to fail. A request is answered on the goroutine of the client, so that nothing
// is left to close. It is safe for concurrent use.
type Store struct {
	ledger
	chance  *chance
	backend gofakes3.Backend
	live    http.Handler

	mu    sync.Mutex
	rules []*storeRule
	old   []*oldListing // the newest last; it answers listings
}

// NewStore starts it.
func NewStore(cfg StoreConfig) (*Store, error) {
	s := &Store{chance: newChance(cfg.Seed), backend: s3mem.New()}
	for _, name := range cfg.Buckets {
		if err := s.backend.CreateBucket(name); err != nil {
			return nil, fmt.Errorf("bucket %s: %w", name, err)
		}
	}
	s.live = gofakes3.New(s.backend, gofakes3.WithTimeSkewLimit(0)).Server()
	return s, nil
}

// Endpoint is the address under which Transport answers. There is no such host.
const Endpoint = "http://store.invalid"

// Connection is how the product reaches the store from a node. Requests are not checked for who signed them.
func (s *Store) Connection(node string) connect.S3 {
	return connect.S3{Endpoint: Endpoint, AccessKey: "env:STORE_ID", SecretKey: "env:STORE_SECRET", HTTP: s.Transport(node)}
}

// Env has the credentials that Connection names.
func Env(name string) (string, bool) {
	switch name {
	case "STORE_ID", "STORE_SECRET":
		return "fake", true
	}
	return "", false
}

// Transport carries HTTP requests from a node to the store.
func (s *Store) Transport(node string) *Transport { return &Transport{s: s, node: node} }

// Transport is an http.RoundTripper, and an HTTP client for libraries that want one.
type Transport struct {
	s    *Store
	node string
}

// RoundTrip answers a request.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		defer r.Body.Close()
	}
	return t.s.answer(r, t.node)
}

// Do is RoundTrip; redirects are not followed, and the store sends none.
func (t *Transport) Do(r *http.Request) (*http.Response, error) { return t.RoundTrip(r) }

// Handler serves the store over HTTP, e.g. on loopback, to all nodes. An answer that breaks off closes the connection.
func (s *Store) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		resp, err := s.answer(r, "")
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		defer resp.Body.Close()
		maps.Copy(w.Header(), resp.Header)
		w.WriteHeader(resp.StatusCode)
		if _, err := io.Copy(w, resp.Body); err != nil {
			// What is kept back in the server's buffer would look like a connection that broke before the answer.
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}
	})
}

// Op is a kind of request.
type Op string

// Kinds of request.
const (
	Get    Op = "get" // of a whole object or a range
	Head   Op = "head"
	List   Op = "list"
	Put    Op = "put"
	Delete Op = "delete"
	Other  Op = "other"
)

func opOf(r *http.Request) (op Op, key string) {
	_, key, _ = strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	switch {
	case r.Method == http.MethodGet && key == "":
		return List, ""
	case r.Method == http.MethodGet:
		return Get, key
	case r.Method == http.MethodHead:
		return Head, key
	case r.Method == http.MethodPut:
		return Put, key
	case r.Method == http.MethodDelete:
		return Delete, key
	}
	return Other, key
}

// errBroken is what a client sees of a connection that breaks.
var errBroken = errors.New("connection reset by the store")

// answer processes a request and does to it what the rules say.
func (s *Store) answer(r *http.Request, node string) (*http.Response, error) {
	ctx := r.Context()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	op, key := opOf(r)
	var after []*storeRule
	for _, rule := range s.matching(op, key, node) {
		if !rule.next() {
			continue
		}
		switch {
		case rule.Before:
			rule.in.hits.Add(1)
			return nil, errBroken
		case rule.Status != 0:
			rule.in.hits.Add(1)
			return refusal(r, rule.Status), nil
		case rule.Delay > 0:
			rule.in.hits.Add(1)
			if err := wait(ctx, s.chance.around(rule.Delay, rule.Jitter)); err != nil {
				return nil, err
			}
		default:
			after = append(after, rule)
		}
	}
	resp, err := s.process(ctx, r, op)
	if err != nil {
		return nil, err
	}
	for _, rule := range after {
		switch {
		case rule.After:
			rule.in.hits.Add(1)
			return nil, errBroken
		case rule.Truncate:
			s.truncate(resp, rule.in)
		case rule.Flip:
			if err := s.flip(resp, rule.in); err != nil {
				return nil, err
			}
		}
	}
	return resp, nil
}

// process lets the store answer.
func (s *Store) process(ctx context.Context, r *http.Request, op Op) (*http.Response, error) {
	in := r.Clone(ctx)
	in.RequestURI, in.Host = r.URL.RequestURI(), r.URL.Host
	if in.Body == nil {
		in.Body = http.NoBody
	}
	if in.ContentLength > 0 {
		in.Header.Set("Content-Length", fmt.Sprint(in.ContentLength))
	}
	if op == List {
		return s.list(in), nil
	}
	return serve(s.live, in), nil
}

func serve(h http.Handler, r *http.Request) *http.Response {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	resp := w.Result()
	resp.Request = r
	if r.Method == http.MethodHead {
		resp.Body = http.NoBody
		return resp
	}
	resp.ContentLength = int64(w.Body.Len())
	resp.Header.Set("Content-Length", fmt.Sprint(w.Body.Len()))
	return resp
}

// Bytes returns an object as it is, whatever clients are told. ok is false when there is none.
func (s *Store) Bytes(bucket, key string) (body []byte, ok bool, err error) {
	o, err := s.backend.GetObject(bucket, key, nil)
	if gofakes3.HasErrorCode(err, gofakes3.ErrNoSuchKey) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("read %s/%s: %w", bucket, key, err)
	}
	defer o.Contents.Close()
	body, err = io.ReadAll(o.Contents)
	return body, true, err
}

// Put writes an object behind everybody's back, over whatever is there.
func (s *Store) Put(bucket, key string, body []byte) error {
	_, err := s.backend.PutObject(bucket, key, map[string]string{}, bytes.NewReader(body), int64(len(body)), nil)
	if err != nil {
		return fmt.Errorf("write %s/%s: %w", bucket, key, err)
	}
	return nil
}

// Keys lists the keys of a bucket as they are, sorted.
func (s *Store) Keys(bucket string) ([]string, error) {
	objects, err := contents(s.backend, bucket)
	if err != nil {
		return nil, err
	}
	keys := make([]string, len(objects))
	for i, o := range objects {
		keys[i] = o.Key
	}
	slices.Sort(keys)
	return keys, nil
}

func contents(b gofakes3.Backend, bucket string) ([]*gofakes3.Content, error) {
	all, err := b.ListBucket(bucket, &gofakes3.Prefix{}, gofakes3.ListBucketPage{})
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", bucket, err)
	}
	return all.Contents, nil
}
