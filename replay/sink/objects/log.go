package objects

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"

	"backstitch/partition"
	"backstitch/replay/bucket"
	"backstitch/replay/sink"
)

// The commits of one partition. What makes them safe is that a name is given once: the second writer of a number is told so.

// entry is one commit.
type entry struct {
	Version int             `json:"version"` // 1
	Number  int64           `json:"number"`
	Job     partition.JobID `json:"job"`
	Stamp   string          `json:"stamp"`          // of the lane of Job, after this commit
	Data    string          `json:"data,omitempty"` // name beside the commit, "" for none
	Size    int64           `json:"size,omitempty"`
	Sum     string          `json:"sum,omitempty"` // xxh3-128 of the data object
	From    int64           `json:"from"`          // offset of the first record
	To      int64           `json:"to"`            // offset after the last one
}

const commitSuffix = ".commit"

// maxEntryBytes bounds a commit: a stamp takes 4000 bytes at most.
const maxEntryBytes = 64 << 10

func entryName(n int64) string { return fmt.Sprintf("%020d%s", n, commitSuffix) }

// partitionDir is where the commits of a partition lie.
func partitionDir(topic string, part int32) string {
	return path.Join(topic, fmt.Sprintf("%05d", part))
}

// log is the commits of one partition.
type log struct {
	b   bucket.Bucket
	dir string
}

// last returns the newest commit, the zero entry when there is none. A commit that is missing among the others is sink.ErrProgress:
// somebody deleted it, and its number must not be given again.
func (l log) last(ctx context.Context) (entry, error) {
	var last, count int64
	for in, err := range l.b.List(ctx, l.dir+"/") {
		if err != nil {
			return entry{}, fmt.Errorf("list %s: %w", l.dir, err)
		}
		text, ok := strings.CutSuffix(path.Base(in.Key), commitSuffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || path.Join(l.dir, entryName(n)) != in.Key {
			return entry{}, fmt.Errorf("%s is not a commit of ours: %w", in.Key, sink.ErrProgress)
		}
		last, count = max(last, n), count+1
	}
	if last != count {
		return entry{}, fmt.Errorf("%s has %d commits, the last is number %d: %w", l.dir, count, last, sink.ErrProgress)
	}
	var e entry
	if last > 0 {
		var err error
		if e, err = l.must(ctx, last); err != nil {
			return entry{}, err
		}
	}
	return l.newest(ctx, e)
}

// newest goes on from a commit that is known to the newest one.
func (l log) newest(ctx context.Context, e entry) (entry, error) {
	for {
		next, err := l.read(ctx, e.Number+1)
		switch {
		case errors.Is(err, bucket.ErrNotFound):
			return e, nil
		case err != nil:
			return entry{}, err
		}
		e = next
	}
}

// read reads commit n: bucket.ErrNotFound when it is not there.
func (l log) read(ctx context.Context, n int64) (e entry, err error) {
	key := path.Join(l.dir, entryName(n))
	r, in, err := l.b.Get(ctx, key, "")
	if err != nil {
		return e, err
	}
	if in.Size > maxEntryBytes {
		return e, errors.Join(fmt.Errorf("%s has %d bytes, a commit has at most %d: %w", key, in.Size, maxEntryBytes, sink.ErrProgress), r.Close())
	}
	text, err := io.ReadAll(io.LimitReader(r, maxEntryBytes+1))
	if err := errors.Join(err, r.Close()); err != nil {
		return e, fmt.Errorf("read %s: %w", key, err)
	}
	if err := json.Unmarshal(text, &e); err != nil || e.Version != 1 || e.Number != n || e.To < e.From {
		return e, fmt.Errorf("%s is not a commit of this version: %w", key, errors.Join(err, sink.ErrProgress))
	}
	return e, nil
}

// must reads commit n, which has to be there.
func (l log) must(ctx context.Context, n int64) (entry, error) {
	e, err := l.read(ctx, n)
	if errors.Is(err, bucket.ErrNotFound) {
		err = fmt.Errorf("commit %d of %s was deleted: %w", n, l.dir, sink.ErrProgress)
	}
	return e, err
}

// first returns the number of the first commit up to last that ends behind offset, last+1 when there is none. Commits are in the
// order of their records, so few of them are read.
func (l log) first(ctx context.Context, last, offset int64) (int64, error) {
	lo, hi := int64(1), last+1
	for lo < hi {
		mid := lo + (hi-lo)/2
		e, err := l.must(ctx, mid)
		if err != nil {
			return 0, err
		}
		if e.To > offset {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return lo, nil
}
