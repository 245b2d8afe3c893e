package check

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"

	"backstitch/chaos/traffic"

	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// Objects is an object store as somebody sees it who is not the product.
type Objects interface {
	// Keys lists the keys that begin with prefix, sorted.
	Keys(ctx context.Context, prefix string) ([]string, error)
	// Object reads one object.
	Object(ctx context.Context, key string) ([]byte, error)
}

// Store reads a topic with that many partitions out of an object store, as its format is described: the commits of each partition by
// number, and of each the data object that it names. Nothing that no commit names counts. The writer of a record is the slice and epoch
// of its commit.
func Store(ctx context.Context, store Objects, topic string, partitions int32) (Log, error) {
	log := Log{}
	for p := range partitions {
		dir := fmt.Sprintf("%s/%05d/", topic, p)
		keys, err := store.Keys(ctx, dir)
		if err != nil {
			return nil, err
		}
		keys = slices.DeleteFunc(keys, func(key string) bool { return !strings.HasSuffix(key, ".commit") })
		log[p] = &Part{}
		for n, key := range keys {
			c, err := readCommit(ctx, store, key)
			if err != nil {
				return nil, err
			}
			if c.Number != int64(n)+1 {
				return nil, unfit("%s is commit %d, want %d", key, c.Number, n+1)
			}
			if err := log[p].commit(ctx, store, dir, p, c); err != nil {
				return nil, err
			}
		}
	}
	return log, nil
}

// storeCommit is one commit, as the format is described.
type storeCommit struct {
	Number   int64
	Job      string
	Stamp    string
	Data     string
	From, To int64
}

func readCommit(ctx context.Context, store Objects, key string) (storeCommit, error) {
	var file struct{ Commit storeCommit }
	text, err := store.Object(ctx, key)
	if err == nil {
		err = json.Unmarshal(text, &file)
	}
	if err != nil {
		return storeCommit{}, fmt.Errorf("read %s: %w", key, err)
	}
	return file.Commit, nil
}

// writer is the slice and the epoch that a stamp begins with.
func (c *storeCommit) writer() (slice int64, epoch int16, err error) {
	var e int64
	if f := strings.Fields(c.Stamp); len(f) > 3 {
		if slice, err = strconv.ParseInt(f[1], 10, 64); err == nil {
			e, err = strconv.ParseInt(f[2], 10, 16)
		}
	} else {
		err = fmt.Errorf("stamp %q", c.Stamp)
	}
	return slice, int16(e), err
}

// Committed is the cursor that the newest commit of a job in a partition carries: the first position that is not there yet. -1 for none.
func Committed(ctx context.Context, store Objects, topic, job string, partition int32) (int64, error) {
	keys, err := store.Keys(ctx, fmt.Sprintf("%s/%05d/", topic, partition))
	if err != nil {
		return 0, err
	}
	for _, key := range slices.Backward(keys) {
		if !strings.HasSuffix(key, ".commit") {
			continue
		}
		c, err := readCommit(ctx, store, key)
		if err != nil {
			return 0, err
		}
		if c.Job != job {
			continue
		}
		if f := strings.Fields(c.Stamp); len(f) > 3 {
			return strconv.ParseInt(f[3], 10, 64)
		}
		return 0, unfit("%s has the stamp %q", key, c.Stamp)
	}
	return -1, nil
}

// commit adds what a commit brought.
func (p *Part) commit(ctx context.Context, store Objects, dir string, partition int32, c storeCommit) error {
	if c.From != p.End || c.To < c.From {
		return unfit("commit %d of %s has records %d to %d, the one before ends at %d", c.Number, dir, c.From, c.To, p.End)
	}
	if c.Data != "" {
		slice, epoch, err := c.writer()
		if err != nil {
			return unfit("commit %d of %s: %v", c.Number, dir, err)
		}
		data, err := store.Object(ctx, path.Join(dir, c.Data))
		if err != nil {
			return fmt.Errorf("read %s%s: %w", dir, c.Data, err)
		}
		before := len(p.Records)
		for line := range bytes.Lines(data) {
			r, err := storeRecord(line, partition)
			if err != nil {
				return fmt.Errorf("%s%s: %w", dir, c.Data, err)
			}
			r.ProducerID, r.ProducerEpoch = slice, epoch
			p.Records = append(p.Records, r)
		}
		if n := int64(len(p.Records) - before); n != c.To-c.From {
			return unfit("%s%s has %d records, its commit says %d", dir, c.Data, n, c.To-c.From)
		}
	}
	p.Stable, p.End, p.Reached = c.To, c.To, c.To
	return nil
}

// storeRecord reads one line of a data object.
func storeRecord(line []byte, partition int32) (Record, error) {
	var text struct {
		Offset, Timestamp int64
		Key, Value        *[]byte
		Headers           [][2]*[]byte
	}
	if err := json.Unmarshal(line, &text); err != nil {
		return Record{}, err
	}
	out := Record{Offset: text.Offset, Event: traffic.Event{
		Partition: partition, TimestampMs: text.Timestamp, Key: nullable(text.Key), Value: nullable(text.Value),
	}}
	for _, h := range text.Headers {
		if err := out.header(string(nullable(h[0])), nullable(h[1])); err != nil {
			return out, err
		}
	}
	return out, nil
}

// nullable tells null from empty.
func nullable(b *[]byte) []byte {
	switch {
	case b == nil:
		return nil
	case *b == nil:
		return []byte{}
	}
	return *b
}

// Bucket is a bucket of an S3 server, below a prefix. It satisfies Objects.
type Bucket struct {
	Client       *s3.Client
	Name, Prefix string
}

// Keys lists them.
func (b Bucket) Keys(ctx context.Context, prefix string) (keys []string, err error) {
	full := b.Prefix + prefix
	pages := s3.NewListObjectsV2Paginator(b.Client, &s3.ListObjectsV2Input{Bucket: &b.Name, Prefix: &full})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, o := range page.Contents {
			keys = append(keys, strings.TrimPrefix(*o.Key, b.Prefix))
		}
	}
	slices.Sort(keys)
	return keys, nil
}

// Object reads one.
func (b Bucket) Object(ctx context.Context, key string) ([]byte, error) {
	full := b.Prefix + key
	out, err := b.Client.GetObject(ctx, &s3.GetObjectInput{Bucket: &b.Name, Key: &full})
	if err != nil {
		return nil, err
	}
	defer out.Body.Close() //nolint:errcheck // read only
	return io.ReadAll(out.Body)
}
