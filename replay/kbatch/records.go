package kbatch

import (
	"encoding/binary"
	"fmt"
	"slices"

	"backstitch/partition"
	"backstitch/replay/record"
)

// Records of a batch are told apart by lengths alone, and a scan comes here once for each. So a field is read at a place in the payload
// and not off the front of a slice, which would be written back for every field, and a record is filled where it will lie.

// Decoder decodes batches. It is safe for concurrent use.
type Decoder struct{ codecs *codecs }

// DefaultCeiling bounds what one batch may decompress to, in bytes. Brokers refuse batches over 1 MiB by default, before
// compression was undone; a thousandfold ratio is an attack or damage.
const DefaultCeiling = 256 << 20

// NewDecoder returns a decoder whose batches may decompress to at most ceiling bytes; 0 means DefaultCeiling.
func NewDecoder(ceiling int) *Decoder {
	if ceiling <= 0 {
		ceiling = DefaultCeiling
	}
	return &Decoder{codecs: newCodecs(ceiling)}
}

// Decode appends to slab those records of batch whose offset is at least from and in want; a nil want wants all. raw holds
// batch; it is kept by the slab where records point into it. Offsets must rise strictly inside a batch.
func (d *Decoder) Decode(slab *record.Slab, raw *record.Buffer, batch []byte, h *Header, from partition.Offset, want partition.Ranges) error {
	payload := batch[HeaderLen:h.Length]
	if codec := h.Codec(); codec != 0 {
		buf, err := d.codecs.decompress(codec, payload)
		if err != nil {
			return fmt.Errorf("batch at %d: %w", h.BaseOffset, err)
		}
		payload = buf.B
		slab.Keep(buf)
	} else {
		slab.Keep(raw.Use())
	}
	return decodeRecords(slab, payload, h, from, want)
}

// minRecordLen is the length in bytes of a record with null key, null value and no headers, its own length included.
const minRecordLen = 7

func decodeRecords(slab *record.Slab, payload []byte, h *Header, from partition.Offset, want partition.Ranges) error {
	if int64(h.Count)*minRecordLen > int64(len(payload)) {
		return fmt.Errorf("%w: %d records in %d bytes at %d", ErrCorrupt, h.Count, len(payload), h.BaseOffset)
	}
	last, at, appended := int64(-1), 0, h.LogAppendTime()
	all := h.BaseOffset >= from && (want == nil || whole(want, h))
	if all {
		slab.Grow(int(h.Count))
	}
	for i := range h.Count {
		size, begin := varint(payload, at)
		if begin > len(payload) || size < 0 || size > int64(len(payload)-begin) {
			return fmt.Errorf("%w: record %d of the batch at %d: bad length", ErrCorrupt, i, h.BaseOffset)
		}
		at = begin + int(size)
		b := payload[begin:at:at]
		// The first byte is attributes, of which Kafka uses none.
		tsDelta, p := varint(b, 1)
		offDelta, p := varint(b, p)
		key, p := nullable(b, p)
		value, p := nullable(b, p)
		headers, p := varint(b, p)
		switch {
		case p > len(b) || headers < 0 || headers*2 > int64(len(b)-p):
			return fmt.Errorf("%w: record %d of the batch at %d", ErrCorrupt, i, h.BaseOffset)
		case offDelta <= last || offDelta > int64(h.LastOffsetDelta):
			return fmt.Errorf("%w: record %d of the batch at %d: offset delta %d after %d", ErrCorrupt, i, h.BaseOffset, offDelta, last)
		}
		last = offDelta
		first, bytes := len(slab.Headers), len(key)+len(value)
		for range headers {
			var hk, hv []byte
			hk, p = nullable(b, p)
			hv, p = nullable(b, p)
			if p > len(b) || hk == nil {
				return fmt.Errorf("%w: header of record %d of the batch at %d", ErrCorrupt, i, h.BaseOffset)
			}
			slab.Headers = append(slab.Headers, record.Header{Key: record.BorrowString(hk), Value: hv})
			bytes += len(hk) + len(hv)
		}
		if p != len(b) {
			return fmt.Errorf("%w: record %d of the batch at %d: %d bytes left over", ErrCorrupt, i, h.BaseOffset, len(b)-p)
		}
		offset := h.BaseOffset + offDelta
		if !all && (offset < from || (want != nil && !want.Contains(offset))) {
			slab.Headers = slab.Headers[:first]
			continue
		}
		rec := slab.Next()
		rec.Offset, rec.Key, rec.Value = offset, key, value
		rec.TimestampMs, rec.TimestampType = h.BaseTimestamp+tsDelta, record.CreateTime
		if appended {
			rec.TimestampMs, rec.TimestampType = h.MaxTimestamp, record.LogAppendTime
		}
		rec.Headers = nil
		if headers > 0 {
			rec.Headers = slab.Headers[first:len(slab.Headers):len(slab.Headers)]
		}
		slab.Count(bytes)
	}
	if at != len(payload) {
		return fmt.Errorf("%w: batch at %d: %d bytes after the last record", ErrCorrupt, h.BaseOffset, len(payload)-at)
	}
	return nil
}

// whole reports whether every offset of a batch is in one range of want.
func whole(want partition.Ranges, h *Header) bool {
	i, _ := slices.BinarySearchFunc(want, h.BaseOffset, func(r partition.Range, o partition.Offset) int {
		if r.To <= o {
			return -1
		}
		return 1
	})
	return i < len(want) && h.BaseOffset >= want[i].From && h.LastOffset() < want[i].To
}

// varint reads a zig-zag varint of up to 64 bits at b[at]; Kafka's timestamp deltas need more than 32. It returns the place behind it.
// One that does not fit gives a place beyond the end of b, as does every field that is read there, so that a caller looks once.
func varint(b []byte, at int) (v int64, next int) {
	if at+1 < len(b) { // lengths and deltas inside a batch are nearly always of one byte, or of two
		if c := b[at]; c < 0x80 {
			return int64(c>>1) ^ -int64(c&1), at + 1
		}
		if c := b[at+1]; c < 0x80 {
			u := uint64(b[at]&0x7f) | uint64(c)<<7
			return int64(u>>1) ^ -int64(u&1), at + 2
		}
	}
	if at < len(b) {
		if v, n := binary.Varint(b[at:]); n > 0 {
			return v, at + n
		}
	}
	return 0, len(b) + 1
}

var empty = []byte{}

// nullable reads a length at b[at] and that many bytes; length -1 is null.
func nullable(b []byte, at int) (field []byte, next int) {
	if at < len(b) && b[at]&0x81 == 0 { // a length of up to 63, which needs no more unravelling
		n := int(b[at] >> 1)
		if next = at + 1 + n; n > 0 && next <= len(b) {
			return b[at+1 : next : next], next
		}
	}
	n, at := varint(b, at)
	switch {
	case n == -1 || at > len(b):
		return nil, at
	case n < -1 || n > int64(len(b)-at):
		return nil, len(b) + 1
	case n == 0:
		return empty, at
	}
	next = at + int(n)
	return b[at:next:next], next
}
