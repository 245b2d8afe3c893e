package s3

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"

	"backstitch/replay/bucket"
	"backstitch/replay/buckettest"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const name = "archive"

func TestConformance(t *testing.T) {
	clients := map[bucket.Bucket]*s3.Client{}
	buckettest.Run(t, func(t *testing.T) bucket.Bucket {
		_, cl := buckettest.S3(t, name, nil)
		b := New(cl, name, "/some/prefix/")
		clients[b] = cl
		return b
	}, func(t *testing.T, b bucket.Bucket, key string, body []byte) {
		buckettest.Overwrite(context.Background(), t, clients[b], name, "some/prefix/"+key, body)
	})
}

// faulty answers the nth conditional PUT with status, after passing it on if through is set.
func faulty(n int, status int, through bool) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPut {
				if n--; n == 0 {
					if through {
						next.ServeHTTP(httptest.NewRecorder(), r)
					}
					w.WriteHeader(status)
					return
				}
			}
			next.ServeHTTP(w, r)
		})
	}
}

// Whether a write whose answer was lost went through or not, PutNew reports what is in the store.
func TestAmbiguousWrites(t *testing.T) {
	for _, tc := range []struct {
		name    string
		status  int
		through bool
		before  string
		want    error
	}{
		{"lost answer, written", 500, true, "", nil},
		{"lost answer, not written", 503, false, "", nil},
		{"race with ourselves", 409, true, "", nil},
		{"race, nobody wrote", 409, false, "", nil},
		{"somebody else's object was there", 500, false, "theirs", bucket.ErrExists},
		{"refused", 403, false, "", errAny},
	} {
		t.Run(tc.name, func(t *testing.T) {
			n := 1
			if tc.before != "" {
				n = 2
			}
			_, cl := buckettest.S3(t, name, faulty(n, tc.status, tc.through))
			b := New(cl, name, "")
			if tc.before != "" {
				if _, err := b.PutNew(t.Context(), "k", []byte(tc.before)); err != nil {
					t.Fatal(err)
				}
			}
			in, err := b.PutNew(t.Context(), "k", []byte("ours"))
			switch {
			case tc.want == errAny:
				if err == nil {
					t.Error("got no error")
				}
				return
			case !errors.Is(err, tc.want):
				t.Fatalf("got %v, want %v", err, tc.want)
			case tc.want == nil:
				if got, err := b.GetRange(t.Context(), "k", in.ETag, 0, 4); err != nil || string(got) != "ours" {
					t.Errorf("got %q, %v, want ours", got, err)
				}
			}
		})
	}
}

var errAny = errors.New("any")

func TestProbe(t *testing.T) {
	_, good := buckettest.S3(t, name, nil)
	if err := New(good, name, "").Probe(t.Context()); err != nil {
		t.Errorf("got %v from a store that honours conditions", err)
	}
	_, bad := buckettest.S3(t, name, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.Header.Del("If-None-Match")
			next.ServeHTTP(w, r)
		})
	})
	if err := New(bad, name, "").Probe(t.Context()); !errors.Is(err, bucket.ErrNotConditional) {
		t.Errorf("got %v, want %v", err, bucket.ErrNotConditional)
	}
}

func TestMissingBucket(t *testing.T) {
	_, cl := buckettest.S3(t, name, nil)
	for _, err := range New(cl, "other", "").List(t.Context(), "") {
		if !errors.Is(err, bucket.ErrNoBucket) {
			t.Errorf("got %v, want %v", err, bucket.ErrNoBucket)
		}
	}
	if _, _, err := New(cl, "other", "").Get(t.Context(), "k", ""); !errors.Is(err, bucket.ErrNoBucket) {
		t.Errorf("got %v, want %v", err, bucket.ErrNoBucket)
	}
}

// What a store refused is said in its words, with the number under which its operators find it, and without the library's.
func TestWhatAStoreRefusesIsShort(t *testing.T) {
	_, cl := buckettest.S3(t, name, func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Amz-Request-Id", "4442587FB7D0A2F9")
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, `<Error><Code>AccessDenied</Code><Message>no</Message></Error>`)
		})
	})
	_, _, err := New(cl, name, "").Get(t.Context(), "k", "")
	if !errors.Is(err, bucket.ErrDenied) {
		t.Fatalf("got %v, want ErrDenied", err)
	}
	if want := "read k in s3://archive/: the store denies access (AccessDenied, request 4442587FB7D0A2F9)"; err.Error() != want {
		t.Errorf("got  %s\nwant %s", err, want)
	}
	var api interface{ ErrorCode() string }
	if !errors.As(err, &api) || api.ErrorCode() != "AccessDenied" {
		t.Error("the library's error is not in the chain")
	}
}

// A connection that breaks off in the middle of a body says nothing about the object.
func TestABodyThatBreaksOffIsAskedForAgain(t *testing.T) {
	broken := 0
	_, cl := buckettest.S3(t, name, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodGet || broken == 0 {
				next.ServeHTTP(w, r)
				return
			}
			broken--
			answer := httptest.NewRecorder()
			next.ServeHTTP(answer, r)
			maps.Copy(w.Header(), answer.Header())
			w.Header().Set("Content-Length", strconv.Itoa(answer.Body.Len()))
			w.WriteHeader(answer.Code)
			_, _ = w.Write(answer.Body.Bytes()[:answer.Body.Len()/2])
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		})
	})
	b := New(cl, name, "")
	if _, err := b.PutNew(t.Context(), "k", []byte("0123456789")); err != nil {
		t.Fatal(err)
	}
	for _, off := range []int64{2, -8} {
		broken = rangeReads - 1
		if got, err := b.GetRange(t.Context(), "k", "", off, 8); err != nil || string(got) != "23456789" {
			t.Errorf("from %d: got %q, %v", off, got, err)
		}
		broken = rangeReads
		if _, err := b.GetRange(t.Context(), "k", "", off, 8); !errors.Is(err, bucket.ErrBroken) || errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("from %d: got %v, want %v, which is no end of the object", off, err, bucket.ErrBroken)
		}
	}
}
