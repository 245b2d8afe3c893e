package detect

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"backstitch/replay/foreign/foreigntest"
	"backstitch/replay/record"
)

// What a topic holds. Archives that keep bytes get any bytes; those that keep text get what is text in them.

// form is what records of one archive may look like, and what it keeps of them.
type form struct {
	held    record.Fields
	bytes   bool // any bytes, null and empty are told apart
	nulls   bool // null keys and tombstones are told from empty ones
	headers bool
	once    bool // its writer may deliver a record twice
	unique  bool // values are made different: where an equal one stands for another nobody could tell which is lost
}

// formOf is the form of an archive that a writer of foreigntest makes; "" is our own, and a topic.
func formOf(writer string) form {
	switch writer {
	case "", "oso", "oso-zstd", "oso-lz4":
		return form{held: record.AllFields, bytes: true, nulls: true, headers: true}
	case "lenses-envelope", "lenses-partitionby", "aiven-envelope", "aiven-array":
		return form{held: record.AllFields, nulls: true, headers: true}
	case "aiven-csv-offset":
		return form{held: record.AllFields, headers: true}
	case "firehose":
		return form{held: record.FieldValue, once: true, unique: true}
	case "gazette":
		return form{held: record.FieldValue, headers: true, unique: true}
	}
	return form{held: record.FieldValue, headers: true}
}

// beginMs is when records begin; times of one topic lie within a few hours of it.
const (
	beginMs = 1_795_132_800_000 // 2026-11-20
	hourMs  = 3_600_000
)

// draw makes n records of one partition. With holes their offsets skip some, as those of transactions do.
func (f form) draw(rng *rand.Rand, part int32, n int, holes bool) []record.Record {
	out := make([]record.Record, 0, n)
	var next int64
	for i := range n {
		r := record.Record{TimestampMs: beginMs + int64(i)*1000 + rng.Int64N(900) + rng.Int64N(2)*hourMs, Key: fmt.Appendf(nil, "k%d", rng.IntN(20))}
		r.Value = fmt.Appendf(nil, `{"p":%d,"n":%d,"x":%q}`, part, i, text(rng, rng.IntN(20)))
		switch {
		case f.bytes:
			r.Key, r.Value = noise(rng, 12), noise(rng, 60)
		case f.nulls && rng.IntN(10) == 0:
			r.Value = nil // a tombstone
		case f.nulls && rng.IntN(10) == 0:
			r.Key = nil
		}
		if rng.IntN(30) == 0 {
			r.TimestampMs = 0
		}
		if f.headers {
			for range rng.IntN(3) * rng.IntN(2) {
				h := record.Header{Key: fmt.Sprint("h", rng.IntN(2)), Value: []byte(text(rng, 1+rng.IntN(4)))}
				if f.bytes {
					h.Value = noise(rng, 6)
				}
				r.Headers = append(r.Headers, h)
			}
		}
		if i > 0 && !f.unique && rng.IntN(15) == 0 {
			r = clone(out[rng.IntN(i)]) // equal records are as real as others
		}
		if holes && rng.IntN(4) == 0 {
			next += 1 + rng.Int64N(3)
		}
		r.Offset = next
		next++
		out = append(out, r)
	}
	return out
}

func clone(r record.Record) record.Record {
	r.Key, r.Value, r.Headers = slices.Clone(r.Key), slices.Clone(r.Value), slices.Clone(r.Headers)
	return r
}

func text(rng *rand.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('a' + rng.IntN(26))
	}
	return string(b)
}

// noise is any bytes, none, or null.
func noise(rng *rand.Rand, most int) []byte {
	switch rng.IntN(8) {
	case 0:
		return nil
	case 1:
		return []byte{}
	}
	b := make([]byte, 1+rng.IntN(most))
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

// whole reports whether a writer's archives know no partitions.
func whole(writer string) bool { return writer != "" && foreigntest.Whole(writer) }
