package check

import (
	"bufio"
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

// Store reads a refilled topic out of an object store, as its format is described and with a client of the store alone: the commits of
// each partition by number, and of each the data object that it names. Nothing that no commit names counts.
func Store(ctx context.Context, cl *s3.Client, bucket, prefix string) (Seen, error) {
	found := Seen{Events: traffic.Truth{}}
	commits, err := storeCommits(ctx, cl, bucket, prefix)
	if err != nil {
		return found, err
	}
	last := map[int32]int64{}
	next := map[string]int64{}
	for _, key := range commits {
		text, err := storeObject(ctx, cl, bucket, key)
		if err != nil {
			return found, err
		}
		var commit struct {
			Number   int64
			Data     string
			From, To int64
		}
		if err := json.Unmarshal(text, &commit); err != nil {
			return found, fmt.Errorf("%s: %w", key, err)
		}
		dir := path.Dir(key)
		if next[dir]++; commit.Number != next[dir] {
			return found, fmt.Errorf("%w: %s is commit %d, want %d", ErrEvidence, key, commit.Number, next[dir])
		}
		if commit.Data == "" {
			continue
		}
		part, err := strconv.ParseInt(path.Base(dir), 10, 32)
		if err != nil {
			return found, fmt.Errorf("%s: %w", key, err)
		}
		data, err := storeObject(ctx, cl, bucket, path.Join(dir, commit.Data))
		if err != nil {
			return found, err
		}
		n, err := found.lines(data, int32(part), last)
		if err != nil {
			return found, fmt.Errorf("%s: %w", path.Join(dir, commit.Data), err)
		}
		if n != commit.To-commit.From {
			return found, fmt.Errorf("%s has %d records, its commit says %d", path.Join(dir, commit.Data), n, commit.To-commit.From)
		}
	}
	if found.Records == 0 {
		return found, fmt.Errorf("%w: no record under s3://%s/%s", ErrEvidence, bucket, prefix)
	}
	return found, nil
}

// storeCommits lists the commits under prefix, by partition and number.
func storeCommits(ctx context.Context, cl *s3.Client, bucket, prefix string) ([]string, error) {
	var keys []string
	pages := s3.NewListObjectsV2Paginator(cl, &s3.ListObjectsV2Input{Bucket: &bucket, Prefix: &prefix})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, o := range page.Contents {
			if strings.HasSuffix(*o.Key, ".commit") {
				keys = append(keys, *o.Key)
			}
		}
	}
	slices.Sort(keys)
	return keys, nil
}

func storeObject(ctx context.Context, cl *s3.Client, bucket, key string) ([]byte, error) {
	out, err := cl.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return nil, err
	}
	defer out.Body.Close() //nolint:errcheck // read only
	return io.ReadAll(out.Body)
}

// lines counts the records of a data object. last is the origin of the refilled record before, by partition.
func (s *Seen) lines(data []byte, part int32, last map[int32]int64) (n int64, err error) {
	scan := bufio.NewScanner(bytes.NewReader(data))
	scan.Buffer(nil, 64<<20)
	for ; scan.Scan(); n++ {
		var line struct {
			Timestamp  int64
			Key, Value *[]byte
			Headers    [][2]*[]byte
		}
		if err := json.Unmarshal(scan.Bytes(), &line); err != nil {
			return n, err
		}
		e := traffic.Event{Partition: part, TimestampMs: line.Timestamp, Key: bytesOf(line.Key), Value: bytesOf(line.Value)}
		for _, h := range line.Headers {
			name, value := string(bytesOf(h[0])), bytesOf(h[1])
			switch {
			case name == "backstitch.origin":
				at := string(value)
				origin, err := strconv.ParseInt(at[strings.LastIndexByte(at, '/')+1:], 10, 64)
				if err != nil {
					return n, fmt.Errorf("origin %q: %w", at, err)
				}
				s.Refilled++
				if before, ok := last[part]; ok && origin <= before {
					s.Disorder++
				}
				last[part] = origin
			case name != "backstitch.job":
				e.Headers = append(e.Headers, traffic.Header{Key: name, Value: value})
			}
		}
		s.Records++
		s.Events[e.ID()]++
	}
	return n, scan.Err()
}

// bytesOf tells null from empty.
func bytesOf(b *[]byte) []byte {
	switch {
	case b == nil:
		return nil
	case *b == nil:
		return []byte{}
	}
	return *b
}
