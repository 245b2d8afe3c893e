// Package orders makes the demo's records, loses some of them on purpose, and judges from the topic alone whether they came
// back.
//
// Invariants:
//   - A record is a pure function of its number, so that nothing has to be remembered about a million of them.
//   - What is lost is a pure function too; nobody draws lots.
//   - The judge reads the topic as a consumer of committed data does and counts by the number inside the record. It shares
//     nothing with the product's own verification.
//
// Not here: the story and its processes (cmd/backstitch).
//
// Reading order: orders.go, loss.go, produce.go, judge.go.
package orders

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"time"
)

// Topic is where the demo's records go.
const Topic = "orders"

// Partitions of the topic. Record n lies in partition n % Partitions, at offset n / Partitions of a topic that lost nothing.
const Partitions = 12

// Set is the records of one demo, numbered from 0.
type Set struct {
	Records int64
	Day     time.Time // first record's time; the records are spread over 24 hours
}

// Count is how many records lie in a partition.
func (s Set) Count(partition int32) int64 {
	return (s.Records - int64(partition) + Partitions - 1) / Partitions
}

// Number is the number of the record at an offset of the complete topic.
func (s Set) Number(partition int32, offset int64) int64 { return offset*Partitions + int64(partition) }

// Time is when record n was made.
func (s Set) Time(n int64) time.Time {
	return s.Day.Add(time.Duration(float64(n) / float64(s.Records) * float64(24*time.Hour))).Truncate(time.Millisecond)
}

// Key is record n's key.
func (s Set) Key(n int64) []byte { return strconv.AppendInt([]byte("order-"), n, 10) }

// Value is record n's value.
func (s Set) Value(n int64) []byte {
	h := uint64(n)*0x9e3779b97f4a7c15 + 1
	return fmt.Appendf(nil, `{"order":%d,"customer":%d,"cents":%d,"note":"%016x"}`, n, h%50_000, h>>32%100_000, h)
}

// number reads the number back from a key, -1 when it is not one of ours.
func number(key []byte) int64 {
	const prefix = "order-"
	if len(key) <= len(prefix) || string(key[:len(prefix)]) != prefix {
		return -1
	}
	n, err := strconv.ParseInt(string(key[len(prefix):]), 10, 64)
	if err != nil {
		return -1
	}
	return n
}

// mix is a number that looks random and is not.
func mix(n int64) uint64 {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], uint64(n))
	h := uint64(0xcbf29ce484222325)
	for _, c := range b {
		h = (h ^ uint64(c)) * 0x100000001b3
	}
	return h ^ h>>29
}

// Bytes is about what one record takes on the wire.
const Bytes = 150
