package fakes

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"backstitch/chaos/fault"
	"backstitch/replay/bucket"
	"backstitch/replay/connect"
)

// atStore runs test with a store and the product's bucket of it, under virtual time.
func atStore(t *testing.T, test func(t *testing.T, s *Store, b bucket.Bucket)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s, err := NewStore(StoreConfig{Seed: 1, Buckets: []string{"archive"}})
		if err != nil {
			t.Fatal(err)
		}
		b, err := connect.Bucket(t.Context(), "s3://archive/a", s.Connection("node-a"), Env)
		if err != nil {
			t.Fatal(err)
		}
		test(t, s, b)
	})
}

func put(t *testing.T, b bucket.Bucket, key, body string) {
	t.Helper()
	if _, err := b.PutNew(t.Context(), key, []byte(body)); err != nil {
		t.Fatal(err)
	}
}

func get(ctx context.Context, b bucket.Bucket, key string) (string, error) {
	r, _, err := b.Get(ctx, key, "")
	if err != nil {
		return "", err
	}
	defer r.Close()
	body, err := io.ReadAll(r)
	return string(body), err
}

func listed(t *testing.T, b bucket.Bucket) string {
	t.Helper()
	var keys []string
	for o, err := range b.List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, o.Key)
	}
	return fmt.Sprint(keys)
}

func TestStoreWithoutFaults(t *testing.T) {
	atStore(t, func(t *testing.T, s *Store, b bucket.Bucket) {
		put(t, b, "x", "one")
		put(t, b, "y", "two")
		if _, err := b.PutNew(t.Context(), "x", []byte("other")); !errors.Is(err, bucket.ErrExists) {
			t.Errorf("a second write: got %v, want ErrExists", err)
		}
		if got, err := get(t.Context(), b, "x"); err != nil || got != "one" {
			t.Errorf("got %q, %v, want one", got, err)
		}
		if got, err := b.GetRange(t.Context(), "y", "", -2, 2); err != nil || string(got) != "wo" {
			t.Errorf("range: got %q, %v, want wo", got, err)
		}
		if got := listed(t, b); got != "[x y]" {
			t.Errorf("got %s, want [x y]", got)
		}
		if _, err := get(t.Context(), b, "z"); !errors.Is(err, bucket.ErrNotFound) {
			t.Errorf("got %v, want ErrNotFound", err)
		}
		if body, ok, err := s.Bytes("archive", "a/y"); err != nil || !ok || string(body) != "two" {
			t.Errorf("behind the back: got %q, %t, %v", body, ok, err)
		}
	})
}

// The product writes once whatever happens to the reply, and never takes its own object for somebody else's.
func TestAmbiguousPutIsSettled(t *testing.T) {
	for _, r := range []StoreRule{
		{Ops: []Op{Put}, After: true, Count: 1}, {Ops: []Op{Put}, Before: true, Count: 1}, {Ops: []Op{Put}, Status: 500, Count: 2},
		{Ops: []Op{Put}, Status: 503, Count: 1}, {Ops: []Op{Put}, Status: 409, Count: 1}, {After: true, Count: 2}, {Ops: []Op{Get}, After: true, Count: 1},
	} {
		t.Run(r.String(), func(t *testing.T) {
			atStore(t, func(t *testing.T, s *Store, b bucket.Bucket) {
				in, err := s.Inject(r)
				if err != nil {
					t.Fatal(err)
				}
				put(t, b, "x", "once")
				if body, err := get(t.Context(), b, "x"); err != nil || body != "once" {
					t.Errorf("got %q, %v, want once", body, err)
				}
				if int(in.Hits()) != r.Count {
					t.Errorf("got %d hits, want %d", in.Hits(), r.Count)
				}
			})
		})
	}
}

func TestAmbiguousMeansProcessed(t *testing.T) {
	atStore(t, func(t *testing.T, s *Store, _ bucket.Bucket) {
		for _, c := range []struct {
			rule StoreRule
			want bool
		}{{StoreRule{Before: true, Count: 1}, false}, {StoreRule{Status: 503, Count: 1}, false}, {StoreRule{After: true, Count: 1}, true}} {
			if _, err := s.Inject(c.rule); err != nil {
				t.Fatal(err)
			}
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, Endpoint+"/archive/raw", bytes.NewReader([]byte("raw")))
			if err != nil {
				t.Fatal(err)
			}
			if resp, err := s.Transport("n").RoundTrip(r); err == nil && resp.StatusCode == http.StatusOK {
				t.Errorf("%s: the client was told that all is well", c.rule)
			}
			if _, ok, err := s.Bytes("archive", "raw"); err != nil || ok != c.want {
				t.Errorf("%s: it is there: %t, %v, want %t", c.rule, ok, err, c.want)
			}
		}
	})
}

func TestBodiesAreHurt(t *testing.T) {
	atStore(t, func(t *testing.T, s *Store, b bucket.Bucket) {
		body := string(bytes.Repeat([]byte("0123456789"), 100))
		put(t, b, "x", body)
		in, err := s.Inject(StoreRule{Ops: []Op{Get}, Truncate: true, Count: 1})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := get(t.Context(), b, "x"); !errors.Is(err, io.ErrUnexpectedEOF) || len(got) >= len(body) || in.Hits() != 1 {
			t.Errorf("truncated: got %d bytes, %v, %d hits, want fewer and io.ErrUnexpectedEOF", len(got), err, in.Hits())
		}
		if in, err = s.Inject(StoreRule{Ops: []Op{Get}, Flip: true, Count: 1}); err != nil {
			t.Fatal(err)
		}
		got, err := get(t.Context(), b, "x")
		if err != nil || len(got) != len(body) || got == body || in.Hits() != 1 {
			t.Errorf("flipped: got %d bytes, equal: %t, %v, %d hits", len(got), got == body, err, in.Hits())
		}
		if got, err := get(t.Context(), b, "x"); err != nil || got != body {
			t.Errorf("afterwards: got %d bytes, %v", len(got), err)
		}
	})
}

func TestStaleListingsAreThoseOfAMoment(t *testing.T) {
	atStore(t, func(t *testing.T, s *Store, b bucket.Bucket) {
		put(t, b, "x", "one")
		var before bucket.Info
		for before = range b.List(t.Context(), "") {
			break
		}
		time.Sleep(time.Hour)
		in, err := s.Apply(fault.Fault{Kind: fault.StoreStale}, "archive")
		if err != nil {
			t.Fatal(err)
		}
		listed(t, b)
		if in.Hits() != 0 {
			t.Errorf("nothing has changed yet: got %d hits, want 0", in.Hits())
		}
		put(t, b, "y", "two")
		if got := listed(t, b); got != "[x]" || in.Hits() != 1 {
			t.Errorf("got %s, %d hits, want [x] and 1", got, in.Hits())
		}
		for after := range b.List(t.Context(), "") {
			if after != before {
				t.Errorf("got %+v, want %+v as before", after, before)
			}
		}
		if got, err := get(t.Context(), b, "y"); err != nil || got != "two" {
			t.Errorf("a read: got %q, %v, want that of now", got, err)
		}
		in.Stop()
		if got := listed(t, b); got != "[x y]" {
			t.Errorf("after: got %s, want [x y]", got)
		}
	})
}

func TestStoreFaultsOfTheTableBite(t *testing.T) {
	for _, text := range []string{
		"store slowdown 50%", "store error 30%", "store truncated 50%", "store checksum 50%", "store denied", "store missing 50%",
		"store slow 200ms±100ms", "store ambiguous 30%",
	} {
		t.Run(text, func(t *testing.T) {
			f, err := fault.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			atStore(t, func(t *testing.T, s *Store, b bucket.Bucket) {
				for i := range 20 {
					put(t, b, fmt.Sprintf("k%02d", i), "value")
				}
				in, err := s.Apply(f, "archive")
				if err != nil {
					t.Fatal(err)
				}
				begin, hurt := time.Now(), 0
				for i := range 20 {
					if got, err := get(t.Context(), b, fmt.Sprintf("k%02d", i)); err != nil || got != "value" {
						hurt++
					}
				}
				if in.Hits() == 0 || s.Tally()[f.Kind].Vacuous != 0 {
					t.Error("it hit nothing")
				}
				if hurt == 0 && time.Since(begin) < 500*time.Millisecond {
					t.Errorf("%d hits, and nobody felt them", in.Hits())
				}
				in.Stop()
				if _, err := b.PutNew(t.Context(), "last", []byte("x")); err != nil {
					t.Errorf("after it: %v", err)
				}
			})
		})
	}
}

func TestOneNodeAndOnePrefix(t *testing.T) {
	atStore(t, func(t *testing.T, s *Store, b bucket.Bucket) {
		other, err := connect.Bucket(t.Context(), "s3://archive/a", s.Connection("node-b"), Env)
		if err != nil {
			t.Fatal(err)
		}
		put(t, b, "p/x", "one")
		put(t, b, "q/x", "two")
		if _, err := s.Inject(StoreRule{From: "node-b", Prefix: "a/p/", Status: 403}); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			b      bucket.Bucket
			key    string
			denied bool
		}{{b, "p/x", false}, {other, "p/x", true}, {other, "q/x", false}} {
			if _, err := get(t.Context(), c.b, c.key); (err != nil) != c.denied {
				t.Errorf("%s: got %v, want an error: %t", c.key, err, c.denied)
			}
		}
	})
}

func TestStoreOnLoopback(t *testing.T) {
	s, err := NewStore(StoreConfig{Buckets: []string{"archive"}})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(s.Handler())
	defer srv.Close()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	at := s.Connection("")
	at.Endpoint, at.HTTP = srv.URL, &http.Client{Transport: transport}
	b, err := connect.Bucket(t.Context(), "s3://archive", at, Env)
	if err != nil {
		t.Fatal(err)
	}
	put(t, b, "x", "0123456789")
	if _, err := s.Inject(StoreRule{Ops: []Op{Get}, Truncate: true, Count: 1}); err != nil {
		t.Fatal(err)
	}
	if got, err := get(t.Context(), b, "x"); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("truncated: got %q, %v, want io.ErrUnexpectedEOF", got, err)
	}
	if got, err := get(t.Context(), b, "x"); err != nil || got != "0123456789" {
		t.Errorf("got %q, %v", got, err)
	}
	if got := listed(t, b); got != "[x]" {
		t.Errorf("got %s, want [x]", got)
	}
}

func TestStoreRulesThatSayNothingAreRefused(t *testing.T) {
	atStore(t, func(t *testing.T, s *Store, _ bucket.Bucket) {
		for _, r := range []StoreRule{{}, {Before: true, Flip: true}, {Status: 418}, {After: true, Percent: -1}} {
			if in, err := s.Inject(r); err == nil {
				t.Errorf("rule %+v: got %s, want an error", r, in)
			}
		}
		if _, err := s.Apply(fault.Fault{Kind: fault.BrokerRestart}, "archive"); !errors.Is(err, ErrCannot) {
			t.Errorf("a broker's fault: got %v, want ErrCannot", err)
		}
	})
}
