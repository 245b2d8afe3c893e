package throttle_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"backstitch/replay/bucket"
	"backstitch/replay/bucket/dir"
	"backstitch/replay/throttle"
)

func TestReadersShareOneRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := throttle.New(1 << 20)
		began := time.Now()
		done := make(chan error)
		for range 4 {
			go func() {
				for range 16 {
					if err := l.Wait(t.Context(), 256<<10); err != nil {
						done <- err
						return
					}
				}
				done <- nil
			}()
		}
		for range 4 {
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		}
		// 16 MiB in all, of which the first second's worth is there at once.
		if took := time.Since(began); took < 14*time.Second || took > 16*time.Second {
			t.Errorf("16 MiB at 1 MiB/s took %s, want about 15 s", took)
		}
	})
}

func TestWaitEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		why := errors.New("the lease moved")
		time.AfterFunc(time.Second, func() { cancel(why) })
		if err := throttle.New(64<<10).Wait(ctx, 1<<30); !errors.Is(err, why) {
			t.Errorf("got %v, want %v", err, why)
		}
	})
}

func TestNoRateIsNoLimit(t *testing.T) {
	l := throttle.New(0)
	if l != nil || l.Wait(t.Context(), 1<<40) != nil || l.Source(nil) != nil || l.Targets(nil) != nil || l.Bucket(nil) != nil {
		t.Error("no rate has to be no limiter, and no wrapper")
	}
}

func TestObjectsArePaced(t *testing.T) {
	b, err := dir.Create(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	body := bytes.Repeat([]byte("x"), 3<<20)
	if _, err := b.PutNew(t.Context(), "a", body); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		paced := throttle.New(1 << 20).Bucket(b)
		began := time.Now()
		r, _, err := paced.Get(t.Context(), "a", "")
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, body) {
			t.Fatalf("got %d bytes, %v", len(got), err)
		}
		if piece, err := paced.GetRange(t.Context(), "a", "", 0, 1<<20); err != nil || len(piece) != 1<<20 {
			t.Fatalf("got %d bytes, %v", len(piece), err)
		}
		if took := time.Since(began); took < 2900*time.Millisecond || took > 3500*time.Millisecond {
			t.Errorf("4 MiB at 1 MiB/s took %s, want about 3 s", took)
		}
		if _, tagged := paced.(bucket.Tagger); tagged {
			t.Error("a directory has no tags")
		}
	})
}
