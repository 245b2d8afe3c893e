package client

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"
)

// A node that ends while it is asked to leaves a broken connection, and one that was in use before is what the transport repeats
// by itself when the request has a key: the node that came back would be hurt a second time.
func TestWhatIsSentOnceIsNotRepeatedByTheTransport(t *testing.T) {
	var asked atomic.Int32
	node := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			_, _ = w.Write([]byte("{}"))
			return
		}
		asked.Add(1)
		c, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			c.Close()
		}
	}))
	defer node.Close()
	c, err := New(Config{Addresses: []string{node.URL}, Retry: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Cluster(t.Context()); err != nil { // leaves a connection behind that is used again
		t.Fatal(err)
	}
	if _, err := c.Hurt(t.Context(), Fault{Kind: "crash", TTL: "1s"}); err == nil {
		t.Error("a broken connection is no answer")
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("asked %d times, want once", n)
	}
}
