package objects

import (
	"context"
	"encoding/hex"
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
	"backstitch/storage/failpoint"

	"github.com/zeebo/xxh3"
)

// The commits of one partition. What makes them safe is that a name is given once: the second writer of a number is told so.

// maxVersion is that of a commit whose data objects are CSV, arrays of JSON, compressed lines, or have values as columns.
const maxVersion = 4

// object is a data object that a commit names.
type object struct {
	Data string `json:"data,omitempty"` // name beside the commit, "" for none
	Size int64  `json:"size,omitempty"`
	Sum  string `json:"sum,omitempty"` // xxh3-128 of it
}

// entry is one commit.
type entry struct {
	Version int             `json:"version"` // 1; 2 where the data object is Avro or Parquet; 3 where Void names a job; 4 see maxVersion
	Number  int64           `json:"number"`
	Job     partition.JobID `json:"job"`
	Stamp   string          `json:"stamp"` // of the lane of Job, after this commit
	object
	// More are the objects beside the first one, where values as columns name more schemas than one. A record is in one of them.
	More []object `json:"more,omitempty"`
	From int64    `json:"from"` // offset of the first record
	To   int64    `json:"to"`   // offset after the last one
	// Void are the jobs whose records do not count any more, each commit with those of the one before it. So the last commit alone says what
	// readers pass over.
	Void []partition.JobID `json:"void,omitempty"`
}

// sealed is a commit as it is stored.
type sealed struct {
	Commit json.RawMessage `json:"commit"`
	Check  string          `json:"check"` // xxh3-128 of the bytes of Commit
}

// seal is what is stored of e.
func (e *entry) seal() ([]byte, error) {
	text, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	return json.Marshal(sealed{Commit: text, Check: checksum(text)})
}

// unseal reads what seal returned for commit n.
func unseal(text []byte, n int64) (e entry, err error) {
	var s sealed
	if err := json.Unmarshal(text, &s); err != nil {
		return e, err
	}
	if got := checksum(s.Commit); got != s.Check {
		return e, fmt.Errorf("its checksum is %s, it says %s", got, s.Check)
	}
	if err := json.Unmarshal(s.Commit, &e); err != nil {
		return e, err
	}
	if e.Version < 1 || e.Version > maxVersion || e.Number != n || e.To < e.From {
		return e, fmt.Errorf("it is commit %d of version %d, records %d to %d", e.Number, e.Version, e.From, e.To)
	}
	return e, nil
}

func checksum(b []byte) string {
	sum := xxh3.Hash128(b).Bytes()
	return hex.EncodeToString(sum[:])
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
	err = l.get(ctx, entryName(n), maxEntryBytes, func(text []byte) (err error) {
		e, err = unseal(text, n)
		return err
	})
	return e, err
}

// reads is how often an object is fetched that comes with other bytes each time.
const reads = 5

// get reads an object of at most limit bytes. What is wrong twice in the same way is wrong in the store: sink.ErrProgress. What is
// wrong in another way each time went wrong on its way, and says nothing of what is there: bucket.ErrBroken.
func (l log) get(ctx context.Context, name string, limit int64, good func([]byte) error) error {
	key := path.Join(l.dir, name)
	var before [16]byte
	var bad error
	for n := range reads {
		r, _, err := l.b.Get(ctx, key, "")
		if err != nil {
			return err
		}
		text, err := io.ReadAll(io.LimitReader(r, limit+1))
		if err := errors.Join(err, r.Close()); err != nil {
			return fmt.Errorf("read %s: %w", key, err)
		}
		if bad = good(text); bad == nil {
			return nil
		}
		sum := xxh3.Hash128(text).Bytes()
		if n > 0 && sum == before {
			return fmt.Errorf("%s is not what was written: %w: %w", key, bad, sink.ErrProgress)
		}
		before = sum
	}
	return fmt.Errorf("%s comes with other bytes each time: %w: %w", key, bad, bucket.ErrBroken)
}

// must reads commit n, which has to be there.
func (l log) must(ctx context.Context, n int64) (entry, error) {
	e, err := l.read(ctx, n)
	if errors.Is(err, bucket.ErrNotFound) {
		err = fmt.Errorf("commit %d of %s was deleted: %w", n, l.dir, sink.ErrProgress)
	}
	return e, err
}

// append stores a commit under its number: bucket.ErrExists when somebody has it already.
func (l log) append(ctx context.Context, e entry) error {
	body, err := e.seal()
	if err != nil {
		return err
	}
	if _, err := l.b.PutNew(ctx, path.Join(l.dir, entryName(e.Number)), body); err != nil {
		return err
	}
	failpoint.Reach(failpoint.ObjectsCommitted)
	return nil
}

// inherit takes over what the commit before has made void.
func (e *entry) inherit(void []partition.JobID) {
	if e.Void = void; len(void) > 0 {
		e.Version = max(e.Version, 3)
	}
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
