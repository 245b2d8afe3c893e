package connect

import (
	"errors"
	"net"
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
