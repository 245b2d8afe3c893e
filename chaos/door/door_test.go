package door

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestAskSendsJSONAndRepeatsARefusal(t *testing.T) {
	mux := New()
	mux.HandleFunc("PUT /echo", func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) })
	mux.HandleFunc("PUT /no", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "not today", http.StatusConflict) })
	server := httptest.NewServer(mux)
	defer server.Close()
	d := Door{Of: "oven", Addr: server.Listener.Addr().String()}

	if err := d.Await(t.Context()); err != nil {
		t.Fatal(err)
	}
	got, err := d.Ask(t.Context(), http.MethodPut, "/echo", map[string]int{"degrees": 200})
	if err != nil || strings.TrimSpace(string(got)) != `{"degrees":200}` {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := d.Ask(t.Context(), http.MethodPut, "/no", nil); err == nil || err.Error() != "oven: PUT /no: not today" {
		t.Errorf("got %v, want a refusal in the oven's words", err)
	}
}

func TestAwaitEndsWithItsContext(t *testing.T) {
	nobody := httptest.NewServer(http.NotFoundHandler())
	nobody.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err := Door{Of: "oven", Addr: nobody.Listener.Addr().String()}.Await(ctx)
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "oven at ") {
		t.Errorf("got %v, want that the oven is not up", err)
	}
}

func TestServeEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- Serve(ctx, "127.0.0.1:0", New()) }()
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
