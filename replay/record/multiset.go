package record

import (
	"encoding/binary"
	"math/bits"

	"backstitch/partition"

	"github.com/zeebo/xxh3"
)

// Sum is a multiset hash: the sum of record hashes modulo 2^128. Two runs of the same records in any order have the same
// Sum, a record that is there twice counts twice, and parts can be summed apart. It stands against accident, not against
// somebody who forges records to fit.
type Sum struct{ hi, lo uint64 }

// SumFromBytes reads what Bytes returned.
func SumFromBytes(b [16]byte) Sum {
	return Sum{hi: binary.BigEndian.Uint64(b[:8]), lo: binary.BigEndian.Uint64(b[8:])}
}

// Add counts a record hash in.
func (s *Sum) Add(hash [16]byte) { s.AddSum(SumFromBytes(hash)) }

// Sub counts a record hash out.
func (s *Sum) Sub(hash [16]byte) { s.SubSum(SumFromBytes(hash)) }

// AddPlace counts in that there was a record of size bytes at a position of the reference, whatever is in it: the sum of
// xxh3-128 over position and size, 8 bytes big endian each. It costs about a tenth of hashing 1 KiB.
func (s *Sum) AddPlace(at partition.Offset, size int64) {
	var place [16]byte
	binary.BigEndian.PutUint64(place[:8], uint64(at))
	binary.BigEndian.PutUint64(place[8:], uint64(size))
	h := xxh3.Hash128(place[:])
	s.AddSum(Sum{hi: h.Hi, lo: h.Lo})
}

// AddSum counts in everything in other.
func (s *Sum) AddSum(other Sum) {
	var carry uint64
	s.lo, carry = bits.Add64(s.lo, other.lo, 0)
	s.hi, _ = bits.Add64(s.hi, other.hi, carry)
}

// SubSum counts out everything in other.
func (s *Sum) SubSum(other Sum) {
	var borrow uint64
	s.lo, borrow = bits.Sub64(s.lo, other.lo, 0)
	s.hi, _ = bits.Sub64(s.hi, other.hi, borrow)
}

// Bytes returns the sum, big endian.
func (s Sum) Bytes() (b [16]byte) {
	binary.BigEndian.PutUint64(b[:8], s.hi)
	binary.BigEndian.PutUint64(b[8:], s.lo)
	return b
}

// Chain is an ordered hash: each record's hash is folded into that of all before it. The zero value has folded nothing.
type Chain [16]byte

// Fold appends a record hash: chain = xxh3-128(chain || hash).
func (c *Chain) Fold(hash [16]byte) {
	var buf [32]byte
	copy(buf[:16], c[:])
	copy(buf[16:], hash[:])
	*c = xxh3.Hash128(buf[:]).Bytes()
}
