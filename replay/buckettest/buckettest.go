// Package buckettest holds the suite that every bucket passes, and an S3 server in process for tests.
package buckettest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"backstitch/replay/bucket"
)

// Run checks what package bucket promises. open returns an empty bucket; damage overwrites an object behind its back.
func Run(t *testing.T, open func(t *testing.T) bucket.Bucket, damage func(t *testing.T, b bucket.Bucket, key string, body []byte)) {
	t.Run("write once and read", func(t *testing.T) { readWrite(t, open(t)) })
	t.Run("list in key order", func(t *testing.T) { list(t, open(t)) })
	t.Run("one writer wins", func(t *testing.T) { race(t, open(t)) })
	t.Run("bad keys", func(t *testing.T) { badKeys(t, open(t)) })
	t.Run("changed object", func(t *testing.T) { changed(t, open(t), damage) })
}

func put(t *testing.T, b bucket.Bucket, key, body string) bucket.Info {
	t.Helper()
	in, err := b.PutNew(t.Context(), key, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func readWrite(t *testing.T, b bucket.Bucket) {
	in := put(t, b, "a/b.txt", "hello")
	put(t, b, "empty", "")
	if _, err := b.PutNew(t.Context(), "a/b.txt", []byte("other")); !errors.Is(err, bucket.ErrExists) {
		t.Errorf("second write: got %v, want %v", err, bucket.ErrExists)
	}
	r, got, err := b.Get(t.Context(), "a/b.txt", in.ETag)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil || string(body) != "hello" {
		t.Errorf("got %q, %v, want hello", body, err)
	}
	if got.ETag != in.ETag || got.Size != 5 || got.Key != "a/b.txt" {
		t.Errorf("got %+v, want what the write returned: %+v", got, in)
	}
	for _, tc := range []struct {
		off, n int64
		want   string
		err    error
	}{{0, 5, "hello", nil}, {1, 2, "el", nil}, {-2, 2, "lo", nil}, {-5, 3, "hel", nil}, {3, 5, "", io.ErrUnexpectedEOF}, {9, 1, "", io.ErrUnexpectedEOF}} {
		got, err := b.GetRange(t.Context(), "a/b.txt", in.ETag, tc.off, tc.n)
		if string(got) != tc.want || !errors.Is(err, tc.err) {
			t.Errorf("range %d+%d: got %q, %v, want %q, %v", tc.off, tc.n, got, err, tc.want, tc.err)
		}
		buf := bytes.Repeat([]byte("?"), int(tc.n))
		if err := bucket.Fill(t.Context(), b, "a/b.txt", in.ETag, tc.off, buf); !errors.Is(err, tc.err) || (err == nil && string(buf) != tc.want) {
			t.Errorf("fill %d+%d: got %q, %v, want %q, %v", tc.off, tc.n, buf, err, tc.want, tc.err)
		}
	}
	if _, _, err := b.Get(t.Context(), "nothing", ""); !errors.Is(err, bucket.ErrNotFound) {
		t.Errorf("got %v, want %v", err, bucket.ErrNotFound)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := b.Get(ctx, "a/b.txt", ""); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

func list(t *testing.T, b bucket.Bucket) {
	want := []string{"a-c", "a.x/2", "a/1", "a/10", "a/b/c", "a0", "z"}
	for _, i := range []int{3, 1, 6, 0, 5, 2, 4} {
		put(t, b, want[i], want[i])
	}
	keys := func(prefix string) (out []string) {
		for in, err := range b.List(t.Context(), prefix) {
			if err != nil {
				t.Fatal(err)
			}
			if in.Size != int64(len(in.Key)) || in.ETag == "" {
				t.Errorf("got %+v, want its size and an etag", in)
			}
			out = append(out, in.Key)
		}
		return out
	}
	if got := keys(""); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := keys("a/1"); !slices.Equal(got, want[2:4]) {
		t.Errorf("got %q, want %q", got, want[2:4])
	}
	if got := keys("a/"); !slices.Equal(got, want[2:5]) {
		t.Errorf("got %q, want %q", got, want[2:5])
	}
	if got := keys("nothing/"); got != nil {
		t.Errorf("got %q, want nothing", got)
	}
	for range b.List(t.Context(), "") {
		break // must not yield again
	}
	directories := func(dir string) (out []string) {
		for d, err := range b.(bucket.Browser).Directories(t.Context(), dir) {
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, d)
		}
		return out
	}
	if got := directories(""); !slices.Equal(got, []string{"a.x/", "a/"}) {
		t.Errorf(`got %q, want "a.x/" and "a/"`, got)
	}
	if got := directories("a/"); !slices.Equal(got, []string{"a/b/"}) {
		t.Errorf(`got %q, want "a/b/"`, got)
	}
	if got := directories("nothing/"); got != nil {
		t.Errorf("got %q, want nothing", got)
	}
}

func race(t *testing.T, b bucket.Bucket) {
	const writers = 8
	var won atomic.Int32
	var winner atomic.Value
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			body := bytes.Repeat([]byte{byte('a' + i)}, 100_000)
			switch _, err := b.PutNew(t.Context(), "k/race", body); {
			case err == nil:
				won.Add(1)
				winner.Store(body)
			case !errors.Is(err, bucket.ErrExists):
				t.Errorf("got %v, want %v", err, bucket.ErrExists)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Fatalf("got %d winners, want 1", won.Load())
	}
	r, _, err := b.Get(t.Context(), "k/race", "")
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil || !bytes.Equal(got, winner.Load().([]byte)) {
		t.Errorf("the object is not the winner's (%v)", err)
	}
	n := 0
	for range b.List(t.Context(), "") {
		n++
	}
	if n != 1 {
		t.Errorf("got %d objects after the race, want 1", n)
	}
}

func badKeys(t *testing.T, b bucket.Bucket) {
	for _, key := range []string{"", "/a", "../a", "a/../../b", "a//b", "a/.", "a\x00b", "a\nb", `a\b`, string(make([]byte, 2000)), "\xff"} {
		if _, err := b.PutNew(t.Context(), key, nil); !errors.Is(err, bucket.ErrBadKey) {
			t.Errorf("write %q: got %v, want %v", key, err, bucket.ErrBadKey)
		}
		if _, _, err := b.Get(t.Context(), key, ""); !errors.Is(err, bucket.ErrBadKey) {
			t.Errorf("read %q: got %v, want %v", key, err, bucket.ErrBadKey)
		}
	}
}

func changed(t *testing.T, b bucket.Bucket, damage func(*testing.T, bucket.Bucket, string, []byte)) {
	in := put(t, b, "x", "before")
	damage(t, b, "x", []byte("after!"))
	if _, _, err := b.Get(t.Context(), "x", in.ETag); !errors.Is(err, bucket.ErrChanged) {
		t.Errorf("get: got %v, want %v", err, bucket.ErrChanged)
	}
	if _, err := b.GetRange(t.Context(), "x", in.ETag, 0, 1); !errors.Is(err, bucket.ErrChanged) {
		t.Errorf("range: got %v, want %v", err, bucket.ErrChanged)
	}
	if _, _, err := b.Get(t.Context(), "x", ""); err != nil {
		t.Error(fmt.Errorf("without an etag: %w", err))
	}
}
