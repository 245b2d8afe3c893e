package depot

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"time"
)

// Hurt is what the store does to a share of its requests.
type Hurt struct {
	What    string        // one of Words
	Share   float64       // of the requests, above 0 and at most 1
	Delay   time.Duration // of slow
	Already int64         // requests that it has hit so far; an answer, ignored in a request
}

// Words are what can be done to the store: 503, 500, a body that ends early, one with other bytes, 403, a late answer, and one
// that never comes although the request was processed.
var Words = []string{"slowdown", "error", "truncated", "checksum", "denied", "slow", "ambiguous"}

// store passes requests to a store and spoils some of them.
type store struct {
	next http.Handler

	mu     sync.Mutex // guards the rest
	hurt   Hurt
	random *rand.Rand
}

func newStore(next http.Handler, seed uint64) *store {
	return &store{next: next, random: rand.New(rand.NewPCG(seed, 4))}
}

func (s *store) set(h Hurt) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h.Already = 0
	s.hurt = h
}

func (s *store) get() Hurt {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hurt
}

// draw says what becomes of one request.
func (s *store) draw(r *http.Request) Hurt {
	s.mu.Lock()
	defer s.mu.Unlock()
	body := s.hurt.What == "truncated" || s.hurt.What == "checksum"
	if s.hurt.What == "" || body && r.Method != http.MethodGet || s.random.Float64() >= s.hurt.Share {
		return Hurt{}
	}
	s.hurt.Already++
	return s.hurt
}

func (s *store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := s.draw(r)
	switch h.What {
	case "slowdown":
		refuse(w, http.StatusServiceUnavailable, "SlowDown", "Please reduce your request rate.")
	case "error":
		refuse(w, http.StatusInternalServerError, "InternalError", "We encountered an internal error. Please try again.")
	case "denied":
		refuse(w, http.StatusForbidden, "AccessDenied", "Access Denied")
	case "slow":
		timer := time.NewTimer(h.Delay)
		defer timer.Stop()
		select {
		case <-timer.C:
			s.next.ServeHTTP(w, r)
		case <-r.Context().Done():
		}
	case "truncated", "checksum", "ambiguous":
		s.spoil(w, r, h.What)
	default:
		s.next.ServeHTTP(w, r)
	}
}

// spoil lets the request be processed and spoils the answer.
func (s *store) spoil(w http.ResponseWriter, r *http.Request, what string) {
	answer := httptest.NewRecorder()
	s.next.ServeHTTP(answer, r)
	if what == "ambiguous" {
		panic(http.ErrAbortHandler) // breaks the connection without an answer
	}
	body := answer.Body.Bytes()
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(answer.Code)
	if what == "checksum" {
		body = bytes.Clone(body)
		if len(body) > 0 {
			body[len(body)/2] ^= 0x10
		}
		_, _ = w.Write(body)
		return
	}
	_, _ = w.Write(body[:len(body)/2])
	_ = http.NewResponseController(w).Flush() // or a small body would break off before its headers, which is another fault
	panic(http.ErrAbortHandler)
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>%s</Code><Message>%s</Message><RequestId>depot</RequestId></Error>`, code, message)
}
