package inventory

import (
	"context"
	"crypto/md5" // #nosec G501 -- the checksum that inventories come with; against accident
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path"
	"regexp"
	"strings"
	"time"

	"backstitch/replay/bucket"
)

// manifest is what S3 writes beside the files of an inventory.
type manifest struct {
	SourceBucket string `json:"sourceBucket"`
	Version      string `json:"version"`
	FileFormat   string `json:"fileFormat"`
	FileSchema   string `json:"fileSchema"`
	Files        []file `json:"files"`

	date    string
	time    time.Time // of the date
	columns map[string]int
}

type file struct {
	Key  string `json:"key"`
	Size int64  `json:"size"`
	MD5  string `json:"MD5checksum"`
}

const maxManifest = 64 << 20

var dated = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}T\d{2}-\d{2}Z$`)

// newest is the last manifest that was written with its checksum; one without is not finished.
func newest(ctx context.Context, at bucket.Bucket) (*manifest, error) {
	var key, sum string
	manifests := map[string]bool{}
	for in, err := range at.List(ctx, "") {
		if err != nil {
			return nil, err
		}
		dir, name := path.Split(in.Key)
		date := strings.TrimSuffix(dir, "/")
		switch {
		case !dated.MatchString(date):
		case name == "manifest.json":
			manifests[date] = true
		case name == "manifest.checksum":
			key, sum = dir+"manifest.json", in.Key // keys come in order, and so dates do
		}
	}
	if key == "" || !manifests[path.Dir(key)] {
		return nil, fmt.Errorf("no YYYY-MM-DDTHH-MMZ/manifest.json with its manifest.checksum: %w", ErrInventory)
	}
	text, err := all(ctx, at, key, "", maxManifest)
	if err != nil {
		return nil, err
	}
	want, err := all(ctx, at, sum, "", 1024)
	if err != nil {
		return nil, err
	}
	if got := md5.Sum(text); hex.EncodeToString(got[:]) != strings.TrimSpace(string(want)) { // #nosec G401 -- the checksum that inventories come with
		return nil, fmt.Errorf("%s: its MD5 is %x, %s says %s: %w", key, got, sum, strings.TrimSpace(string(want)), ErrInventory)
	}
	m := &manifest{date: path.Dir(key)}
	if m.time, err = time.Parse("2006-01-02T15-04Z", m.date); err != nil {
		return nil, fmt.Errorf("%s: %w: %w", key, ErrInventory, err)
	}
	if err := json.Unmarshal(text, m); err != nil {
		return nil, fmt.Errorf("%s: %w: %w", key, ErrInventory, err)
	}
	return m, m.check(key)
}

// check refuses what is not read.
func (m *manifest) check(key string) error {
	if !strings.EqualFold(m.FileFormat, "CSV") {
		return fmt.Errorf("%s: format %s is not read, only CSV: %w", key, m.FileFormat, ErrInventory)
	}
	m.columns = map[string]int{}
	for i, name := range strings.Split(m.FileSchema, ",") {
		m.columns[strings.TrimSpace(name)] = i
	}
	for _, name := range []string{"Bucket", "Key", "Size", "ETag"} {
		if _, ok := m.columns[name]; !ok {
			return fmt.Errorf("%s: the inventory has no column %s: add it to the inventory's optional fields: %w", key, name, ErrInventory)
		}
	}
	return nil
}
