package parquetfile

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/parquet-go/parquet-go/format"
)

// DELTA_BYTE_ARRAY keeps of each value how much of the one before it repeats, and the rest (parquet-format, Encodings.md). A page of a few
// bytes becomes as many values of the length of the first as one likes, and the library makes room for all of them. So such a page is
// written anew as plain values, as long as there is room, and the library never sees it.

// maxMiniblocks is the largest number of parts of a block of differences; what is written is 4.
const maxMiniblocks = 512

// plainBytes appends the n values of b, in DELTA_BYTE_ARRAY, to dst as plain ones, which may take room bytes.
func plainBytes(dst, b []byte, kind format.Type, n int, room int64) ([]byte, error) {
	if kind != format.ByteArray && kind != format.FixedLenByteArray {
		return dst, badEncoding(format.DeltaByteArray)
	}
	if n == 0 {
		return dst, nil
	}
	prefixes, b, err := lengths(b, n)
	if err != nil {
		return dst, fmt.Errorf("lengths of what repeats: %w", err)
	}
	suffixes, b, err := lengths(b, n)
	if err != nil {
		return dst, fmt.Errorf("lengths of the rest: %w", err)
	}
	before, begun := 0, len(dst) // where the value before begins
	length := 0                  // and how long it is
	for i := range n {
		prefix, suffix := int(prefixes[i]), int(suffixes[i])
		if prefix > length || suffix > len(b) {
			return dst, fmt.Errorf("value %d repeats %d bytes of %d and has %d of %d that are left: %w", i, prefix, length, suffix, len(b), ErrCorrupt)
		}
		if int64(len(dst)-begun)+4+int64(prefix)+int64(suffix) > room {
			return dst, fmt.Errorf("values that repeat each other take more than %d bytes: %w", room, ErrLimit)
		}
		length = prefix + suffix
		if kind == format.ByteArray {
			dst = binary.LittleEndian.AppendUint32(dst, uint32(length))
		}
		at := len(dst)
		dst = append(slices.Grow(dst, length), dst[before:before+prefix]...)
		dst, b, before = append(dst, b[:suffix]...), b[suffix:], at
	}
	if len(b) > 0 {
		return dst, fmt.Errorf("%d bytes behind the last value: %w", len(b), ErrCorrupt)
	}
	return dst, nil
}

// lengths reads n numbers in DELTA_BINARY_PACKED, of which none is negative, and returns what comes behind them.
func lengths(b []byte, n int) (out []int32, rest []byte, err error) {
	short := func() ([]int32, []byte, error) {
		return nil, nil, fmt.Errorf("differences that end early: %w", ErrCorrupt)
	}
	count, err := deltas(b, n)
	if err != nil {
		return nil, nil, err
	}
	if count != n {
		return nil, nil, fmt.Errorf("%d differences where %d are to be: %w", count, n, ErrCorrupt)
	}
	block, k := binary.Uvarint(b)
	minis, l := binary.Uvarint(b[k:])
	_, m := binary.Uvarint(b[k+l:])
	b = b[k+l+m:]
	if minis == 0 || minis > maxMiniblocks || block == 0 || block%(8*minis) != 0 {
		return nil, nil, fmt.Errorf("blocks of %d differences in %d parts: %w", block, minis, ErrCorrupt)
	}
	value, k := binary.Varint(b)
	if k <= 0 {
		return short()
	}
	b = b[k:]
	each := int(block / minis)
	add := func(v int64) error {
		if v < 0 || v > 1<<31-1 {
			return fmt.Errorf("a length of %d: %w", v, ErrCorrupt)
		}
		out = append(out, int32(v))
		return nil
	}
	if err := add(value); err != nil {
		return nil, nil, err
	}
	for len(out) < n {
		least, k := binary.Varint(b)
		if k <= 0 || uint64(len(b)-k) < minis {
			return short()
		}
		widths := b[k : k+int(minis)]
		b = b[k+int(minis):]
		for _, w := range widths {
			if len(out) == n {
				break // parts that are not needed have a width and no bytes
			}
			size := each / 8 * int(w)
			if w > 32 || size > len(b) {
				return short()
			}
			take := min(each, n-len(out))
			unpack(b[:size], int(w), take, func(v uint32, times int) {
				for ; times > 0 && err == nil; times-- {
					value += least + int64(v)
					err = add(value)
				}
			})
			if err != nil {
				return nil, nil, err
			}
			b = b[size:]
		}
	}
	return out, b, nil
}
