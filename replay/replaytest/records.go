package replaytest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"backstitch/partition"
	"backstitch/replay/record"
)

// Seed makes the random source of one test and logs how to get it again.
func Seed(tb testing.TB) *rand.Rand {
	tb.Helper()
	seed := uint64(time.Now().UnixNano())
	tb.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// base is when generated records begin, in Kafka milliseconds.
const base = 1_700_000_000_000

// Records makes n records with offsets from first on. They are what real topics hold and copies tend to change: nulls beside
// empties, headers that repeat, binary keys, equal records, timestamps that go back or are zero.
func Records(rng *rand.Rand, first partition.Offset, n int) []record.Record {
	out := make([]record.Record, n)
	for i := range out {
		r := &out[i]
		r.Offset = first + partition.Offset(i)
		r.TimestampMs = base + r.Offset*10 - int64(rng.IntN(50))
		switch rng.IntN(20) {
		case 0:
			r.TimestampMs = 0
		case 1:
			r.TimestampMs = 1
		}
		r.Key = nullable(rng, 12)
		r.Value = nullable(rng, 200)
		for range rng.IntN(3) * rng.IntN(3) {
			r.Headers = append(r.Headers, record.Header{Key: fmt.Sprint("h", rng.IntN(2)), Value: nullable(rng, 8)})
		}
		if i > 0 && rng.IntN(30) == 0 { // an equal record at another position
			at := r.Offset
			*r = out[rng.IntN(i)]
			r.Offset = at
		}
	}
	return out
}

func nullable(rng *rand.Rand, size int) []byte {
	switch rng.IntN(8) {
	case 0:
		return nil
	case 1:
		return []byte{}
	}
	b := make([]byte, 1+rng.IntN(size))
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

// Bare returns records as the target of a repair should hold them: without offsets and without the headers that backstitch
// adds. Empty header lists are nil.
func Bare(rs []record.Record) []record.Record {
	out := make([]record.Record, len(rs))
	for i, r := range rs {
		r.Offset = 0
		var hs []record.Header
		for _, h := range r.Headers {
			if !strings.HasPrefix(h.Key, record.OwnHeaderPrefix) {
				hs = append(hs, h)
			}
		}
		r.Headers = hs
		out[i] = r
	}
	return out
}

// Same reports whether two lists of records are equal to the byte, with null and empty apart. Ask cmp only for what differs: it takes
// longer to find nothing than a test takes to read the records.
func Same(a, b []record.Record) bool {
	return slices.EqualFunc(a, b, func(x, y record.Record) bool {
		return x.Offset == y.Offset && x.TimestampMs == y.TimestampMs && x.TimestampType == y.TimestampType &&
			sameBytes(x.Key, y.Key) && sameBytes(x.Value, y.Value) &&
			slices.EqualFunc(x.Headers, y.Headers, func(h, g record.Header) bool { return h.Key == g.Key && sameBytes(h.Value, g.Value) })
	})
}

func sameBytes(a, b []byte) bool { return bytes.Equal(a, b) && (a == nil) == (b == nil) }

// FillSlice is a slice that wants all of records.
func FillSlice(job partition.JobID, n uint32, part int32, records []record.Record) partition.Slice {
	var ranges []partition.Range
	var size int64
	for i := range records {
		ranges = append(ranges, partition.Range{From: records[i].Offset, To: records[i].Offset + 1})
		size += records[i].Size()
	}
	return partition.Slice{
		ID: partition.SliceID{Job: job, N: n}, Kind: partition.SliceFill, Partition: part,
		Ranges: partition.Normalize(ranges), Records: int64(len(records)), Bytes: size,
	}
}
