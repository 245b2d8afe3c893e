// Package schematest is a schema registry in this process, for tests.
package schematest

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/sr"
)

// Registry answers as a Confluent-compatible registry does: schemas by number and by GUID, and versions of subjects.
type Registry struct {
	URL string

	mu       sync.Mutex
	schemas  map[int]sr.Schema
	guids    map[string]sr.Schema
	login    string // that every question must carry, "" for none
	odd      func(http.ResponseWriter, *http.Request) bool
	subjects map[string][]sr.SubjectSchema // version n is at n-1
	asked    int
	down     bool
}

// New starts one. It ends with the test.
func New(t testing.TB) *Registry {
	t.Helper()
	return start(t, (*httptest.Server).Start)
}

// NewTLS starts one that speaks TLS as conf says, with a certificate of its own where conf has none.
func NewTLS(t testing.TB, conf *tls.Config) *Registry {
	t.Helper()
	return start(t, func(s *httptest.Server) {
		s.TLS = conf
		s.StartTLS()
	})
}

func start(t testing.TB, up func(*httptest.Server)) *Registry {
	r := &Registry{schemas: map[int]sr.Schema{}, guids: map[string]sr.Schema{}, subjects: map[string][]sr.SubjectSchema{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /schemas/ids/{id}", func(w http.ResponseWriter, req *http.Request) {
		var id int
		_, _ = fmt.Sscan(req.PathValue("id"), &id)
		s, ok := r.schemas[id]
		answer(w, s, ok, 40403)
	})
	mux.HandleFunc("GET /schemas/guids/{guid}", func(w http.ResponseWriter, req *http.Request) {
		s, ok := r.guids[req.PathValue("guid")]
		answer(w, s, ok, 40403)
	})
	mux.HandleFunc("GET /schemas/types", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, []string{"AVRO", "JSON", "PROTOBUF"}, true, 0)
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
		if v := req.PathValue("version"); v == "latest" || v == "-1" {
			n = len(all)
		}
		if n < 1 || n > len(all) {
			answer(w, nil, false, 40402)
			return
		}
		answer(w, all[n-1], true, 0)
	})
	mux.HandleFunc("POST /subjects/{subject}", func(w http.ResponseWriter, req *http.Request) {
		var asked sr.Schema
		if json.NewDecoder(req.Body).Decode(&asked) != nil {
			http.Error(w, "not a schema", http.StatusUnprocessableEntity)
			return
		}
		for _, s := range r.subjects[req.PathValue("subject")] {
			if s.Schema.Schema == asked.Schema && s.Type == asked.Type {
				answer(w, s, true, 0)
				return
			}
		}
		answer(w, nil, false, 40403)
	})
	mux.HandleFunc("GET /config/{subject}", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]string{"compatibilityLevel": "BACKWARD"}, true, 0)
	})
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.asked++
		switch {
		case r.down:
			http.Error(w, "maintenance", http.StatusServiceUnavailable)
		case r.login != "" && req.Header.Get("Authorization") != r.login:
			// Some say back what they were sent.
			http.Error(w, "not known: "+req.Header.Get("Authorization"), http.StatusUnauthorized)
		case r.odd != nil && r.odd(w, req):
		default:
			mux.ServeHTTP(w, req)
		}
	}))
	srv.Config.ErrorLog = log.New(io.Discard, "", 0) // clients that do not trust it
	up(srv)
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

// PutGUID registers a schema under a GUID.
func (r *Registry) PutGUID(guid string, s sr.Schema) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.guids[guid] = s
}

// Require makes it refuse questions without this Authorization header.
func (r *Registry) Require(login string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.login = login
}

// Odd lets answer take over questions; it returns whether it did.
func (r *Registry) Odd(answer func(http.ResponseWriter, *http.Request) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.odd = answer
}

// Redirect makes it send whoever asks elsewhere.
func (r *Registry) Redirect(to string) {
	r.Odd(func(w http.ResponseWriter, req *http.Request) bool {
		http.Redirect(w, req, to+req.URL.Path, http.StatusFound)
		return true
	})
}

// Register adds a version to a subject.
func (r *Registry) Register(subject string, s sr.Schema) { r.RegisterAs(subject, 0, s) }

// RegisterAs adds a version to a subject, with a number.
func (r *Registry) RegisterAs(subject string, id int, s sr.Schema) {
	r.RegisterNamed(subject, id, "", s)
}

// RegisterNamed adds a version to a subject, with a number and a GUID.
func (r *Registry) RegisterNamed(subject string, id int, guid string, s sr.Schema) {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.subjects[subject]
	r.subjects[subject] = append(all, sr.SubjectSchema{Subject: subject, Version: len(all) + 1, ID: id, GUID: guid, Schema: s})
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
