package kbatch

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// HeaderLen is the length of a batch's fixed part in bytes.
const HeaderLen = 61

// lengthFieldEnd is where the bytes that the length field counts begin.
const lengthFieldEnd = 12

var (
	// ErrShort says that the bytes end before the batch does. At the end of a fetch that is normal.
	ErrShort = errors.New("batch is cut short")
	// ErrCorrupt says that the bytes are not a batch.
	ErrCorrupt = errors.New("corrupt batch")
	// ErrTooLarge says that a batch decompresses to more than the ceiling.
	ErrTooLarge = errors.New("batch decompresses to more than the ceiling")
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Header is the fixed part of a batch.
type Header struct {
	BaseOffset      int64
	Length          int // bytes of the whole batch, header included
	LeaderEpoch     int32
	CRC             uint32
	Attributes      int16
	LastOffsetDelta int32
	BaseTimestamp   int64 // milliseconds, of the first record as it was produced
	MaxTimestamp    int64 // milliseconds
	ProducerID      int64 // -1 for none
	ProducerEpoch   int16
	BaseSequence    int32
	Count           int32
}

// Codec is the compression codec's number.
func (h *Header) Codec() int { return int(h.Attributes & 7) }

// LogAppendTime reports whether the broker overwrote the timestamps with MaxTimestamp.
func (h *Header) LogAppendTime() bool { return h.Attributes&(1<<3) != 0 }

// Transactional reports whether the batch was written in a transaction.
func (h *Header) Transactional() bool { return h.Attributes&(1<<4) != 0 }

// Control reports whether the batch is a transaction marker and not data.
func (h *Header) Control() bool { return h.Attributes&(1<<5) != 0 }

// LastOffset is the last offset that the batch takes, whether or not a record is left there.
func (h *Header) LastOffset() int64 { return h.BaseOffset + int64(h.LastOffsetDelta) }

// ParseHeader reads the header of the batch that b begins with. It returns ErrShort if b does not hold the whole batch.
func ParseHeader(b []byte) (Header, error) {
	if len(b) < HeaderLen {
		return Header{}, ErrShort
	}
	be := binary.BigEndian
	rest := int32(be.Uint32(b[8:]))
	if magic := b[16]; magic != 2 {
		return Header{}, fmt.Errorf("%w: message format %d, want 2", ErrCorrupt, int8(magic))
	}
	if rest < HeaderLen-lengthFieldEnd {
		return Header{}, fmt.Errorf("%w: length %d", ErrCorrupt, rest)
	}
	h := Header{
		BaseOffset:      int64(be.Uint64(b)),
		Length:          lengthFieldEnd + int(rest),
		LeaderEpoch:     int32(be.Uint32(b[12:])),
		CRC:             be.Uint32(b[17:]),
		Attributes:      int16(be.Uint16(b[21:])),
		LastOffsetDelta: int32(be.Uint32(b[23:])),
		BaseTimestamp:   int64(be.Uint64(b[27:])),
		MaxTimestamp:    int64(be.Uint64(b[35:])),
		ProducerID:      int64(be.Uint64(b[43:])),
		ProducerEpoch:   int16(be.Uint16(b[51:])),
		BaseSequence:    int32(be.Uint32(b[53:])),
		Count:           int32(be.Uint32(b[57:])),
	}
	switch {
	case h.BaseOffset < 0 || h.LastOffsetDelta < 0 || h.BaseOffset > 1<<62:
		return Header{}, fmt.Errorf("%w: offsets %d+%d", ErrCorrupt, h.BaseOffset, h.LastOffsetDelta)
	case h.Count < 0 || int64(h.Count) > int64(h.LastOffsetDelta)+1:
		return Header{}, fmt.Errorf("%w: %d records in %d offsets", ErrCorrupt, h.Count, int64(h.LastOffsetDelta)+1)
	case len(b) < h.Length:
		return h, ErrShort
	}
	return h, nil
}

// CheckCRC compares the checksum of a whole batch with the one in its header.
func CheckCRC(batch []byte, h *Header) error {
	if got := crc32.Checksum(batch[21:h.Length], castagnoli); got != h.CRC {
		return fmt.Errorf("%w: crc32c %08x, want %08x", ErrCorrupt, got, h.CRC)
	}
	return nil
}

// Committed reports, for the payload of a control batch, whether it ends a transaction by commit. ok is false for a marker of
// a kind that does not end one.
func Committed(batch []byte, h *Header) (commit, ok bool) {
	b := batch[HeaderLen:h.Length]
	_, at := varint(b, 0)   // length
	_, at = varint(b, at+1) // timestamp delta, behind the attributes
	_, at = varint(b, at)   // offset delta
	key, at := nullable(b, at)
	if at > len(b) || len(key) < 4 {
		return false, false
	}
	switch binary.BigEndian.Uint16(key[2:]) {
	case 0:
		return false, true
	case 1:
		return true, true
	}
	return false, false
}
