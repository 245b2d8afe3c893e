package inventory

import (
	"bytes"
	"context"
	"crypto/md5" // #nosec G501 -- the checksum that inventories come with; against accident
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"

	"backstitch/replay/bucket"

	"github.com/klauspost/compress/gzip"
)

// read adds the rows of one data file.
func (b *Bucket) read(ctx context.Context, at bucket.Bucket, f file, cfg Config) (err error) {
	// Keys in a manifest are those of the destination bucket; here they begin where the configuration's place does.
	i := strings.LastIndex(f.Key, "/data/")
	if i < 0 {
		return fmt.Errorf("file %s is not under data/: %w", f.Key, ErrInventory)
	}
	key := f.Key[i+1:]
	r, _, err := at.Get(ctx, key, "")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	sum := md5.New() // #nosec G401 -- the checksum that inventories come with
	stored := io.TeeReader(r, sum)
	zr, err := gzip.NewReader(stored)
	if err != nil {
		return fmt.Errorf("%s: %w: %w", key, ErrInventory, err)
	}
	if err := b.rows(ctx, zr, cfg); err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	if _, err := io.Copy(io.Discard, stored); err != nil {
		return fmt.Errorf("read %s: %w", key, err)
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != f.MD5 {
		return fmt.Errorf("%s: its MD5 is %s, the manifest says %s: %w", key, got, f.MD5, ErrInventory)
	}
	return nil
}

func (b *Bucket) rows(ctx context.Context, r io.Reader, cfg Config) error {
	rows := csv.NewReader(&shortLines{r: r})
	rows.ReuseRecord = true
	rows.FieldsPerRecord = len(b.m.columns)
	for n := 0; ; n++ {
		if n%4096 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		row, err := rows.Read()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w: %w", ErrInventory, err)
		}
		in, ok, err := b.row(row, cfg.Prefix)
		if err != nil {
			line, _ := rows.FieldPos(0)
			return fmt.Errorf("line %d: %w: %w", line, ErrInventory, err)
		}
		if !ok {
			continue
		}
		if len(b.infos) == b.max {
			return fmt.Errorf("more than %d objects under %q: name a longer prefix: %w", b.max, cfg.Prefix, ErrInventory)
		}
		b.infos = append(b.infos, in)
	}
}

// maxLine is more than a row can have: a key of 1024 bytes, each encoded as three, and a dozen short columns.
const maxLine = 64 << 10

// shortLines ends a text whose lines are no rows, before one of them takes all memory.
type shortLines struct {
	r    io.Reader
	line int
}

func (s *shortLines) Read(p []byte) (int, error) {
	n, err := s.r.Read(p[:min(len(p), maxLine)])
	if i := bytes.LastIndexByte(p[:n], '\n'); i >= 0 {
		s.line = n - i - 1
	} else if s.line += n; s.line > maxLine {
		return 0, fmt.Errorf("a line of more than %d bytes", maxLine)
	}
	return n, err
}

// row reads one line; ok is false for what LIST under the prefix would not show.
func (b *Bucket) row(row []string, prefix string) (in bucket.Info, ok bool, err error) {
	column := func(name string) (string, bool) {
		i, ok := b.m.columns[name]
		if !ok {
			return "", false
		}
		return row[i], true
	}
	if text, ok := column("IsLatest"); ok && text != "true" {
		return in, false, nil
	}
	if text, ok := column("IsDeleteMarker"); ok && text == "true" {
		return in, false, nil
	}
	key, _ := column("Key")
	// Keys are encoded like a form: a space is a plus sign, and a plus sign is %2B.
	if key, err = url.QueryUnescape(key); err != nil {
		return in, false, err
	}
	key, under := strings.CutPrefix(key, prefix)
	if !under || key == "" || strings.HasSuffix(key, "/") {
		return in, false, nil
	}
	in.Key = strings.Clone(key)
	etag, _ := column("ETag")
	in.ETag = strings.Clone(strings.Trim(etag, `"`))
	size, _ := column("Size")
	if in.Size, err = strconv.ParseInt(size, 10, 64); err != nil {
		return in, false, err
	}
	if text, ok := column("LastModifiedDate"); ok {
		if in.Modified, err = time.Parse(time.RFC3339, text); err != nil {
			return in, false, err
		}
	}
	return in, true, nil
}
