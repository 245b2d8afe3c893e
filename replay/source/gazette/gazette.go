// Package gazette says what the names of Gazette's fragments mean. A journal is a run of bytes, its fragments carry their
// first byte, the one after their last and a hash; the records in it are JSON lines.
//
// Invariants:
//   - A record's position is that of its first byte in the journal. The partition is the NNN of the journal's part-NNN.
//   - A fragment whose length or hash is not that of its name is not believed at all.
//
// What is not here: listing and merging (replay/foreign); journals with other framings.
//
// Reading order: gazette.go, fragment.go.
package gazette

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"backstitch/replay/bucket"
	"backstitch/replay/foreign"
	"backstitch/replay/record"
)

// Config says what to read.
type Config struct {
	Topic string // that journals begin with
	foreign.Limits
}

// DefaultConfig is for journals that begin with topic.
func DefaultConfig(topic string) Config { return Config{Topic: topic, Limits: foreign.DefaultLimits()} }

// New returns the archive of cfg.Topic in b. It does not touch the store.
func New(b bucket.Bucket, cfg Config) (*foreign.Archive, error) {
	if cfg.Topic == "" || strings.ContainsAny(cfg.Topic, "\\") {
		return nil, fmt.Errorf("gazette journals: topic %q", cfg.Topic)
	}
	return foreign.New(b, &layout{cfg}, cfg.Limits)
}

type layout struct{ Config }

// Traits are those of every journal: bytes, and where they lie.
func (l *layout) Traits() foreign.Traits {
	return foreign.Traits{Title: "gazette journals", Topic: l.Topic, Prefix: l.Topic + "/", Fields: record.FieldValue, Own: true, Bytes: true}
}

var (
	file    = regexp.MustCompile(`^([0-9a-f]{16})-([0-9a-f]{16})-([0-9a-f]{40})(\.[a-z]+)?$`)
	journal = regexp.MustCompile(`(?:^|/)part-(\d+)/`)
	endings = map[string]string{"": "", ".raw": "", ".gz": ".gz", ".gzod": ".gz", ".sz": ".snappy", ".zst": ".zst"}
)

// Parse reads a key: TOPIC/.../part-NNN/[POSTFIX/]BEGIN-END-SHA1[.CODEC].
func (l *layout) Parse(key string) (foreign.Name, bool) {
	n := foreign.Unnamed()
	rest, ok := strings.CutPrefix(key, l.Topic+"/")
	if !ok {
		return n, false
	}
	name := rest[strings.LastIndexByte(rest, '/')+1:]
	m := file.FindStringSubmatch(name)
	j := journal.FindAllStringSubmatch(rest, -1)
	if m == nil || len(j) != 1 {
		return n, false
	}
	begin, berr := strconv.ParseInt(m[1], 16, 64)
	end, eerr := strconv.ParseInt(m[2], 16, 64)
	part, perr := strconv.ParseUint(j[0][1], 10, 31)
	codec, known := endings[m[4]]
	if berr != nil || eerr != nil || perr != nil || end <= begin || !known {
		return n, false
	}
	n.Partition, n.First, n.Last, n.Digest = int32(part), begin, end-1, m[3]
	n.Ext, n.Codec, n.Format = m[4], codec, foreign.JSON
	n.Stem, n.Stream = key[:len(key)-len(m[4])], key[:len(key)-len(name)]
	return n, true
}

// Decode opens a fragment.
func (l *layout) Decode(_ context.Context, o *foreign.Object) (foreign.Decoder, error) {
	return open(o)
}
