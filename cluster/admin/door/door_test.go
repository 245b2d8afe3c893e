package door

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"backstitch/cluster/accept/accepttest"
)

// made puts a door in front of a handler, with bounds that a test can reach.
func made(change func(*Config), next http.HandlerFunc) *Door {
	cfg := Default()
	cfg.PerSecond, cfg.Burst, cfg.AtOnce, cfg.Addresses, cfg.Hold, cfg.Clock = 10, 5, 3, 4, 0, time.Now
	cfg.Refuse = func(w http.ResponseWriter, why string) {
		w.WriteHeader(http.StatusTooManyRequests)
		fmt.Fprint(w, why)
	}
	if change != nil {
		change(&cfg)
	}
	return New(cfg, next)
}

func ok(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }

// ask sends one request from an address and returns the status.
func ask(d *Door, from, method, path string) (int, http.Header) {
	r := httptest.NewRequest(method, path, nil)
	r.RemoteAddr = from
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	return w.Code, w.Header()
}

func TestAnAddressThatIsLoudWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := made(nil, ok)
		for n := range 5 {
			if status, _ := ask(d, "192.0.2.1:1", "GET", "/v1/jobs"); status != http.StatusOK {
				t.Fatalf("request %d: got %d", n, status)
			}
		}
		status, head := ask(d, "192.0.2.1:2", "GET", "/v1/jobs") // another port is the same address
		if status != http.StatusTooManyRequests || head.Get("Retry-After") != "1" {
			t.Errorf("one more: got %d, %v", status, head)
		}
		if status, _ := ask(d, "192.0.2.2:1", "GET", "/v1/jobs"); status != http.StatusOK {
			t.Errorf("somebody else: got %d", status)
		}
		for _, path := range []string{"/metrics", "/healthz/live"} {
			if status, _ := ask(d, "192.0.2.1:1", "GET", path); status != http.StatusOK {
				t.Errorf("%s: got %d", path, status)
			}
		}
		time.Sleep(100 * time.Millisecond) // virtual
		if status, _ := ask(d, "192.0.2.1:1", "GET", "/v1/jobs"); status != http.StatusOK {
			t.Errorf("a tenth of a second later: got %d", status)
		}
	})
}

// TestNonsenseCountsForMore than what is understood, also when that is refused.
func TestNonsenseCountsForMore(t *testing.T) {
	for status, want := range map[int]int{
		http.StatusOK: 20, http.StatusForbidden: 20, http.StatusConflict: 20, http.StatusServiceUnavailable: 20,
		http.StatusBadRequest: 4, http.StatusUnauthorized: 4, http.StatusNotFound: 4, http.StatusMethodNotAllowed: 4, http.StatusRequestEntityTooLarge: 4,
	} {
		synctest.Test(t, func(t *testing.T) {
			d := made(func(c *Config) { c.Burst, c.Nonsense = 20, 5 }, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
			answered := 0
			for range 30 {
				if got, _ := ask(d, "192.0.2.1:1", "GET", "/v1/jobs"); got == status {
					answered++
				}
			}
			if answered != want {
				t.Errorf("%d of 30 requests were answered %d, want %d", answered, status, want)
			}
		})
	}
}

// TestWhoIsRefusedIsHeld and whatever else comes over its connection: the answer comes late, and takes no room of those who are served meanwhile.
func TestWhoIsRefusedIsHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		served := 0
		d := made(func(c *Config) { c.Hold, c.Burst = time.Minute, 1 }, func(http.ResponseWriter, *http.Request) { served++ })
		dial := piped(t, d)
		conn := dial()
		defer conn.Close()
		began, answers := time.Now(), bufio.NewReader(conn)
		for n, want := range []time.Duration{0, time.Minute} {
			fmt.Fprint(conn, "GET /v1/jobs HTTP/1.1\r\nHost: x\r\n\r\n")
			resp, err := http.ReadResponse(answers, nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, resp.Body); err != nil {
				t.Fatal(err)
			}
			if got := time.Since(began); got != want {
				t.Errorf("answer %d, %s, came after %s, want %s", n, resp.Status, got, want)
			}
			if n == 0 { // ten more connections of the same address are held, too
				for range 10 {
					held := dial()
					defer held.Close()
					fmt.Fprint(held, "GET /v1/jobs HTTP/1.1\r\nHost: x\r\n\r\n")
				}
				synctest.Wait()
				if status, _ := ask(d, "192.0.2.2:1", "GET", "/v1/jobs"); status != http.StatusOK {
					t.Errorf("somebody else, meanwhile: %d", status)
				}
			}
		}
		if served != 2 {
			t.Errorf("%d were served, want 2", served)
		}
	})
}

// TestWhoGivesUpIsHeldNoLonger: its connection is the node's again.
func TestWhoGivesUpIsHeldNoLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := made(func(c *Config) { c.Hold, c.Burst = time.Hour, 0 }, ok)
		ctx, cancel := context.WithCancel(t.Context())
		var asking sync.WaitGroup
		asking.Go(func() {
			r := httptest.NewRequestWithContext(ctx, "GET", "/v1/jobs", nil)
			d.ServeHTTP(httptest.NewRecorder(), r)
		})
		time.Sleep(time.Second) // virtual
		began := time.Now()
		cancel()
		asking.Wait()
		if d := time.Since(began); d != 0 {
			t.Errorf("it was held for another %s", d)
		}
	})
}

func TestANetworkIsOneAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := made(nil, ok)
		refused := 0
		for n := range 20 {
			if status, _ := ask(d, fmt.Sprintf("[2001:db8::%x]:1", n+1), "GET", "/v1/jobs"); status == http.StatusTooManyRequests {
				refused++
			}
		}
		if refused != 15 {
			t.Errorf("%d of 20 were refused, want 15", refused)
		}
		if status, _ := ask(d, "[2001:db8:0:1::1]:1", "GET", "/v1/jobs"); status != http.StatusOK {
			t.Errorf("another network: got %d", status)
		}
	})
}

func TestWhatIsKeptOfAddressesIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := made(nil, ok)
		for n := range 1000 {
			ask(d, fmt.Sprintf("198.51.100.%d:1", n%256), "GET", "/v1/jobs")
		}
		if len(d.callers) != 4 || d.order.Len() != 4 {
			t.Errorf("%d addresses are kept, %d in order, want 4", len(d.callers), d.order.Len())
		}
	})
}

// TestNoMoreAtOnce than there is room for; who only waits takes none.
func TestNoMoreAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		d := made(func(c *Config) { c.Burst = 100 }, func(w http.ResponseWriter, _ *http.Request) { <-release })
		var serving sync.WaitGroup
		for range 3 {
			serving.Go(func() { ask(d, "192.0.2.1:1", "POST", "/v1/jobs") })
		}
		for range 10 {
			serving.Go(func() { ask(d, "192.0.2.1:1", "GET", "/v1/jobs?index=7&wait=30s") })
		}
		synctest.Wait()
		if status, _ := ask(d, "192.0.2.2:1", "GET", "/v1/jobs"); status != http.StatusTooManyRequests {
			t.Errorf("a fourth: got %d", status)
		}
		close(release)
		serving.Wait()
		if status, _ := ask(d, "192.0.2.2:1", "GET", "/v1/jobs"); status != http.StatusOK {
			t.Errorf("when there is room: got %d", status)
		}
	})
}

// piped is a server behind a door, and a way to connect to it, all in virtual time.
func piped(t *testing.T, d *Door) (dial func() net.Conn) {
	t.Helper()
	l := accepttest.New()
	server := &http.Server{Handler: d} // #nosec G112 -- the door under test is that bound
	var running sync.WaitGroup
	running.Go(func() { _ = server.Serve(l) })
	t.Cleanup(func() {
		_ = server.Close()
		running.Wait()
	})
	return func() net.Conn { return l.Visit("visitor") }
}

// TestABodyThatStallsEnds, and one that trickles does not.
func TestABodyThatStallsEnds(t *testing.T) {
	for name, c := range map[string]struct {
		pause time.Duration
		whole bool
	}{"trickles": {20 * time.Second, true}, "stalls": {40 * time.Second, false}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got := make(chan error, 1)
				conn := piped(t, made(nil, func(w http.ResponseWriter, r *http.Request) {
					_, err := io.ReadAll(r.Body)
					got <- err
				}))()
				var client sync.WaitGroup
				defer client.Wait()
				defer conn.Close()
				client.Go(func() {
					fmt.Fprint(conn, "POST /v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n")
					for _, b := range []string{"a", "b", "c"} {
						time.Sleep(c.pause) // virtual
						if _, err := io.WriteString(conn, b); err != nil {
							return
						}
					}
				})
				client.Go(func() { _, _ = io.Copy(io.Discard, conn) })
				if err := <-got; (err == nil) != c.whole {
					t.Errorf("got %v, want whole %v", err, c.whole)
				}
			})
		})
	}
}

// TestAnAnswerThatNobodyTakesEnds, and who waits long for one is let wait.
func TestAnAnswerThatNobodyTakesEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan error, 1)
		dial := piped(t, made(nil, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/v1/slow" {
				time.Sleep(5 * time.Minute) // virtual; longer than any stall
				fmt.Fprint(w, "here")
				return
			}
			for {
				if _, err := w.Write(make([]byte, 64<<10)); err != nil {
					ended <- err
					return
				}
			}
		}))
		deaf := dial()
		defer deaf.Close()
		began := time.Now()
		fmt.Fprint(deaf, "GET /v1/big HTTP/1.1\r\nHost: x\r\n\r\n")
		if err := <-ended; err == nil || time.Since(began) < 30*time.Second || time.Since(began) > 2*time.Minute {
			t.Errorf("ended with %v after %s", err, time.Since(began))
		}
		patient := dial()
		defer patient.Close()
		for range 2 { // also the second on the same connection
			fmt.Fprint(patient, "GET /v1/slow HTTP/1.1\r\nHost: x\r\n\r\n")
			resp, err := http.ReadResponse(bufio.NewReader(patient), nil)
			if err != nil {
				t.Fatal(err)
			}
			if b, err := io.ReadAll(resp.Body); string(b) != "here" || err != nil {
				t.Errorf("got %q %v", b, err)
			}
		}
	})
}

// BenchmarkGarbage is what a request costs that is refused, beside the cheapest that is served.
func BenchmarkGarbage(b *testing.B) {
	for _, c := range []struct {
		name  string
		burst int
	}{{"refused", 0}, {"served", 1 << 30}} {
		b.Run(c.name, func(b *testing.B) {
			d := made(func(cfg *Config) { cfg.Burst, cfg.PerSecond = c.burst, 1e-9 }, ok)
			r := httptest.NewRequest("GET", "/"+strings.Repeat("x", 100), nil)
			b.ReportAllocs()
			for b.Loop() {
				d.ServeHTTP(httptest.NewRecorder(), r)
			}
		})
	}
}
