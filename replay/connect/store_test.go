package connect

import (
	"encoding/xml"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
)

// TestAStoreThatDoesNotAnswerIsNamed: the client tries several times, and its last error has to come before our deadline, which
// would name neither the host nor the reason. A bubble makes its waits short and keeps their order.
func TestAStoreThatDoesNotAnswerIsNamed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	env := func(name string) (string, bool) { return "k", true }
	synctest.Test(t, func(t *testing.T) {
		for range 20 { // the waits are drawn
			b, err := Bucket(t.Context(), "s3://bucket/prefix", S3{Endpoint: "http://" + addr, AccessKey: "env:A", SecretKey: "env:B"}, env)
			if err != nil {
				t.Fatal(err)
			}
			err = PingBucket(t.Context(), b)
			var e *Error
			if !errors.As(err, &e) || e.Code != CodeStoreDown || !strings.Contains(err.Error(), addr) || !strings.Contains(err.Error(), "connection refused") {
				t.Fatalf("got %v, want %s with %s and the reason", err, CodeStoreDown, addr)
			}
		}
	})
}

// TestAStoreThatQuotesCredentials: what a store says of a mistake is shown, but for what it was sent to be let in.
func TestAStoreThatQuotesCredentials(t *testing.T) {
	store := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, "<Error><Code>Malformed</Code><Message>the header is malformed: ")
		_ = xml.EscapeText(w, []byte(r.Header.Get("Authorization")+" "+r.Header.Get("X-Amz-Security-Token")))
		fmt.Fprint(w, "</Message></Error>")
	}))
	defer store.Close()
	for name, value := range map[string]string{"AWS_ACCESS_KEY_ID": "id-of-the-environment", "AWS_SECRET_ACCESS_KEY": "secret-key", "AWS_SESSION_TOKEN": "token-of-a-session", "HOME": t.TempDir()} {
		t.Setenv(name, value)
	}
	for _, s := range []S3{{Endpoint: store.URL}, {Endpoint: store.URL, AccessKey: "env:A", SecretKey: "env:B"}} {
		b, err := Bucket(t.Context(), "s3://bucket/prefix", s, func(name string) (string, bool) { return "named-" + name, true })
		if err != nil {
			t.Fatal(err)
		}
		err = PingBucket(t.Context(), b)
		var e *Error
		if !errors.As(err, &e) || e.Code != CodeStoreDown || !strings.Contains(err.Error(), "the header is malformed") || !strings.Contains(e.Hint, "Malformed") {
			t.Errorf("got %v, want what the store says", err)
			continue
		}
		for _, secret := range []string{"id-of-the-environment", "secret-key", "token-of-a-session"} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%s is in %v", secret, err)
			}
		}
	}
}
