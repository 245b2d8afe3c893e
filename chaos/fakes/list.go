package fakes

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

// Old listings. They come from a copy of the bucket that was made when the fault began, with the objects' own times, so that what
// clients see is one moment of the past and not a mixture. Reads are those of now: an object that is listed may be gone, and one
// that is not listed can be read.

type oldListing struct {
	bucket string
	copy   http.Handler
	in     *Injected
}

// Stale answers listings of a bucket with what there is now until the answer is stopped. It hits the listings that would have named
// other keys.
func (s *Store) Stale(bucket string) (*Injected, error) {
	objects, err := contents(s.backend, bucket)
	if err != nil {
		return nil, err
	}
	when := &moment{}
	frozen := s3mem.New(s3mem.WithTimeSource(when))
	if err := frozen.CreateBucket(bucket); err != nil {
		return nil, fmt.Errorf("copy %s: %w", bucket, err)
	}
	for _, o := range objects {
		body, ok, err := s.Bytes(bucket, o.Key)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue // gone since the listing
		}
		when.at = o.LastModified.Time
		if _, err := frozen.PutObject(bucket, o.Key, map[string]string{}, bytes.NewReader(body), int64(len(body)), nil); err != nil {
			return nil, fmt.Errorf("copy %s/%s: %w", bucket, o.Key, err)
		}
	}
	old := &oldListing{
		bucket: bucket, copy: gofakes3.New(frozen, gofakes3.WithTimeSkewLimit(0)).Server(),
		in: &Injected{what: "listings of " + bucket + " are old"},
	}
	old.in.stop = func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.old = slices.DeleteFunc(s.old, func(x *oldListing) bool { return x == old })
	}
	s.mu.Lock()
	s.old = append(s.old, old)
	s.mu.Unlock()
	return s.add(old.in), nil
}

// moment is a clock that is set by hand.
type moment struct{ at time.Time }

func (m *moment) Now() time.Time                  { return m.at }
func (m *moment) Since(t time.Time) time.Duration { return m.at.Sub(t) }

// list answers a listing, with an old one when there is one.
func (s *Store) list(r *http.Request) *http.Response {
	bucket, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	live := serve(s.live, r)
	s.mu.Lock()
	var old *oldListing
	for _, o := range s.old {
		if o.bucket == bucket {
			old = o
		}
	}
	s.mu.Unlock()
	if old == nil || live.StatusCode != http.StatusOK {
		return live
	}
	was := serve(old.copy, r)
	if !slices.Equal(keysOf(was), keysOf(live)) {
		old.in.hits.Add(1)
	}
	return was
}

// keysOf reads the keys out of a listing and leaves its body as it was.
func keysOf(resp *http.Response) []string {
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil // it is in memory and can not fail
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	var page struct{ Contents []struct{ Key string } }
	if xml.Unmarshal(body, &page) != nil {
		return nil
	}
	keys := make([]string, len(page.Contents))
	for i, c := range page.Contents {
		keys[i] = c.Key
	}
	return keys
}
