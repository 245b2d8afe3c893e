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
	payload, buf, err := d.payload(batch, h)
	if err != nil {
		return err
	}
	if buf == nil {
		buf = raw.Use()
	}
	slab.Keep(buf)
	return decodeRecords(slab, payload, h, from, want)
}

// Walk calls f for the records that Decode appends. What f is given is valid during the call only. An error may come after some calls.
func (d *Decoder) Walk(batch []byte, h *Header, from partition.Offset, want partition.Ranges, f func(*record.Record)) error {
	payload, buf, err := d.payload(batch, h)
	if err != nil {
		return err
	}
	if buf != nil {
		defer buf.Done()
	}
	w, err := newWalker(payload, h, from, want)
	if err != nil {
		return err
	}
	var rec record.Record
	var headers []record.Header
	for w.left > 0 {
		headers = headers[:0]
		_, wanted, err := w.next(&rec, &headers)
		if err != nil {
			return err
		}
		if wanted {
			f(&rec)
		}
	}
	return w.end()
}

// payload is the batch without its header, decompressed into buf; nil where it was not compressed.
func (d *Decoder) payload(batch []byte, h *Header) (payload []byte, buf *record.Buffer, err error) {
	payload = batch[HeaderLen:h.Length]
	codec := h.Codec()
	if codec == CodecNone {
		return payload, nil, nil
	}
	if buf, err = d.codecs.decompress(codec, payload); err != nil {
		return nil, nil, fmt.Errorf("batch at %d: %w", h.BaseOffset, err)
	}
	return buf.B, buf, nil
}

// minRecordLen is the length in bytes of a record with null key, null value and no headers, its own length included.
const minRecordLen = 7

func decodeRecords(slab *record.Slab, payload []byte, h *Header, from partition.Offset, want partition.Ranges) error {
	w, err := newWalker(payload, h, from, want)
	if err != nil {
		return err
	}
	if w.all {
		slab.Grow(int(h.Count))
	}
	for w.left > 0 {
		n, first := len(slab.Records), len(slab.Headers)
		bytes, wanted, err := w.next(slab.Next(), &slab.Headers)
		if err != nil || !wanted {
			slab.Records, slab.Headers = slab.Records[:n], slab.Headers[:first]
		}
		if err != nil {
			return err
		}
		if wanted {
			slab.Count(bytes)
		}
	}
	return w.end()
}

// walker goes through the records of a batch.
type walker struct {
	payload []byte
	h       *Header
	from    partition.Offset
	want    partition.Ranges
	all     bool // every record is wanted

	at   int   // in payload
	left int32 // records
	last int64 // offset delta of the record before
}

func newWalker(payload []byte, h *Header, from partition.Offset, want partition.Ranges) (walker, error) {
	if int64(h.Count)*minRecordLen > int64(len(payload)) {
		return walker{}, fmt.Errorf("%w: %d records in %d bytes at %d", ErrCorrupt, h.Count, len(payload), h.BaseOffset)
	}
	all := h.BaseOffset >= from && (want == nil || whole(want, h))
	return walker{payload: payload, h: h, from: from, want: want, all: all, left: h.Count, last: -1}, nil
}

// next reads the next record, of which there must be one, into rec, every field of it, with its headers behind those in headers. It
// returns the size of keys, values and headers. Of a record that is not wanted nothing is valid.
func (w *walker) next(rec *record.Record, headers *[]record.Header) (bytes int, wanted bool, err error) {
	i := w.h.Count - w.left
	size, begin := varint(w.payload, w.at)
	if begin > len(w.payload) || size < 0 || size > int64(len(w.payload)-begin) {
		return 0, false, fmt.Errorf("%w: record %d of the batch at %d: bad length", ErrCorrupt, i, w.h.BaseOffset)
	}
	w.at = begin + int(size)
	b := w.payload[begin:w.at:w.at]
	// The first byte is attributes, of which Kafka uses none.
	tsDelta, p := varint(b, 1)
	offDelta, p := varint(b, p)
	key, p := nullable(b, p)
	value, p := nullable(b, p)
	n, p := varint(b, p)
	switch {
	case p > len(b) || n < 0 || n*2 > int64(len(b)-p):
		return 0, false, fmt.Errorf("%w: record %d of the batch at %d", ErrCorrupt, i, w.h.BaseOffset)
	case offDelta <= w.last || offDelta > int64(w.h.LastOffsetDelta):
		return 0, false, fmt.Errorf("%w: record %d of the batch at %d: offset delta %d after %d", ErrCorrupt, i, w.h.BaseOffset, offDelta, w.last)
	}
	w.last = offDelta
	first := len(*headers)
	bytes = len(key) + len(value)
	for range n {
		var hk, hv []byte
		hk, p = nullable(b, p)
		hv, p = nullable(b, p)
		if p > len(b) || hk == nil {
			return 0, false, fmt.Errorf("%w: header of record %d of the batch at %d", ErrCorrupt, i, w.h.BaseOffset)
		}
		*headers = append(*headers, record.Header{Key: record.BorrowString(hk), Value: hv})
		bytes += len(hk) + len(hv)
	}
	if p != len(b) {
		return 0, false, fmt.Errorf("%w: record %d of the batch at %d: %d bytes left over", ErrCorrupt, i, w.h.BaseOffset, len(b)-p)
	}
	w.left--
	offset := w.h.BaseOffset + offDelta
	if !w.all && (offset < w.from || (w.want != nil && !w.want.Contains(offset))) {
		return 0, false, nil
	}
	rec.Offset, rec.Key, rec.Value = offset, key, value
	rec.TimestampMs, rec.TimestampType = w.h.BaseTimestamp+tsDelta, record.CreateTime
	if w.h.LogAppendTime() {
		rec.TimestampMs, rec.TimestampType = w.h.MaxTimestamp, record.LogAppendTime
	}
	rec.Headers = nil
	if n > 0 {
		rec.Headers = (*headers)[first:len(*headers):len(*headers)]
	}
	return bytes, true, nil
}

// end reports what is left over behind the last record.
func (w *walker) end() error {
	if w.at != len(w.payload) {
		return fmt.Errorf("%w: batch at %d: %d bytes after the last record", ErrCorrupt, w.h.BaseOffset, len(w.payload)-w.at)
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
