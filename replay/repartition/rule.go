package repartition

import (
	"encoding/binary"

	"backstitch/partition"
	"backstitch/replay/record"
)

// Rule says where records go that have another partition in the target than in the reference.
type Rule struct {
	Partitions int32 // of the target
}

// Run is how many positions of a partition of the reference, side by side, records without a key go to the same partition.
const Run = 1024

// Of is the partition of r, whose Offset is its position in partition from of the reference.
//
// A key goes where Java's default partitioner, and so nearly every producer, would put it. Without one, a producer goes by what it has at
// hand when it sends, which nobody can tell again. So the place in the reference decides: runs of positions take the partitions in turn,
// each partition of the reference begins at another one, and neighbours stay together.
func (r Rule) Of(from int32, rec *record.Record) int32 { return r.at(from, rec.Offset, rec.Key) }

func (r Rule) at(from int32, origin partition.Offset, key []byte) int32 {
	if key == nil {
		return int32((int64(from) + origin/Run) % int64(r.Partitions))
	}
	return KeyPartition(key, r.Partitions)
}

// KeyPartition is the partition of a key, which is not nil, among n.
func KeyPartition(key []byte, n int32) int32 { return int32(murmur2(key)&0x7fffffff) % n }

// murmur2 is MurmurHash2 with the seed that Kafka's clients take.
func murmur2(b []byte) uint32 {
	const (
		seed  = 0x9747b28c
		mix   = 0x5bd1e995
		shift = 24
	)
	h := seed ^ uint32(len(b))
	for ; len(b) >= 4; b = b[4:] {
		k := binary.LittleEndian.Uint32(b) * mix
		k ^= k >> shift
		h = h*mix ^ k*mix
	}
	switch len(b) {
	case 3:
		h ^= uint32(b[2]) << 16
		fallthrough
	case 2:
		h ^= uint32(b[1]) << 8
		fallthrough
	case 1:
		h = (h ^ uint32(b[0])) * mix
	}
	h = (h ^ h>>13) * mix
	return h ^ h>>15
}
