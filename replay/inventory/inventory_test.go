package inventory_test

import (
	"bytes"
	"crypto/md5"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"backstitch/replay/bucket"
	"backstitch/replay/bucket/dir"
	"backstitch/replay/inventory"

	"github.com/klauspost/compress/gzip"
)

const schema = "Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size, LastModifiedDate, ETag"

// place is where inventories lie.
type place struct {
	t    *testing.T
	path string
}

func (p *place) write(key string, body []byte) {
	p.t.Helper()
	path := filepath.Join(p.path, key)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(path, body, 0o644); err != nil {
		p.t.Fatal(err)
	}
}

func zipped(text string) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(text))
	_ = w.Close()
	return b.Bytes()
}

// inventory writes one of date. change may alter the manifest.
func (p *place) inventory(date, rows string, change func(m map[string]any)) {
	p.t.Helper()
	data := zipped(rows)
	p.write("data/"+date+".csv.gz", data)
	m := map[string]any{
		"sourceBucket": "lake", "version": "2016-11-30", "fileFormat": "CSV", "fileSchema": schema,
		"files": []any{map[string]any{"key": "inv/lake/all/data/" + date + ".csv.gz", "size": len(data), "MD5checksum": fmt.Sprintf("%x", md5.Sum(data))}},
	}
	if change != nil {
		change(m)
	}
	text, err := json.Marshal(m)
	if err != nil {
		p.t.Fatal(err)
	}
	p.write(date+"/manifest.json", text)
	p.write(date+"/manifest.checksum", fmt.Appendf(nil, "%x", md5.Sum(text)))
	p.write("hive/dt="+date+"/symlink.txt", []byte("s3://x"))
}

func open(t *testing.T, p *place, cfg inventory.Config) (*inventory.Bucket, error) {
	t.Helper()
	at, err := dir.Open(p.path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = at.Close() })
	live, err := dir.Create(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = live.Close() })
	return inventory.Open(t.Context(), live, at, cfg)
}

func row(key, more string) string {
	return `"lake","` + key + `","v1",` + more + `,"7","2026-11-20T00:00:00.000Z","abc"` + "\n"
}

func TestListsWhatIsThere(t *testing.T) {
	p := &place{t: t, path: t.TempDir()}
	p.inventory("2026-11-19T01-00Z", row("old", `"true","false"`), nil)
	p.inventory("2026-11-20T01-00Z", row("raw/t/b%2B1", `"true","false"`)+row("raw/t/a+b", `"true","false"`)+row("raw/t/a", `"false","false"`)+
		row("raw/t/deleted", `"true","true"`)+row("raw/t/dir/", `"true","false"`)+row("other/x", `"true","false"`), nil)
	p.write("2026-11-21T01-00Z/manifest.json", []byte("{")) // is not finished
	b, err := open(t, p, inventory.Config{Bucket: "lake", Prefix: "raw/"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for in, err := range b.List(t.Context(), "t/") {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprintf("%s %d %s", in.Key, in.Size, in.ETag))
	}
	if want := "[t/a b 7 abc t/b+1 7 abc]"; fmt.Sprint(got) != want || b.Date() != "2026-11-20T01-00Z" {
		t.Errorf("got %v of %s, want %s of the newest that is finished", got, b.Date(), want)
	}
	if b.Live() == bucket.Bucket(b) {
		t.Error("the live bucket is the inventory")
	}
}

func TestRefusals(t *testing.T) {
	good := row("raw/t/a", `"true","false"`)
	for name, c := range map[string]struct {
		rows   string
		change func(m map[string]any)
		hurt   func(p *place)
		cfg    inventory.Config
		want   string
	}{
		"none":            {hurt: func(p *place) { os.RemoveAll(filepath.Join(p.path, "2026-11-20T01-00Z")) }, want: "manifest.json"},
		"no checksum":     {hurt: func(p *place) { os.Remove(filepath.Join(p.path, "2026-11-20T01-00Z", "manifest.checksum")) }, want: "manifest.checksum"},
		"another sum":     {hurt: func(p *place) { p.write("2026-11-20T01-00Z/manifest.checksum", []byte("00")) }, want: "MD5"},
		"another file":    {hurt: func(p *place) { p.write("data/2026-11-20T01-00Z.csv.gz", zipped(good+good)) }, want: "MD5"},
		"half a file":     {hurt: func(p *place) { p.write("data/2026-11-20T01-00Z.csv.gz", zipped(good)[:20]) }, want: "can not be used"},
		"another bucket":  {cfg: inventory.Config{Bucket: "sea"}, want: "of bucket lake"},
		"ORC":             {change: func(m map[string]any) { m["fileFormat"] = "ORC" }, want: "ORC"},
		"Parquet":         {change: func(m map[string]any) { m["fileFormat"] = "Parquet" }, want: "Parquet"},
		"no ETag":         {change: func(m map[string]any) { m["fileSchema"] = "Bucket, Key, Size" }, want: "ETag"},
		"a column short":  {rows: `"lake","k"` + "\n", want: "wrong number of fields"},
		"no size":         {rows: strings.Replace(good, `"7"`, `""`, 1), want: "line 1"},
		"a broken key":    {rows: row("a%zz", `"true","false"`), want: "%zz"},
		"an endless line": {rows: `"` + strings.Repeat("x", 1<<20), want: "a line of more than"},
		"too many":        {rows: good + row("raw/t/b", `"true","false"`), cfg: inventory.Config{MaxKeys: 1}, want: "more than 1"},
	} {
		t.Run(name, func(t *testing.T) {
			p := &place{t: t, path: t.TempDir()}
			if c.rows == "" {
				c.rows = good
			}
			p.inventory("2026-11-20T01-00Z", c.rows, c.change)
			if c.hurt != nil {
				c.hurt(p)
			}
			if _, err := open(t, p, c.cfg); !errors.Is(err, inventory.ErrInventory) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %v with %q", err, inventory.ErrInventory, c.want)
			}
		})
	}
}

func TestADataFileIsGone(t *testing.T) {
	p := &place{t: t, path: t.TempDir()}
	p.inventory("2026-11-20T01-00Z", row("a", `"true","false"`), nil)
	if err := os.Remove(filepath.Join(p.path, "data", "2026-11-20T01-00Z.csv.gz")); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, p, inventory.Config{}); !errors.Is(err, bucket.ErrNotFound) {
		t.Errorf("got %v, want %v", err, bucket.ErrNotFound)
	}
}

// FuzzRows: no text makes rows that are no objects, or takes memory that it is not worth.
func FuzzRows(f *testing.F) {
	f.Add(row("raw/t/a%2B", `"true","false"`))
	f.Fuzz(func(t *testing.T, rows string) {
		p := &place{t: t, path: t.TempDir()}
		p.inventory("2026-11-20T01-00Z", rows, nil)
		b, err := open(t, p, inventory.Config{MaxKeys: 100})
		if err != nil {
			return
		}
		last := ""
		for in, err := range b.List(t.Context(), "") {
			if err != nil || in.Key == "" || in.Key < last {
				t.Fatalf("got %+v, %v after %q", in, err, last)
			}
			last = in.Key
		}
	})
}

// fill makes the directory that an inventory is of.
func fill(t *testing.T, keys ...string) *dir.Bucket {
	t.Helper()
	p := &place{t: t, path: t.TempDir()}
	for _, key := range keys {
		p.write(key, []byte("x"))
	}
	b, err := dir.Open(p.path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

func keys(t *testing.T, b bucket.Bucket, prefix string) (out []string) {
	t.Helper()
	for in, err := range b.List(t.Context(), prefix) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, in.Key)
	}
	return out
}

// A directory that an inventory lacks is listed, at whatever depth it lies beside one that it knows, and nothing else is: not what is new in a
// directory that it knows, not what lies outside of the prefix, and not the objects of a directory that has nothing below.
func TestDirectoriesThatAreLacking(t *testing.T) {
	const yes = `"true","false"`
	live := fill(t, "t/d=1/h=1/a", "t/d=1/h=1/new", "t/d=1/h=2/b", "t/d=2/h=1/c", "t/d=2/h=2/x/d", "other/e", "t2/f", "t/loose")
	p := &place{t: t, path: t.TempDir()}
	p.inventory("2026-11-20T01-00Z", row("t/d=1/h=1/a", yes)+row("other/known", yes), nil)
	at, err := dir.Open(p.path)
	if err != nil {
		t.Fatal(err)
	}
	defer at.Close()
	for _, prefix := range []string{"t/", "t/d="} {
		b, err := inventory.Open(t.Context(), live, at, inventory.Config{})
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Complete(t.Context(), live, prefix); err != nil {
			t.Fatal(err)
		}
		if got, want := fmt.Sprint(b.Lacked(), b.Unseen()), "[t/d=2/ t/d=1/h=2/] <nil>"; got != want {
			t.Errorf("below %q: got %s, want %s", prefix, got, want)
		}
		if got, want := fmt.Sprint(keys(t, b, "")), "[other/known t/d=1/h=1/a t/d=1/h=2/b t/d=2/h=1/c t/d=2/h=2/x/d]"; got != want {
			t.Errorf("below %q: got %s, want %s", prefix, got, want)
		}
	}
	small, err := inventory.Open(t.Context(), live, at, inventory.Config{MaxKeys: 3})
	if err != nil {
		t.Fatal(err)
	}
	if err := small.Complete(t.Context(), live, "t/"); !errors.Is(err, inventory.ErrInventory) {
		t.Errorf("with room for three objects: got %v, want %v", err, inventory.ErrInventory)
	}
}

// Directories that were not asked are named; nobody may take them for complete.
func TestMoreDirectoriesThanAreAsked(t *testing.T) {
	var rows strings.Builder
	for i := range inventory.MaxLooks {
		rows.WriteString(row(fmt.Sprintf("t/d%04d/h/a", i), `"true","false"`))
	}
	p := &place{t: t, path: t.TempDir()}
	p.inventory("2026-11-20T01-00Z", rows.String(), nil)
	b, err := open(t, p, inventory.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Complete(t.Context(), fill(t), "t/"); err != nil {
		t.Fatal(err)
	}
	if dir := b.Unseen(); dir == nil || *dir != fmt.Sprintf("t/d%04d/", inventory.MaxLooks-1) { // t/ itself is one
		t.Errorf("got %v, want the last directory", dir)
	}
}
