// Package traffic makes the records that a test loses, and keeps the ground truth about them.
//
// The truth is kept independently of the product: it hashes with SHA-256 over its own encoding, so that a mistake in the
// product's canonical form can not hide itself.
package traffic

import (
	"crypto/sha256"
	"encoding/binary"
)

// Event is one record to produce. A null key or value is nil, which an empty one is not.
type Event struct {
	Partition   int32
	TimestampMs int64
	Key         []byte
	Value       []byte
	Headers     []Header
}

// Header is one header of an event. Names may repeat, and the order counts.
type Header struct {
	Key   string
	Value []byte
}

// ID identifies the content of an event, partition included.
type ID [16]byte

// ID returns the first 16 bytes of SHA-256 over partition, timestamp, key, value and headers, each with its length; the length of
// a null is that of nothing else.
func (e Event) ID() ID {
	buf := make([]byte, 0, 28+len(e.Key)+len(e.Value))
	buf = binary.BigEndian.AppendUint32(buf, uint32(e.Partition))
	buf = binary.BigEndian.AppendUint64(buf, uint64(e.TimestampMs))
	buf = appendBytes(buf, e.Key)
	buf = appendBytes(buf, e.Value)
	for _, h := range e.Headers {
		buf = appendBytes(buf, []byte(h.Key))
		buf = appendBytes(buf, h.Value)
	}
	sum := sha256.Sum256(buf)
	return ID(sum[:16])
}

func appendBytes(buf, b []byte) []byte {
	if b == nil {
		return binary.BigEndian.AppendUint32(buf, 1<<32-1)
	}
	return append(binary.BigEndian.AppendUint32(buf, uint32(len(b))), b...)
}

// Truth counts events by content.
type Truth map[ID]int32

// Difference compares what was seen with what was made: how many events are lost, how many are there too often or were
// never made.
func (made Truth) Difference(seen Truth) (lost, surplus int64) {
	for id, n := range made {
		lost += int64(max(0, n-seen[id]))
	}
	for id, n := range seen {
		surplus += int64(max(0, n-made[id]))
	}
	return lost, surplus
}
