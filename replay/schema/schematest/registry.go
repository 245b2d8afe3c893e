// Package schematest is a schema registry in this process, for tests.
package schematest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/sr"
)

// Registry answers as a Confluent-compatible registry does: schemas by number, and versions of subjects.
type Registry struct {
	URL string

	mu       sync.Mutex
	schemas  map[int]sr.Schema
	subjects map[string][]sr.Schema // version n is at n-1
	asked    int
	down     bool
}

// New starts one. It ends with the test.
func New(t testing.TB) *Registry {
	t.Helper()
	r := &Registry{schemas: map[int]sr.Schema{}, subjects: map[string][]sr.Schema{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /schemas/ids/{id}", func(w http.ResponseWriter, req *http.Request) {
		var id int
		_, _ = fmt.Sscan(req.PathValue("id"), &id)
		s, ok := r.schemas[id]
		answer(w, s, ok, 40403)
	})
	mux.HandleFunc("GET /subjects/{subject}/versions", func(w http.ResponseWriter, req *http.Request) {
		var versions []int
		for i := range r.subjects[req.PathValue("subject")] {
			versions = append(versions, i+1)
		}
		answer(w, versions, len(versions) > 0, 40401)
	})
	mux.HandleFunc("GET /subjects/{subject}/versions/{version}", func(w http.ResponseWriter, req *http.Request) {
		var n int
		_, _ = fmt.Sscan(req.PathValue("version"), &n)
		all := r.subjects[req.PathValue("subject")]
		if n < 1 || n > len(all) {
			answer(w, nil, false, 40402)
			return
		}
		answer(w, sr.SubjectSchema{Subject: req.PathValue("subject"), Version: n, Schema: all[n-1]}, true, 0)
	})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.asked++
		if r.down {
			http.Error(w, "maintenance", http.StatusServiceUnavailable)
			return
		}
		mux.ServeHTTP(w, req)
	}))
	t.Cleanup(srv.Close)
	r.URL = srv.URL
	return r
}

func answer(w http.ResponseWriter, body any, ok bool, code int) {
	w.Header().Set("Content-Type", "application/vnd.schemaregistry.v1+json")
	if !ok {
		w.WriteHeader(http.StatusNotFound)
		body = map[string]any{"error_code": code, "message": "not found"}
	}
	_ = json.NewEncoder(w).Encode(body) // a client that went away
}

// Put registers a schema under a number.
func (r *Registry) Put(id int, s sr.Schema) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.schemas[id] = s
}

// Register adds a version to a subject.
func (r *Registry) Register(subject string, s sr.Schema) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.subjects[subject] = append(r.subjects[subject], s)
}

// SetDown makes it answer nothing but errors.
func (r *Registry) SetDown(down bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.down = down
}

// Asked is how many questions it was asked.
func (r *Registry) Asked() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.asked
}
