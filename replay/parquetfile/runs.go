package parquetfile

import (
	"encoding/binary"
	"fmt"
	"math/bits"
)

// The hybrid of runs and bit-packed groups that levels, dictionary indexes and booleans are in. A run of two bytes says that a value
// comes a billion times, and the library would write all of them down: so runs are counted first.

// runSlack is how many values more than needed there may be: groups have eight, and some writers fill up a whole run of them.
const runSlack = 512

// runs walks over b, n values of width bits, and calls see for each that counts. It returns how many there were.
func runs(b []byte, width, n int, see func(value uint32, times int)) error {
	if width > 32 {
		return fmt.Errorf("values of %d bits: %w", width, ErrCorrupt)
	}
	seen := 0
	for at := 0; at < len(b); {
		head, k := binary.Uvarint(b[at:])
		if k <= 0 {
			return fmt.Errorf("a run has no length: %w", ErrCorrupt)
		}
		at += k
		count := head >> 1
		if head&1 != 0 {
			// Groups of eight; the bytes must be there, so that they bound the values.
			size := count * uint64(width)
			if count > uint64(n+runSlack) || size > uint64(len(b)-at) {
				return fmt.Errorf("%d groups of %d bits in %d bytes: %w", count, width, len(b)-at, ErrCorrupt)
			}
			unpack(b[at:at+int(size)], width, min(int(count)*8, max(n-seen, 0)), see)
			at += int(size)
			count *= 8
		} else {
			size := (width + 7) / 8
			if size > len(b)-at {
				return fmt.Errorf("a run has no value: %w", ErrCorrupt)
			}
			var value uint32
			for i := range size {
				value |= uint32(b[at+i]) << (8 * i)
			}
			at += size
			if count > uint64(n+runSlack) {
				return tooMany(n)
			}
			if times := min(int(count), n-seen); times > 0 {
				see(value, times)
			}
		}
		if seen += int(count); seen > n+runSlack {
			return tooMany(n)
		}
	}
	if seen < n {
		return fmt.Errorf("%d values where %d are to be: %w", seen, n, ErrCorrupt)
	}
	return nil
}

func tooMany(n int) error {
	return fmt.Errorf("more values than the %d of its page: %w", n, ErrCorrupt)
}

// unpack calls see for the first n values of width bits in b, least bit first.
func unpack(b []byte, width, n int, see func(value uint32, times int)) {
	if width == 0 {
		if n > 0 {
			see(0, n)
		}
		return
	}
	var held uint64
	have, at := 0, 0
	mask := uint64(1)<<width - 1
	for range n {
		for have < width {
			held |= uint64(b[at]) << have
			at++
			have += 8
		}
		see(uint32(held&mask), 1)
		held >>= width
		have -= width
	}
}

// widthOf is how many bits the numbers up to most take.
func widthOf(most int) int { return bits.Len(uint(most)) }

// maxDeltaBlock is the largest block of differences, in values; what is written is 128.
const maxDeltaBlock = 1 << 16

// deltas checks the head of numbers that are stored as differences: how many they say they are is believed by the library. It returns that.
func deltas(b []byte, n int) (int, error) {
	var head [3]uint64
	for i := range head {
		v, k := binary.Uvarint(b)
		if k <= 0 {
			return 0, fmt.Errorf("differences without a head: %w", ErrCorrupt)
		}
		head[i], b = v, b[k:]
	}
	if head[0] > maxDeltaBlock || head[2] > uint64(n) {
		return 0, fmt.Errorf("%d differences in blocks of %d on a page of %d values: %w", head[2], head[0], n, ErrCorrupt)
	}
	return int(head[2]), nil
}
