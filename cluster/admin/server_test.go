package admin

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"backstitch/cluster/accept/accepttest"

	"github.com/prometheus/client_golang/prometheus"
)

// TestNoiseAtTheAPIIsHeld, while everybody else is answered, and the end of the node waits for nobody.
func TestNoiseAtTheAPIIsHeld(t *testing.T) {
	for _, secure := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			var said bytes.Buffer
			d := accepttest.New()
			config := Config{Listener: d, Version: "test", Logger: slog.New(slog.NewTextHandler(&said, nil)), Gatherer: prometheus.NewRegistry(), Clock: time.Now}
			if secure {
				config.TLS = &tls.Config{Certificates: []tls.Certificate{{}}, MinVersion: tls.VersionTLS13}
			}
			s, err := New(config, newFake(t))
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- s.Run(ctx) }()

			noisy := d.Visit("a:1")
			defer noisy.Close()
			began, gone := time.Now(), make(chan time.Duration, 1)
			go func() {
				_, _ = noisy.Write([]byte("noise\r\n\r\n"))
				_, _ = io.Copy(io.Discard, noisy)
				gone <- time.Since(began)
			}()
			if held := <-gone; (held == strangerHold) != secure {
				t.Errorf("with TLS %t, noise is held for %s", secure, held)
			}
			if text := said.String(); strings.Contains(text, "connection refused") != secure {
				t.Errorf("with TLS %t, said %q", secure, text)
			}
			for n := range maxConnsPerHost + 9 {
				c := d.Visit("a:1")
				defer c.Close()
				synctest.Wait()
				if open := accepttest.Stays(t, c); open != (n < maxConnsPerHost) {
					t.Fatalf("with TLS %t, connection %d is open: %t", secure, n, open)
				}
			}
			began = time.Now()
			cancel()
			if err := <-ended; err != nil || time.Since(began) > 2*time.Second {
				t.Errorf("with TLS %t, ended after %s: %v", secure, time.Since(began), err)
			}
		})
	}
}
