package replica

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"

	"backstitch/replay/record"
	"backstitch/replay/synth"
)

// Verdict is what a reader of committed data finds in a topic that was a replica with losses and was then repaired.
type Verdict struct {
	Records int64 `json:"records"` // read
	Missing int64 `json:"missing"` // of the complete replica
	Extra   int64 `json:"extra"`   // besides it, and besides what was planted twice or corrupt
}

// Judge reads the whole topic and holds it against what the replica should be after a repair: every record once, and what was planted
// twice or corrupt as well, each as change makes it, which may be nil. It holds 16 bytes for each record of one partition.
func Judge(ctx context.Context, cl *kgo.Client, topic string, g *synth.Generator, fates *synth.Planter, change Change) (Verdict, error) {
	var v Verdict
	for _, p := range g.Partitions() {
		want := map[[16]byte]int64{}
		for i := range g.Records(p) {
			r, err := change.of(ctx, g, p, i)
			if err != nil {
				return v, err
			}
			want[digest(&r)]++
			switch fates.Fate(p, i) {
			case synth.Doubled:
				want[digest(&r)]++
			case synth.Corrupted:
				bad := synth.Corrupt(r)
				want[digest(&bad)]++
			}
		}
		err := read(ctx, cl, topic, p, whole, func(r *record.Record) error {
			v.Records++
			want[digest(r)]--
			return nil
		})
		if err != nil {
			return v, err
		}
		for _, n := range want {
			v.Missing += max(0, n)
			v.Extra += max(0, -n)
		}
	}
	return v, nil
}

// digest is over everything that a producer gave, each part behind its length; null is a length of its own.
func digest(r *record.Record) [16]byte {
	h := sha256.New()
	var n [8]byte
	put := func(b []byte, null bool) {
		size := uint64(len(b)) + 1
		if null {
			size = 0
		}
		binary.BigEndian.PutUint64(n[:], size)
		h.Write(n[:])
		h.Write(b)
	}
	binary.BigEndian.PutUint64(n[:], uint64(r.TimestampMs))
	h.Write(n[:])
	put(r.Key, r.Key == nil)
	put(r.Value, r.Value == nil)
	for _, header := range r.Headers {
		if strings.HasPrefix(header.Key, record.OwnHeaderPrefix) {
			continue // a repair's mark
		}
		put([]byte(header.Key), false)
		put(header.Value, header.Value == nil)
	}
	return [16]byte(h.Sum(nil))
}
