package archive_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"backstitch/partition"
	format "backstitch/replay/archive"
	"backstitch/replay/bucket"
	"backstitch/replay/bucket/dir"
	"backstitch/replay/klog/klogtest"
	"backstitch/replay/source"
	"backstitch/replay/source/archive"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fill archives ten records, a batch each, into a new directory: offsets [0,4) and [4,10) of partition 0, each an object.
func fill(t *testing.T) *dir.Bucket {
	t.Helper()
	b, err := dir.Create(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	c, cl := klogtest.Cluster(t, "t", 2)
	writer := klogtest.Client(t, c, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	for i := range int64(10) {
		r := &kgo.Record{Topic: "t", Value: fmt.Append(nil, i), Timestamp: time.UnixMilli(1000 * (i + 1))}
		if err := writer.ProduceSync(t.Context(), r).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	for _, r := range []partition.Range{{From: 0, To: 4}, {From: 4, To: 10}} {
		opt := format.Options{Topic: "t", Partitions: []int32{0}, Ranges: map[int32]partition.Range{0: r}}
		if _, err := format.Copy(t.Context(), cl, b, opt); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

func catalog(t *testing.T, b bucket.Bucket, f archive.Filter) []partition.Object {
	t.Helper()
	got, err := archive.Catalog(context.Background(), b, "t", f)
	if err != nil {
		t.Fatal(err)
	}
	return got[0]
}

func TestCatalogAndSpan(t *testing.T) {
	b := fill(t)
	all := catalog(t, b, archive.Filter{})
	if len(all) != 2 || all[0].Base != 0 || all[0].Count != 4 || all[1].Base != 4 || all[1].Count != 6 {
		t.Fatalf("got %+v, want [0,4) and [4,10)", all)
	}
	for name, c := range map[string]struct {
		objects []partition.Object
		want    partition.Range
	}{
		"both":         {all, partition.Range{From: 0, To: 10}},
		"second":       {all[1:], partition.Range{From: 4, To: 10}},
		"in any order": {[]partition.Object{all[1], all[0]}, partition.Range{From: 0, To: 10}},
		"none":         {nil, partition.Range{}},
	} {
		if got, err := archive.Span(c.objects); err != nil || got != c.want {
			t.Errorf("%s: got %s, %v, want %s", name, got, err, c.want)
		}
	}
	if _, err := archive.Span([]partition.Object{{Key: "t/0/readme.txt"}}); !errors.Is(err, format.ErrName) {
		t.Errorf("a foreign key: got %v, want %v", err, format.ErrName)
	}
	// The first object ends at 4 s, the second at 10 s.
	for ms, want := range map[int64]int{4000: 2, 4001: 1, 10_000: 1, 10_001: 0} {
		if got := catalog(t, b, archive.Filter{FromMs: ms}); len(got) != want {
			t.Errorf("from %d ms: got %d objects, want %d", ms, len(got), want)
		}
	}
	if _, err := archive.Catalog(t.Context(), b, "other", archive.Filter{}); !errors.Is(err, bucket.ErrNotFound) {
		t.Errorf("another topic: got %v, want %v", err, bucket.ErrNotFound)
	}
}

func TestCheckSeesWhatHappenedToObjects(t *testing.T) {
	for name, c := range map[string]struct {
		hurt func(file string) error
		want error
	}{
		"nothing":  {func(string) error { return nil }, nil},
		"deleted":  {os.Remove, source.ErrGone},
		"replaced": {func(file string) error { return os.WriteFile(file, []byte("something else"), 0o600) }, source.ErrChanged},
	} {
		t.Run(name, func(t *testing.T) {
			b := fill(t)
			objects := catalog(t, b, archive.Filter{})
			if err := c.hurt(filepath.Join(b.URL(), objects[1].Key)); err != nil {
				t.Fatal(err)
			}
			if err := archive.Check(t.Context(), b, objects); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if err := archive.Check(t.Context(), b, objects[:1]); err != nil {
				t.Errorf("the other object: got %v, want none", err)
			}
		})
	}
}

func TestMoreObjectsThanCanBeHeld(t *testing.T) {
	b := fill(t) // two objects
	for most, want := range map[int]error{2: nil, 1: source.ErrTooMany} {
		if _, err := archive.Catalog(t.Context(), b, "t", archive.Filter{MaxObjects: most}); !errors.Is(err, want) {
			t.Errorf("at most %d of 2 objects: got %v, want %v", most, err, want)
		}
	}
}
