package notify

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"backstitch/fsm"
)

// config posts for real, on loopback.
func config(t *testing.T) Config {
	t.Helper()
	c := DefaultConfig()
	c.Self, c.Cluster, c.Program = "n1", "c1", "v0.1.0"
	c.Client = NewClient(nil)
	c.Env = func(string) (string, bool) { return "", false }
	c.Clock, c.Logger = time.Now, slog.New(slog.DiscardHandler)
	t.Cleanup(c.Client.CloseIdleConnections)
	return c
}

func answering(t *testing.T, h http.HandlerFunc) fsm.Endpoint {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return fsm.Endpoint{Name: "bus", Format: fsm.FormatCloudEvents, URL: server.URL + "/events?key=hunter2", On: 1 << fsm.NoticeFailed}
}

func message(t *testing.T, to fsm.Endpoint) Message {
	t.Helper()
	m, err := Encode(to, event(fsm.NoticeFailed))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestPost(t *testing.T) {
	var got *http.Request
	var body []byte
	to := answering(t, func(w http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
		w.WriteHeader(http.StatusAccepted)
	})
	to.Token = "env:BACKSTITCH_NOTIFY_BUS"
	c := config(t)
	c.Env = func(name string) (string, bool) { return "s3cret", name == "BACKSTITCH_NOTIFY_BUS" }
	m := message(t, to)
	if err := c.post(t.Context(), to, m); err != nil {
		t.Fatal(err)
	}
	if string(body) != string(m.Body) || got.Header.Get("Idempotency-Key") != m.ID || got.Header.Get("Authorization") != "Bearer s3cret" ||
		got.Header.Get("Content-Type") != m.ContentType || got.Method != http.MethodPost {
		t.Errorf("got %s with %v and %q", got.Method, got.Header, body)
	}
}

// TestAnswers: what is final, what is tried again, and that nothing of the URL gets into a reason.
func TestAnswers(t *testing.T) {
	for status, final := range map[int]bool{
		200: false, 204: false, 302: false, 400: true, 401: false, 404: false, 413: true, 422: true, 429: false, 500: false, 503: false,
	} {
		asked := 0
		to := answering(t, func(w http.ResponseWriter, r *http.Request) {
			asked++
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(status)
		})
		c := config(t)
		err := c.post(t.Context(), to, message(t, to))
		var no *refused
		if (err == nil) != (status/100 == 2) || errors.As(err, &no) != final {
			t.Errorf("%d: got %v, want final %v", status, err, final)
		}
		if asked != 1 {
			t.Errorf("%d: asked %d times, want 1", status, asked)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%d: the reason repeats the URL: %v", status, err)
		}
	}
}

// TestAReceiverThatHangsIsLeft: the time is over, and the reason says nothing of the URL.
func TestAReceiverThatHangsIsLeft(t *testing.T) {
	release := make(chan struct{})
	to := answering(t, func(w http.ResponseWriter, r *http.Request) { <-release })
	t.Cleanup(func() { close(release) })
	c := config(t)
	c.Timeout = 20 * time.Millisecond
	err := c.post(t.Context(), to, message(t, to))
	if !errors.Is(err, context.DeadlineExceeded) || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got %v, want that the time is over", err)
	}
}

// TestMetadataServicesAreNotDialled: neither by address nor in disguise, and a name that resolves to one is the same, because the check is
// made of what is dialled.
func TestMetadataServicesAreNotDialled(t *testing.T) {
	var none, some guard
	some.allow = []netip.Prefix{netip.MustParsePrefix("169.254.7.0/24")}
	for address, refused := range map[string]bool{
		"169.254.169.254:80": true, "[::ffff:169.254.169.254]:80": true, "[64:ff9b::a9fe:a9fe]:80": true, "[fe80::1%eth0]:80": true,
		"[fd00:ec2::254]:80": true, "100.100.100.200:80": true, "192.0.0.192:80": true, "168.63.129.16:80": true, "0.0.0.0:80": true, "[::]:80": true, "224.0.0.1:80": true,
		"metadata.google.internal:80": true, "127.0.0.1:80": false, "10.0.0.1:443": false, "192.0.2.1:443": false, "[2001:db8::1]:443": false,
	} {
		if err := none.control("tcp", address, nil); (err != nil) != refused {
			t.Errorf("%s: got %v, want refused %v", address, err, refused)
		}
	}
	if err := some.control("tcp", "169.254.7.9:80", nil); err != nil {
		t.Errorf("an address that is allowed: got %v", err)
	}
	if err := some.control("tcp", "169.254.169.254:80", nil); err == nil {
		t.Error("an address beside the allowed ones: got no error")
	}
	c := config(t)
	to := fsm.Endpoint{Name: "bus", Format: fsm.FormatCloudEvents, URL: "http://169.254.169.254/latest"}
	if err := c.post(t.Context(), to, message(t, to)); !errors.Is(err, ErrGuarded) {
		t.Errorf("post: got %v, want ErrGuarded", err)
	}
}

func TestTokens(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "notify"), 0o700); err != nil {
		t.Fatal(err)
	}
	write("notify/bus", "s3cret\n")
	write("notify/empty", "\n")
	write("notify/lines", "a\nb\n")
	write("shadow", "root:x\n")
	if err := os.Symlink("../shadow", filepath.Join(dir, "notify", "link")); err != nil {
		t.Fatal(err)
	}
	s := secrets{env: func(name string) (string, bool) { return "from " + name, name != "BACKSTITCH_NOTIFY_UNSET" }, dir: filepath.Join(dir, "notify")}
	for ref, want := range map[string]string{
		"": "", "env:BACKSTITCH_NOTIFY_X": "from BACKSTITCH_NOTIFY_X", "file:bus": "s3cret",
	} {
		if got, err := s.token(ref); err != nil || got != want {
			t.Errorf("%s: got %q, %v, want %q", ref, got, err, want)
		}
	}
	for _, ref := range []string{
		"env:AWS_SECRET_ACCESS_KEY", "env:BACKSTITCH_NOTIFY_UNSET", "file:../shadow", "file:link", "file:/etc/passwd", "file:empty", "file:lines",
		"file:none", "plain", "k8s:ns/name",
	} {
		if got, err := s.token(ref); err == nil {
			t.Errorf("%s: got %q, want an error", ref, got)
		}
	}
	if got, err := (secrets{env: s.env}).token("file:bus"); err == nil {
		t.Errorf("without a directory: got %q, want an error", got)
	}
}

// TestTokensTravelOverHTTPS: a spec that says otherwise is refused before, and here as well.
func TestTokensTravelOverHTTPS(t *testing.T) {
	c := config(t)
	c.Env = func(string) (string, bool) { return "s3cret", true }
	to := fsm.Endpoint{Name: "bus", Format: fsm.FormatCloudEvents, URL: "http://192.0.2.1/events", Token: "env:BACKSTITCH_NOTIFY_BUS"}
	if err := c.post(t.Context(), to, message(t, to)); !errors.Is(err, errPlain) {
		t.Errorf("got %v, want errPlain", err)
	}
}
