package oso

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash"
	"hash/crc32"
	"io"

	"backstitch/replay/foreign"
	"backstitch/replay/record"
	"backstitch/replay/source"

	"github.com/pierrec/lz4/v4"
)

// A segment, little endian:
//
//	magic "KBAK" | version u8 1 | codec u8: 0 none, 1 zstd, 2 lz4 | 2 reserved | records u64 | first i64 | last i64
//	body: records, compressed as a whole; lz4 is one block with its size, u32, in front
//	crc32 u32 (IEEE) of all before | magic "BKAE"
//
// A record: length u32 of what follows | timestamp i64 | offset i64 | key i32 and bytes | value i32 and bytes | headers u16,
// each key u16 and bytes, value i32 and bytes. A length of -1 is null.
const (
	headLen  = 32
	footLen  = 8
	lenBytes = 4
	// maxBlock bounds an lz4 body, which can only be decompressed as a whole.
	maxBlock = 256 << 20
)

var (
	magic    = []byte("KBAK")
	magicEnd = []byte("BKAE")
	le       = binary.LittleEndian
)

// segment decodes one object.
type segment struct {
	foreign.Records
	stored      io.Reader
	body        io.Reader // what is left of the body, as stored
	sum         hash.Hash32
	count, seen uint64
	first, last int64
}

func open(o *foreign.Object) (foreign.Decoder, error) {
	s := &segment{stored: o.Stored(), sum: crc32.NewIEEE()}
	var head [headLen]byte
	if _, err := io.ReadFull(s.stored, head[:]); err != nil {
		return nil, truncated(err)
	}
	switch {
	case !bytes.Equal(head[:4], magic):
		return nil, foreign.Foreign("it does not begin like a segment")
	case head[4] != 1:
		return nil, foreign.Foreign("segment of version %d, this program knows 1", head[4])
	case o.Size < headLen+footLen:
		return nil, foreign.Corrupt("a segment of %d bytes", o.Size)
	}
	s.sum.Write(head[:])
	s.count, s.first, s.last = le.Uint64(head[8:]), int64(le.Uint64(head[16:])), int64(le.Uint64(head[24:]))
	if s.count > 0 && o.Name.First >= 0 && s.first != o.Name.First {
		return nil, foreign.Foreign("it begins at %d, its name says %d", s.first, o.Name.First)
	}
	s.body = io.TeeReader(io.LimitReader(s.stored, o.Size-headLen-footLen), s.sum)
	content, err := s.content(o, head[5])
	if err != nil {
		return nil, err
	}
	s.Records = o.Cut(content, frames(o.Limits.MaxRecordBytes))
	return s, nil
}

func truncated(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return &foreign.Damage{Code: source.CodeTruncated, Err: io.ErrUnexpectedEOF}
	}
	return err
}

func (s *segment) content(o *foreign.Object, codec byte) (io.Reader, error) {
	switch codec {
	case 0:
		return s.body, nil
	case 1:
		return o.Content(s.body, ".zst")
	case 2:
		return s.block()
	}
	return nil, foreign.Corrupt("compression %d is not known", codec)
}

// block decompresses an lz4 body.
func (s *segment) block() (io.Reader, error) {
	raw, err := io.ReadAll(io.LimitReader(s.body, maxBlock+1))
	if err != nil {
		return nil, truncated(err)
	}
	if len(raw) < 4 {
		return nil, foreign.Corrupt("an lz4 body of %d bytes", len(raw))
	}
	size := int64(le.Uint32(raw))
	// One byte of lz4 stands for 255 at most, so a larger size is a lie, and would take its memory before that is found out.
	if size > maxBlock || len(raw) > maxBlock || size > 255*int64(len(raw)) {
		return nil, &foreign.Damage{Code: source.CodeTooLarge, Err: errors.New("the segment decompresses to more than the ceiling")}
	}
	out := make([]byte, size)
	n, err := lz4.UncompressBlock(raw[4:], out)
	if err != nil || int64(n) != size {
		return nil, foreign.Corrupt("the lz4 body has %d of %d bytes", n, size)
	}
	return bytes.NewReader(out), nil
}

// frames splits records by the length in front of them, which the piece keeps.
func frames(most int) foreign.Split {
	return func(data []byte, _ bool) (int, []byte, error) {
		if len(data) < lenBytes {
			return 0, nil, nil
		}
		n := int64(le.Uint32(data)) + lenBytes
		switch {
		case n > int64(most):
			return 0, nil, &foreign.Damage{Code: source.CodeTooLarge, Err: errors.New("a record is longer than the ceiling")}
		case n > int64(len(data)):
			return 0, nil, nil
		}
		return int(n), data[:n:n], nil
	}
}

// Next reads a record, and the footer after the last one.
func (s *segment) Next(r *record.Record) error {
	piece, err := s.Records.Next()
	if errors.Is(err, io.EOF) {
		return s.end()
	}
	if err != nil {
		return whole(err)
	}
	if s.seen++; s.seen > s.count {
		return foreign.Corrupt("more than the %d records that its header counts", s.count)
	}
	p := parser{b: piece[lenBytes:]}
	r.TimestampMs, r.Offset = p.i64(), p.i64()
	r.Key, r.Value = p.part(), p.part()
	for range p.u16() {
		key := p.take(int64(p.u16()))
		r.Headers = append(r.Headers, record.Header{Key: string(key), Value: p.part()})
		if p.bad {
			break
		}
	}
	if p.bad || len(p.b) > 0 {
		return foreign.Corrupt("record %d is not as long as it says", s.seen)
	}
	if r.Offset < s.first || r.Offset > s.last {
		return foreign.Foreign("it holds offset %d, its header says [%d,%d]", r.Offset, s.first, s.last)
	}
	return nil
}

// whole makes a cut into damage of all of the segment: its checksum lies behind the cut.
func whole(err error) error {
	var d *foreign.Damage
	if errors.As(err, &d) && d.Code == source.CodeTruncated {
		return foreign.Corrupt("it was not written to its end: %w", d.Err)
	}
	return err
}

// Skip is Next for nobody: records have offsets of their own.
func (s *segment) Skip() error {
	var r record.Record
	return s.Next(&r)
}

func (s *segment) end() error {
	if _, err := io.Copy(io.Discard, s.body); err != nil {
		return truncated(err)
	}
	var foot [footLen]byte
	if _, err := io.ReadFull(s.stored, foot[:]); err != nil {
		return truncated(err)
	}
	switch {
	case !bytes.Equal(foot[4:], magicEnd):
		return foreign.Corrupt("it has no footer: it was not written to its end")
	case le.Uint32(foot[:]) != s.sum.Sum32():
		return foreign.Corrupt("its checksum does not fit")
	case s.seen != s.count:
		return foreign.Corrupt("it holds %d records, its header counts %d", s.seen, s.count)
	}
	return io.EOF
}

// parser takes fields off a record; bad is set when one is longer than what is left.
type parser struct {
	b   []byte
	bad bool
}

func (p *parser) take(n int64) []byte {
	if p.bad || n > int64(len(p.b)) {
		p.bad = true
		return nil
	}
	out := p.b[:n:n]
	p.b = p.b[n:]
	return out
}

func (p *parser) u16() uint16 {
	if b := p.take(2); b != nil {
		return le.Uint16(b)
	}
	return 0
}

func (p *parser) i32() int32 {
	if b := p.take(4); b != nil {
		return int32(le.Uint32(b))
	}
	return 0
}

func (p *parser) i64() int64 {
	if b := p.take(8); b != nil {
		return int64(le.Uint64(b))
	}
	return 0
}

// part is bytes with their length, nil for null.
func (p *parser) part() []byte {
	n := p.i32()
	switch {
	case n == -1:
		return nil
	case n < 0:
		p.bad = true
		return nil
	}
	return p.take(int64(n))
}
