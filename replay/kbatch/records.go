package kbatch

import (
	"encoding/binary"
	"fmt"
	"slices"

	"backstitch/partition"
	"backstitch/replay/record"
)

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
	r := reader{b: payload}
	last := int64(-1)
	all := h.BaseOffset >= from && (want == nil || whole(want, h))
	appended, fixed := h.MaxTimestamp, h.LogAppendTime()
	for i := range h.Count {
		size := r.varint()
		if r.bad || size < 0 || size > int64(len(r.b)) {
			return fmt.Errorf("%w: record %d of the batch at %d: bad length", ErrCorrupt, i, h.BaseOffset)
		}
		rr := reader{b: r.b[:size:size]}
		r.b = r.b[size:]
		rr.skip(1)
		tsDelta, offDelta := rr.varint(), rr.varint()
		key, value := rr.nullable(), rr.nullable()
		headers := rr.varint()
		switch {
		case rr.bad || headers < 0 || headers*2 > int64(len(rr.b)):
			return fmt.Errorf("%w: record %d of the batch at %d", ErrCorrupt, i, h.BaseOffset)
		case offDelta <= last || offDelta > int64(h.LastOffsetDelta):
			return fmt.Errorf("%w: record %d of the batch at %d: offset delta %d after %d", ErrCorrupt, i, h.BaseOffset, offDelta, last)
		}
		last = offDelta
		rec := record.Record{Offset: h.BaseOffset + offDelta, TimestampMs: h.BaseTimestamp + tsDelta, Key: key, Value: value}
		if fixed {
			rec.TimestampMs, rec.TimestampType = appended, record.LogAppendTime
		}
		first := len(slab.Headers)
		for range headers {
			hk := rr.nullable()
			hv := rr.nullable()
			if rr.bad || hk == nil {
				return fmt.Errorf("%w: header of record %d of the batch at %d", ErrCorrupt, i, h.BaseOffset)
			}
			slab.Headers = append(slab.Headers, record.Header{Key: record.BorrowString(hk), Value: hv})
		}
		if len(rr.b) != 0 {
			return fmt.Errorf("%w: record %d of the batch at %d: %d bytes left over", ErrCorrupt, i, h.BaseOffset, len(rr.b))
		}
		if !all && (rec.Offset < from || (want != nil && !want.Contains(rec.Offset))) {
			slab.Headers = slab.Headers[:first]
			continue
		}
		if headers > 0 {
			rec.Headers = slab.Headers[first:len(slab.Headers):len(slab.Headers)]
		}
		slab.Append(rec)
	}
	if len(r.b) != 0 {
		return fmt.Errorf("%w: batch at %d: %d bytes after the last record", ErrCorrupt, h.BaseOffset, len(r.b))
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

// reader takes fields off the front of b. Once a field does not fit it is bad, and every later field is zero.
type reader struct {
	b   []byte
	bad bool
}

// varint reads a zig-zag varint of up to 64 bits; Kafka's timestamp deltas need more than 32.
func (r *reader) varint() int64 {
	// Nearly every one is of one byte, or of two: lengths, and deltas inside a batch.
	if len(r.b) > 1 {
		a, b := uint64(r.b[0]), uint64(r.b[1])
		if a < 0x80 {
			r.b = r.b[1:]
			return int64(a>>1) ^ -int64(a&1)
		}
		if b < 0x80 {
			a = a&0x7f | b<<7
			r.b = r.b[2:]
			return int64(a>>1) ^ -int64(a&1)
		}
	}
	return r.long()
}

func (r *reader) long() int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) skip(n int) {
	if len(r.b) < n {
		r.bad, r.b = true, nil
		return
	}
	r.b = r.b[n:]
}

var empty = []byte{}

// nullable reads a length and that many bytes; length -1 is null.
func (r *reader) nullable() []byte {
	n := r.varint()
	switch {
	case n == -1 || r.bad:
		return nil
	case n < -1 || n > int64(len(r.b)):
		r.bad, r.b = true, nil
		return nil
	case n == 0:
		return empty
	}
	b := r.b[:n:n]
	r.b = r.b[n:]
	return b
}
