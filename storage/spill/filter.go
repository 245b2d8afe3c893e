package spill

import "encoding/binary"

// Nearly everything that is looked for was never put on disk: what both sides of a comparison have is asked for among what one of them
// lacks. Pebble's own filters answer that, too, but through an iterator for each question, which takes a hundred times as long.

// filter tells what is surely not on disk. It is a Bloom filter of which each hash has its bits in one word of its own, and forgets
// nothing. Above ten million hashes it lets more and more through, which costs time and nothing else.
type filter []uint64

// filterWords is 8 MiB.
const filterWords = 1 << 20

// filterBits are how many bits of its word a hash sets.
const filterBits = 4

// place returns the word of h and its bits there. A hash is as good as random, so its own bits choose.
func place(h *Hash) (word, bits uint64) {
	word = binary.LittleEndian.Uint64(h[:]) % filterWords
	which := binary.LittleEndian.Uint64(h[8:])
	for range filterBits {
		bits |= 1 << (which & 63)
		which >>= 6
	}
	return word, bits
}

func newFilter() filter { return make(filter, filterWords) }

func (f filter) add(h *Hash) {
	word, bits := place(h)
	f[word] |= bits
}

// may reports whether h may have been added.
func (f filter) may(h *Hash) bool {
	word, bits := place(h)
	return f[word]&bits == bits
}
