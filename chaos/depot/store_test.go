package depot

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// ask sends one request and returns status, body and whether the whole answer came.
func ask(t *testing.T, url, method string) (status int, body string, whole bool) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", false
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), err == nil
}

func TestTheStoreSpoilsWhatItIsToldToAndCountsIt(t *testing.T) {
	const object = "0123456789"
	var processed atomic.Int64
	s := newStore(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		processed.Add(1)
		_, _ = io.WriteString(w, object)
	}), 1)
	server := httptest.NewServer(s)
	defer server.Close()
	rows := []struct {
		what      string
		method    string
		status    int
		body      string
		whole     bool
		processed int64
	}{
		{"slowdown", http.MethodGet, 503, "SlowDown", true, 0},
		{"error", http.MethodPut, 500, "InternalError", true, 0},
		{"denied", http.MethodGet, 403, "AccessDenied", true, 0},
		{"truncated", http.MethodGet, 200, "01234", false, 1},
		{"checksum", http.MethodGet, 200, "01234%6789", true, 1},
		{"ambiguous", http.MethodPut, 0, "", false, 1},
		{"slow", http.MethodGet, 200, object, true, 1},
	}
	for _, row := range rows {
		s.set(Hurt{What: row.what, Share: 1, Delay: time.Millisecond})
		processed.Store(0)
		status, body, whole := ask(t, server.URL, row.method)
		if status != row.status || !strings.Contains(body, row.body) || whole != row.whole || processed.Load() != row.processed {
			t.Errorf("%s: got %d %q (whole: %t, processed: %d), want %d %q (%t, %d)", row.what, status, body, whole, processed.Load(), row.status, row.body, row.whole, row.processed)
		}
		if got := s.get().Already; got != 1 {
			t.Errorf("%s: counts %d hits, want 1", row.what, got)
		}
	}
	s.set(Hurt{})
	if status, body, _ := ask(t, server.URL, http.MethodGet); status != 200 || body != object {
		t.Errorf("healed: got %d %q", status, body)
	}
	s.set(Hurt{What: "truncated", Share: 1})
	if _, _, whole := ask(t, server.URL, http.MethodPut); !whole || s.get().Already != 0 {
		t.Error("a truncated body is one that is read: a PUT was hit")
	}
}
