// Package traffic makes the records that a test loses, and keeps the ground truth about them.
//
// The truth is kept independently of the product: it hashes with SHA-256 over its own encoding, so that a mistake in the
// product's canonical form can not hide itself.
package traffic

import (
	"crypto/sha256"
	"encoding/binary"
)

// Event is one record to produce.
type Event struct {
	Partition   int32
	TimestampMs int64
	Key         []byte
	Value       []byte
}

// ID identifies the content of an event, partition included.
type ID [16]byte

// ID returns the first 16 bytes of SHA-256 over partition, timestamp, key and value, each with its length.
func (e Event) ID() ID {
	buf := make([]byte, 0, 24+len(e.Key)+len(e.Value))
	buf = binary.BigEndian.AppendUint32(buf, uint32(e.Partition))
	buf = binary.BigEndian.AppendUint64(buf, uint64(e.TimestampMs))
	buf = binary.BigEndian.AppendUint32(buf, uint32(len(e.Key)))
	buf = append(buf, e.Key...)
	buf = append(buf, e.Value...)
	sum := sha256.Sum256(buf)
	return ID(sum[:16])
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
