package dir

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"backstitch/replay/bucket"
	"backstitch/replay/buckettest"
)

func open(t *testing.T) bucket.Bucket {
	t.Helper()
	b, err := Create(filepath.Join(t.TempDir(), "new"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

func TestConformance(t *testing.T) {
	buckettest.Run(t, open, func(t *testing.T, b bucket.Bucket, key string, body []byte) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(b.URL(), key), append(body, '!'), 0o644); err != nil {
			t.Fatal(err)
		}
	})
}

func TestMissingDirectory(t *testing.T) {
	if _, err := Open(filepath.Join(t.TempDir(), "nothing")); !errors.Is(err, bucket.ErrNoBucket) {
		t.Errorf("got %v, want %v", err, bucket.ErrNoBucket)
	}
}

// A symbolic link that leads out of the directory is not followed, neither to read nor to write.
func TestLinksDoNotLeadOut(t *testing.T) {
	b := open(t)
	outside := t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "secret"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(b.URL(), "link")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := b.Get(t.Context(), "link/secret", ""); err == nil {
		t.Error("read through a link that leads out")
	}
	if _, err := b.PutNew(t.Context(), "link/new", []byte("x")); err == nil {
		t.Error("wrote through a link that leads out")
	}
}

// What a crash in the middle of a write leaves is not listed and does not stand in the way.
func TestLeftoversAreNotObjects(t *testing.T) {
	b := open(t)
	if err := os.WriteFile(filepath.Join(b.URL(), tempPrefix+"dead"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	for in, err := range b.List(t.Context(), "") {
		t.Errorf("got %+v, %v, want nothing", in, err)
	}
}
