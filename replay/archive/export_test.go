package archive

import (
	"encoding/binary"

	"github.com/zeebo/xxh3"
)

// rehash makes the footer's hash fit what it covers, in place.
func rehash(b []byte) []byte {
	if len(b) < TrailerLen {
		return b
	}
	n := int(binary.BigEndian.Uint32(b[len(b)-TrailerLen:]))
	if at := len(b) - TrailerLen - n; n >= 0 && at >= 0 {
		sum := xxh3.Hash128(b[at : len(b)-24]).Bytes()
		copy(b[len(b)-24:], sum[:])
		copy(b[len(b)-8:], tailMagic[:])
	}
	return b
}
