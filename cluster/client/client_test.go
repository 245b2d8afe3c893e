package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"backstitch/fsm"
	"backstitch/partition"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func connect(t *testing.T, addresses ...string) *Client {
	t.Helper()
	c, err := New(Config{Addresses: addresses, Retry: 5 * time.Second, Actor: "test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// closedPort is an address at which nobody listens.
func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(Problem{Title: "no", Status: status, Code: code, Detail: "object x", Next: "do y"})
}

func TestWritesKeepTheirKeyOverRetriesAndAddresses(t *testing.T) {
	var keys []string
	var calls atomic.Int32
	live := serve(t, func(w http.ResponseWriter, r *http.Request) {
		keys = append(keys, r.Header.Get(HeaderKey))
		if calls.Add(1) == 1 {
			refuse(w, http.StatusServiceUnavailable, CodeNoLeader)
			return
		}
		_ = json.NewEncoder(w).Encode(Job{ID: "bs-a", State: "paused"})
	})
	job, err := connect(t, closedPort(t), live).Pause(context.Background(), "bs-a", "because")
	if err != nil || job.State != "paused" {
		t.Fatalf("Pause: got %+v, %v", job, err)
	}
	if len(keys) != 2 || keys[0] == "" || keys[0] != keys[1] {
		t.Errorf("idempotency keys: got %q, want the same one twice", keys)
	}
}

func TestTheAddressThatAnsweredIsAskedFirst(t *testing.T) {
	var first atomic.Int32
	dead := serve(t, func(w http.ResponseWriter, r *http.Request) {
		first.Add(1)
		refuse(w, http.StatusServiceUnavailable, CodeNotReady)
	})
	live := serve(t, func(w http.ResponseWriter, r *http.Request) { _ = json.NewEncoder(w).Encode(Cluster{ID: "c"}) })
	c := connect(t, dead, live)
	for range 3 {
		if _, err := c.Cluster(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	if got := first.Load(); got != 1 {
		t.Errorf("calls to the address that does not answer: got %d, want 1", got)
	}
}

func TestRefusalsAreNotRepeatedAndKeepTheirWords(t *testing.T) {
	var calls atomic.Int32
	addr := serve(t, func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		refuse(w, http.StatusConflict, CodeOverlap)
	})
	_, err := connect(t, addr).Submit(context.Background(), Submission{ID: "bs-a"})
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want *Error", err)
	}
	if e.Code != CodeOverlap || e.Next != "do y" || e.ExitStatus() != ExitConflict || calls.Load() != 1 {
		t.Errorf("got %+v, exit %d after %d calls", e.Problem, e.ExitStatus(), calls.Load())
	}
}

func TestATransferThatMayHaveArrivedIsNotRepeated(t *testing.T) {
	var calls atomic.Int32
	addr := serve(t, func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		hijack, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		hijack.Close() // the request arrived; the answer never does
	})
	_, err := connect(t, addr).TransferLeader(context.Background(), "")
	if err == nil || calls.Load() != 1 {
		t.Errorf("got %v after %d calls, want an error after 1", err, calls.Load())
	}
}

// A stopped process accepts connections and never answers; the others must be asked instead.
func TestAFrozenNodeIsPassedOver(t *testing.T) {
	thaw := make(chan struct{})
	frozen := serve(t, func(http.ResponseWriter, *http.Request) { <-thaw })
	defer close(thaw)
	var keys []string
	alive := serve(t, func(w http.ResponseWriter, r *http.Request) {
		keys = append(keys, r.Header.Get(HeaderKey))
		_ = json.NewEncoder(w).Encode(Job{ID: "bs-1"})
	})
	c := connect(t, frozen, alive)
	c.usual = limits{read: 300 * time.Millisecond, write: 300 * time.Millisecond}
	if j, _, err := c.Job(t.Context(), "bs-1", Blocking{}); err != nil || j.ID != "bs-1" {
		t.Errorf("read: got %v, %v", j.ID, err)
	}
	c.last.Store(0)
	if j, err := c.Pause(t.Context(), "bs-1", ""); err != nil || j.ID != "bs-1" || len(keys) < 2 || keys[1] == "" {
		t.Errorf("write: got %v, %v, keys %q", j.ID, err, keys)
	}
	alone := connect(t, frozen)
	alone.usual, alone.cfg.Retry = c.usual, 0
	if _, _, err := alone.Job(t.Context(), "bs-1", Blocking{}); err == nil || !strings.Contains(err.Error(), "no answer within 300ms") {
		t.Errorf("alone: got %v, want it to say that no answer came", err)
	}
}

// A blocking read may take as long as it asks for, and its body longer than that.
func TestASlowAnswerIsReadToItsEnd(t *testing.T) {
	addr := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusOK)
		w.(http.Flusher).Flush()
		<-time.After(700 * time.Millisecond)
		_ = json.NewEncoder(w).Encode(Job{ID: "bs-1"})
	})
	c := connect(t, addr)
	c.usual.read = 500 * time.Millisecond
	if j, _, err := c.Job(t.Context(), "bs-1", Blocking{}); err != nil || j.ID != "bs-1" {
		t.Errorf("got %v, %v", j.ID, err)
	}
	if got, want := (request{method: http.MethodGet, wait: time.Minute}).limit(usualLimits), time.Minute+usualLimits.read; got != want {
		t.Errorf("a blocking read of a minute is limited to %s, want %s", got, want)
	}
}

func TestNobodyAnswers(t *testing.T) {
	c, err := New(Config{Addresses: []string{closedPort(t)}, Retry: 0})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, err = c.Cluster(context.Background())
	var e *Error
	if !errors.As(err, &e) || e.Code != CodeUnreachable || e.ExitStatus() != ExitNoLeader {
		t.Errorf("got %v, want %s", err, CodeUnreachable)
	}
}

// TestStrangersAreNotAskedAgain: who does not know us now will not a moment later, while the next node of the list may.
func TestStrangersAreNotAskedAgain(t *testing.T) {
	server := func(start func(*httptest.Server)) (*httptest.Server, *atomic.Int64) {
		var met atomic.Int64
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") }))
		s.Config.ErrorLog = log.New(io.Discard, "", 0)
		s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
			if state == http.StateNew {
				met.Add(1)
			}
		}
		start(s)
		t.Cleanup(s.Close)
		return s, &met
	}
	secure, _ := server((*httptest.Server).StartTLS)
	roots := x509.NewCertPool()
	roots.AddCert(secure.Certificate())
	picky, asked := server(func(s *httptest.Server) {
		s.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
		s.StartTLS()
	})
	plain, met := server((*httptest.Server).Start)
	ask := func(trust *x509.CertPool, bases ...string) error {
		c, err := New(Config{Addresses: bases, Retry: time.Hour, TLS: &tls.Config{RootCAs: trust}})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_, err = c.Cluster(t.Context())
		return err
	}
	var alert *net.OpError
	if err := ask(roots, picky.URL); !errors.As(err, &alert) || alert.Op != "remote error" || asked.Load() != 1 {
		t.Errorf("without a certificate: %v after %d connections", err, asked.Load())
	}
	var untrusted *tls.CertificateVerificationError
	if err := ask(x509.NewCertPool(), picky.URL); !errors.As(err, &untrusted) || asked.Load() != 2 {
		t.Errorf("of another authority: %v after %d connections", err, asked.Load())
	}
	if err := ask(roots, strings.Replace(plain.URL, "http:", "https:", 1)); !errors.Is(err, http.ErrSchemeMismatch) || met.Load() != 1 {
		t.Errorf("without TLS: %v after %d connections", err, met.Load())
	}
	if err := ask(roots, picky.URL, secure.URL); err != nil || asked.Load() != 3 {
		t.Errorf("with another node behind: %v after %d connections", err, asked.Load())
	}
}

func TestTheCallersContextEndsTheRetries(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	addr := serve(t, func(w http.ResponseWriter, r *http.Request) {
		cancel()
		refuse(w, http.StatusServiceUnavailable, CodeNoLeader)
	})
	if _, err := connect(t, addr).Cluster(ctx); err == nil {
		t.Error("got no error")
	}
}

func TestAnswersThatAreNotOursBecomeErrors(t *testing.T) {
	addr := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, "<html>proxy")
	})
	_, _, err := connect(t, addr).Job(context.Background(), "bs-a", Blocking{})
	if !HasCode(err, CodeNotFound) {
		t.Errorf("got %v, want %s", err, CodeNotFound)
	}
}

func TestBlockingReadSendsAndReturnsTheIndex(t *testing.T) {
	addr := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if got, want := r.URL.RawQuery, "index=7&wait=3s"; got != want {
			t.Errorf("query: got %s, want %s", got, want)
		}
		w.Header().Set(HeaderIndex, "9")
		_ = json.NewEncoder(w).Encode(Jobs{Jobs: []Job{{ID: "bs-a"}}})
	})
	jobs, index, err := connect(t, addr).Jobs(context.Background(), Blocking{Index: 7, Wait: 3 * time.Second})
	if err != nil || index != 9 || len(jobs) != 1 {
		t.Errorf("got %d jobs, index %d, %v", len(jobs), index, err)
	}
}

func TestUnhealthyIsAnAnswer(t *testing.T) {
	addr := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
		_ = json.NewEncoder(w).Encode(Health{Checks: []Check{{Name: "raft", Reason: "no leader"}}})
	})
	got, err := connect(t, addr).Health(context.Background(), "ready")
	if err != nil || got.OK || len(got.Checks) != 1 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestConfigNamesTheBadAddress(t *testing.T) {
	err := Config{Addresses: []string{"ftp://x"}}.Validate()
	if err == nil || !strings.Contains(err.Error(), "ftp://x") {
		t.Errorf("got %v, want it to name ftp://x", err)
	}
}

func TestSlicesSurviveTheTrip(t *testing.T) {
	want := partition.Slice{
		ID: partition.SliceID{Job: "bs-a", N: 3}, Kind: partition.SliceVerify, Partition: 7,
		Ranges: partition.Ranges{{From: 1, To: 5}, {From: 9, To: 10}}, Records: 5, Bytes: 60, TargetFrom: 1, TargetTo: 8,
		Objects: []partition.Object{{Key: "k", ETag: "e", Size: 1, Base: 0, Count: -1}}, Filled: partition.Ranges{{From: 1, To: 2}},
	}
	got, err := NewSlice(want).Partitioned("bs-a")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("slice (-got +want):\n%s", diff)
	}
	for _, bad := range []Slice{
		{Kind: "other"},
		{Kind: "fill", Ranges: []Range{{From: 3, To: 3}}},
		{Kind: "fill", Ranges: []Range{{From: 5, To: 9}, {From: 1, To: 3}}},
		{Kind: "fill", Ranges: []Range{{From: 1, To: 3}, {From: 3, To: 5}}},
	} {
		if _, err := bad.Partitioned("bs-a"); err == nil {
			t.Errorf("%+v: got no error", bad)
		}
	}
}

func TestProofsSurviveTheTrip(t *testing.T) {
	want := fsm.Proof{
		ID: "r-a", Job: "bs-a", Verdict: fsm.Fail, Evidence: fsm.E3, UnixNanos: 1234567890123456789, By: "node-a",
		Comparisons: []fsm.Comparison{{
			Partition: 2, Range: partition.Range{From: 1, To: 9}, Verdict: fsm.Fail, Evidence: fsm.E3, Missing: 1, Extra: 2,
			Expected: fsm.Side{Records: 8, Bytes: 80, Sum: [16]byte{1, 15: 2}, Chain: [16]byte{3}}, Detail: "offset 4: value differs",
			PreexistingDuplicates: 3, IntroducedDuplicates: 4, OrderViolations: 5, Quarantined: 6, NotChecked: []string{"x"}, ReadBy: "n",
		}},
	}
	got, err := NewProof(want).Fact()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("proof (-got +want):\n%s", diff)
	}
	for _, bad := range []Proof{{Verdict: "maybe", Evidence: "E3"}, {Verdict: "pass", Evidence: "E9"}} {
		if _, err := bad.Fact(); err == nil {
			t.Errorf("%+v: got no error", bad)
		}
	}
}
