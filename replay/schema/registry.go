package schema

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"backstitch/replay/record"

	"github.com/twmb/franz-go/pkg/sr"
)

// Registry is a Confluent-compatible schema registry. It is safe for concurrent use.
type Registry struct {
	name string
	cl   *sr.Client
	http *http.Client
	wait func(context.Context, time.Duration) error // between two attempts

	mu     sync.RWMutex
	prints map[record.SchemaName]record.Print
	// asking is held while a question is out, so that what several partitions want to know at once is asked once. It guards what is below.
	asking  sync.Mutex
	down    error                       // the registry does not answer: it is not waited for once per partition
	refused map[record.SchemaName]error // what it says no to is not asked again
	refs    map[place]printed           // of schemas that others refer to
	has     map[record.SchemaName]bool  // what it was asked only whether it has it
}

// printed is a fingerprint, and how deep what it is of refers to others.
type printed struct {
	record.Print
	height int
}

// place is where a schema that is referred to is registered.
type place struct {
	subject string
	version int
}

// CheckURL refuses what is not the address of a registry, or holds a login. What it refuses is not repeated.
func CheckURL(address string) error {
	u, err := url.Parse(address)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.Opaque != "" {
		return errors.New("not the address of a schema registry: want http(s)://host:port")
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("the address of a schema registry holds more than http(s)://host:port/path; a login belongs into a connection")
	}
	return nil
}

// Open names a registry: name is how people know it, address where it is. It does not connect. client carries trust and login; its
// redirects must not be followed. The caller closes the Registry, which closes idle connections of client.
func Open(name, address string, client *http.Client) (*Registry, error) {
	if err := CheckURL(address); err != nil {
		return nil, err
	}
	bound := *client
	if bound.Transport == nil {
		bound.Transport = http.DefaultTransport
	}
	bound.Transport, bound.Timeout = bounded{bound.Transport}, askTimeout
	r := &Registry{name: name, http: client, wait: pause, prints: map[record.SchemaName]record.Print{}, refused: map[record.SchemaName]error{},
		refs: map[place]printed{}, has: map[record.SchemaName]bool{}}
	var err error
	r.cl, err = sr.NewClient(sr.URLs(address), sr.HTTPClient(&bound), sr.UserAgent("backstitch"))
	if err != nil {
		return nil, fmt.Errorf("schema registry %s: %w", name, err)
	}
	return r, nil
}

// Name is how people know it: the name of a connection, or the address.
func (r *Registry) Name() string { return r.name }

// Close gives up idle connections.
func (r *Registry) Close() { r.http.CloseIdleConnections() }

// Known returns the fingerprint of a schema that was learnt.
func (r *Registry) Known(name record.SchemaName) (print record.Print, ok bool) {
	r.mu.RLock()
	print, ok = r.prints[name]
	r.mu.RUnlock()
	return print, ok
}

// Learn asks for a schema, unless it is known: ErrUnknown, ErrNoAnswer.
func (r *Registry) Learn(ctx context.Context, name record.SchemaName) error {
	if _, ok := r.Known(name); ok {
		return nil
	}
	r.asking.Lock()
	defer r.asking.Unlock()
	if _, ok := r.Known(name); ok {
		return nil
	}
	if err := r.refused[name]; err != nil {
		return err
	}
	s, err := r.schema(ctx, name)
	var print printed
	if err == nil {
		print, err = r.print(ctx, name.String(), s, 0)
	}
	if err != nil {
		if ctx.Err() == nil && r.down == nil {
			r.refused[name] = err
		}
		return err
	}
	r.mu.Lock()
	r.prints[name] = print.Print
	r.mu.Unlock()
	return nil
}

// schema asks for a schema by what records call it.
func (r *Registry) schema(ctx context.Context, name record.SchemaName) (s sr.Schema, err error) {
	err = r.ask(ctx, name.String(), func(ctx context.Context) error {
		if !name.ByGUID {
			s, err = r.cl.SchemaByID(ctx, int(name.ID))
			return err
		}
		found, err := r.cl.SchemaByGUID(ctx, name.Text())
		s = found.Schema
		return err
	})
	return s, err
}

// HasSubject reports whether schemas are registered under a name.
func (r *Registry) HasSubject(ctx context.Context, subject string) (bool, error) {
	r.asking.Lock()
	defer r.asking.Unlock()
	err := r.ask(ctx, "subject "+subject, func(ctx context.Context) error {
		_, err := r.cl.SubjectVersions(ctx, subject)
		return err
	})
	if errors.Is(err, ErrUnknown) {
		return false, nil
	}
	return err == nil, err
}

// Ping makes sure that something answers as a registry does, and takes our login: ErrNoAnswer.
func (r *Registry) Ping(ctx context.Context) error {
	r.asking.Lock()
	defer r.asking.Unlock()
	return r.ask(ctx, "the types of schemas", func(ctx context.Context) error {
		var types []string
		return r.cl.Do(ctx, http.MethodGet, "/schemas/types", nil, &types)
	})
}
