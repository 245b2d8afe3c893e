package kbatch

import (
	"encoding/binary"
	"fmt"
	"slices"

	"backstitch/replay/record"

	"github.com/pierrec/lz4/v4"
)

// LZ4 frames as producers write them: one frame, blocks that stand alone, each decoded to where it belongs. The library's reader
// decodes into a buffer of its own, copies, and folds every byte into a checksum, which together costs as much as decoding. The
// frame's checksum is not looked at here: it is one of 32 bits over what the batch's own CRC covers already, which every caller of a
// Decoder has checked, and Java's consumer does not look at it either.
//
// Anything else a frame may be is left to the library: blocks that refer to earlier ones, dictionaries, several frames in a row.

const (
	lz4Magic = 0x184D2204

	lz4Version      = 0b0100_0000 // the two upper bits of the flags
	lz4VersionMask  = 0b1100_0000
	lz4Independent  = 0b0010_0000
	lz4BlockSum     = 0b0001_0000
	lz4ContentSize  = 0b0000_1000
	lz4ContentSum   = 0b0000_0100
	lz4Stored       = 1 << 31 // of a block's size: its bytes are not compressed
	lz4LeastBlock   = 4       // code of blocks of 64 KiB; each next one is four times as much
	lz4LargestBlock = 7
)

// lz4Blocks appends what the frame src holds to out. It reports false, and leaves out as it was, when the library has to look at the
// frame: because it is of another make, or because it is wrong and the library says best in what way.
func (c *codecs) lz4Blocks(out *record.Buffer, src []byte) (done bool, err error) {
	begin := len(out.B)
	defer func() {
		if !done {
			out.B = out.B[:begin]
		}
	}()
	le := binary.LittleEndian
	if len(src) < 7 || le.Uint32(src) != lz4Magic {
		return false, nil
	}
	flags, size := src[4], int(src[5]>>4)
	const known = lz4VersionMask | lz4Independent | lz4BlockSum | lz4ContentSize | lz4ContentSum
	if flags&lz4VersionMask != lz4Version || flags&^byte(known) != 0 || flags&lz4Independent == 0 || size < lz4LeastBlock || size > lz4LargestBlock || src[5]&0x8f != 0 {
		return false, nil
	}
	largest := 64 << 10 << (2 * (size - lz4LeastBlock))
	rest := src[6:]
	content := int64(-1)
	if flags&lz4ContentSize != 0 {
		if len(rest) < 8 {
			return false, nil
		}
		if content = int64(le.Uint64(rest)); content < 0 {
			return false, nil
		}
		rest = rest[8:]
	}
	if len(rest) < 1 {
		return false, nil
	}
	rest = rest[1:] // the header's checksum, of one byte
	for {
		if len(rest) < 4 {
			return false, nil
		}
		n := le.Uint32(rest)
		rest = rest[4:]
		if n == 0 {
			break
		}
		stored := n&lz4Stored != 0
		n &^= lz4Stored
		if int64(n) > int64(len(rest)) || int(n) > largest {
			return false, nil
		}
		block := rest[:n]
		rest = rest[n:]
		if flags&lz4BlockSum != 0 {
			if len(rest) < 4 {
				return false, nil
			}
			rest = rest[4:]
		}
		if stored {
			out.B = append(out.B, block...)
		} else if !lz4Block(out, block, largest, c.ratio(CodecLZ4)) {
			return false, nil
		}
		if len(out.B)-begin > c.ceiling {
			return false, fmt.Errorf("%w of %d bytes", ErrTooLarge, c.ceiling)
		}
	}
	if flags&lz4ContentSum != 0 {
		if len(rest) < 4 {
			return false, nil
		}
		rest = rest[4:]
	}
	return len(rest) == 0 && (content < 0 || content == int64(len(out.B)-begin)), nil
}

// lz4Block appends what one block decodes to, at most largest bytes. A block does not say how much that is, and the largest may be many
// times more, so it is tried with as much room as blocks of late would have needed, and then with more.
func lz4Block(out *record.Buffer, block []byte, largest, ratio int) bool {
	at := len(out.B)
	for room := min(ratio*len(block), largest); ; room = min(2*room, largest) {
		out.B = slices.Grow(out.B, room)
		to := out.B[at:min(cap(out.B), at+largest)]
		n, err := lz4.UncompressBlock(block, to)
		if err == nil {
			out.B = out.B[:at+n]
			return true
		}
		if len(to) == largest {
			return false
		}
		room = max(room, len(to))
	}
}
