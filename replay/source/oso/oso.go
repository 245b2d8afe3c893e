// Package oso says what the names of kafka-backup (OSO) mean and what is in its segments. A segment holds whole records: key,
// value, headers, timestamp and offset.
//
// Invariants:
//   - A segment is believed only if its checksum, its count and the offsets of its header fit. It is all or nothing.
//   - No length in a segment is believed before that many bytes are there, and nothing decompresses beyond its ceiling.
//   - What the manifest names and the listing does not show is named as gone, with its offsets.
//
// What is not here: listing, numbering, merging (replay/foreign); consumer groups and other topics of a backup.
//
// Reading order: oso.go, manifest.go, segment.go.
package oso

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"backstitch/replay/bucket"
	"backstitch/replay/foreign"
	"backstitch/replay/record"
)

// Config says what to read. The bucket is that of one backup, or of a prefix with several.
type Config struct {
	Topic string
	foreign.Limits
}

// DefaultConfig is for topic.
func DefaultConfig(topic string) Config { return Config{Topic: topic, Limits: foreign.DefaultLimits()} }

// New returns the archive of cfg.Topic in b. It does not touch the store.
func New(b bucket.Bucket, cfg Config) (*foreign.Archive, error) {
	if cfg.Topic == "" || strings.ContainsAny(cfg.Topic, "/\\") {
		return nil, fmt.Errorf("kafka-backup: topic %q", cfg.Topic)
	}
	return foreign.New(b, &layout{cfg}, cfg.Limits)
}

type layout struct{ Config }

// Traits are those of every backup.
func (l *layout) Traits() foreign.Traits {
	return foreign.Traits{Title: "kafka-backup", Topic: l.Topic, Fields: record.AllFields, Own: true}
}

// Parse reads a key: [BACKUP/]topics/TOPIC/partition=N/segment-FIRST.bin[.zst].
func (l *layout) Parse(key string) (foreign.Name, bool) {
	n := foreign.Unnamed()
	before, rest, ok := cutTopics(key, l.Topic)
	if !ok {
		return n, false
	}
	part, file, ok := strings.Cut(rest, "/")
	number, partOK := strings.CutPrefix(part, "partition=")
	digits, fileOK := strings.CutPrefix(file, "segment-")
	if !ok || !partOK || !fileOK {
		return n, false
	}
	digits, ext, _ := strings.Cut(digits, ".")
	p, perr := strconv.ParseUint(number, 10, 31)
	first, ferr := strconv.ParseUint(digits, 10, 63)
	if perr != nil || ferr != nil || ext != "bin" && !strings.HasPrefix(ext, "bin.") {
		return n, false
	}
	n.Partition, n.First, n.Format = int32(p), int64(first), foreign.Segment
	n.Ext, n.Stem, n.Stream = "."+ext, key[:len(key)-len(ext)-1], before+"topics/"+l.Topic+"/"+part+"/"
	return n, true
}

// cutTopics cuts key at topics/TOPIC/, which begins it or follows a slash.
func cutTopics(key, topic string) (before, after string, ok bool) {
	mark := "topics/" + topic + "/"
	if rest, ok := strings.CutPrefix(key, mark); ok {
		return "", rest, true
	}
	before, after, ok = strings.Cut(key, "/"+mark)
	return before + "/", after, ok
}

// Decode opens a segment.
func (l *layout) Decode(_ context.Context, o *foreign.Object) (foreign.Decoder, error) {
	return open(o)
}
