package parquetfile

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// One page: its header, its checksum, what it decompresses to, and whether that holds what the header says.

const (
	// maxPageValues bounds the values of a page: a column of nulls has millions of them in a few bytes.
	maxPageValues = 1 << 24
	// maxHeaderBytes bounds a page's header, in which the least and the largest value may stand.
	maxHeaderBytes = 16 << 20
)

// plainDictionary is the older name of what pages with a dictionary are in, which writers of the first version of the format still use.
const plainDictionary format.Encoding = 2

// pages are those of one column chunk, one after the other.
type pages struct {
	*group
	leaf  leafLevels
	codec format.CompressionCodec

	values, rows  int64
	most          int64 // what the largest page takes, the dictionary included
	dictionary    int64
	plain         []byte // used again
	hasDictionary bool
	wasDictionary bool // the page that next unpacked last
}

// next unpacks the page that b begins with and returns how long it is, header included.
func (p *pages) next(b []byte) (int64, error) {
	p.wasDictionary = false
	n, err := boundThrift(b[:min(len(b), maxHeaderBytes)])
	if err != nil {
		return 0, fmt.Errorf("header: %w", err)
	}
	var h format.PageHeader
	if err := thrift.Unmarshal(&thrift.CompactProtocol{}, b[:n:n], &h); err != nil {
		return 0, fmt.Errorf("header: %w: %w", ErrCorrupt, err)
	}
	if h.CompressedPageSize < 0 || h.UncompressedPageSize < 0 || int64(h.CompressedPageSize) > int64(len(b)-n) {
		return 0, fmt.Errorf("%d bytes that become %d, of %d that are left: %w", h.CompressedPageSize, h.UncompressedPageSize, len(b)-n, ErrCorrupt)
	}
	packed := b[n : n+int(h.CompressedPageSize)]
	length := int64(n) + int64(h.CompressedPageSize)
	if h.CRC != 0 {
		if got := crc32.ChecksumIEEE(packed); got != uint32(h.CRC) {
			return 0, fmt.Errorf("its checksum is %08x, it says %08x: %w", got, uint32(h.CRC), ErrCorrupt)
		}
	}
	if room := p.f.limits.GroupBytes - int64(len(p.out)); int64(h.UncompressedPageSize) > room {
		return 0, fmt.Errorf("its row group decompresses to more than %d bytes: %w", p.f.limits.GroupBytes, ErrLimit)
	}
	switch h.Type {
	case format.DictionaryPage:
		err = p.dictionaryPage(&h, packed)
	case format.DataPage:
		err = p.dataPage(&h, packed)
	case format.DataPageV2:
		err = p.dataPageV2(&h, packed)
	case format.IndexPage:
		return length, nil
	default:
		err = fmt.Errorf("type %s: %w", h.Type, ErrCorrupt)
	}
	if err != nil {
		return 0, err
	}
	return length, p.emit(&h)
}

// emit writes the page as it is now.
func (p *pages) emit(h *format.PageHeader) error {
	out := *h
	out.CRC, out.CompressedPageSize, out.UncompressedPageSize = 0, int32(len(p.page)), int32(len(p.page))
	out.DataPageHeader.V.Statistics, out.DataPageHeaderV2.V.Statistics = format.Statistics{}, format.Statistics{}
	head, err := thrift.Marshal(&thrift.CompactProtocol{}, &out)
	if err != nil {
		return fmt.Errorf("header: %w", err)
	}
	p.out = append(append(p.out, head...), p.page...)
	return nil
}

func (p *pages) dictionaryPage(h *format.PageHeader, packed []byte) (err error) {
	d := &h.DictionaryPageHeader.V
	switch {
	case !h.DictionaryPageHeader.Valid, p.hasDictionary, p.values > 0:
		return fmt.Errorf("a dictionary where none is to be: %w", ErrCorrupt)
	case d.NumValues < 0 || d.NumValues > maxPageValues:
		return fmt.Errorf("a dictionary of %d values: %w", d.NumValues, ErrLimit)
	case d.Encoding != format.Plain && d.Encoding != plainDictionary:
		return badEncoding(d.Encoding)
	}
	if p.page, err = p.f.codecs.inflate(p.page[:0], p.codec, packed, int(h.UncompressedPageSize)); err != nil {
		return err
	}
	p.hasDictionary, p.wasDictionary = true, true
	p.dictionary = 2*int64(len(p.page)) + openCost*int64(d.NumValues)
	p.most = p.dictionary
	return nil
}

// take adds up what a page of data holds.
func (p *pages) take(values, rows int64) {
	p.values += values
	p.rows += rows
	p.most = max(p.most, p.dictionary+2*int64(len(p.page))+openCost*values)
}

func checkValues(n int32) error {
	if n < 0 || n > maxPageValues {
		return fmt.Errorf("a page of %d values: %w", n, ErrLimit)
	}
	return nil
}

func (p *pages) dataPage(h *format.PageHeader, packed []byte) (err error) {
	d := &h.DataPageHeader.V
	if !h.DataPageHeader.Valid {
		return fmt.Errorf("it has no header of its kind: %w", ErrCorrupt)
	}
	if err := checkValues(d.NumValues); err != nil {
		return err
	}
	if p.page, err = p.f.codecs.inflate(p.page[:0], p.codec, packed, int(h.UncompressedPageSize)); err != nil {
		return err
	}
	rest, n := p.page, int(d.NumValues)
	rows, there := n, n
	if p.leaf.repetition > 0 {
		if rest, rows, err = levelsV1(rest, d.RepetitionLevelEncoding, p.leaf.repetition, n, 0); err != nil {
			return fmt.Errorf("repetition levels: %w", err)
		}
	}
	if p.leaf.definition > 0 {
		if rest, there, err = levelsV1(rest, d.DefinitionLevelEncoding, p.leaf.definition, n, p.leaf.definition); err != nil {
			return fmt.Errorf("definition levels: %w", err)
		}
	}
	if err := p.body(len(p.page)-len(rest), &d.Encoding, there); err != nil {
		return err
	}
	p.take(int64(n), int64(rows))
	return nil
}

// levelsV1 takes levels off that have their length in front, and counts those that are wanted.
func levelsV1(b []byte, encoding format.Encoding, most, n, wanted int) (rest []byte, found int, err error) {
	if encoding == format.BitPacked {
		return nil, 0, badEncoding(encoding) // it has no length, and nobody has written it for years
	}
	if encoding != format.RLE {
		return nil, 0, badEncoding(encoding)
	}
	if len(b) < 4 {
		return nil, 0, errShort
	}
	size := binary.LittleEndian.Uint32(b)
	if int64(size) > int64(len(b)-4) {
		return nil, 0, errShort
	}
	found, err = count(b[4:4+size], most, n, wanted)
	return b[4+size:], found, err
}

// count is how many of n levels are wanted. A level above most is an error.
func count(b []byte, most, n, wanted int) (found int, err error) {
	beyond := false
	err = runs(b, widthOf(most), n, func(v uint32, times int) {
		if int(v) == wanted {
			found += times
		}
		beyond = beyond || int(v) > most
	})
	if err == nil && beyond {
		err = fmt.Errorf("a level is above %d: %w", most, ErrCorrupt)
	}
	return found, err
}

func (p *pages) dataPageV2(h *format.PageHeader, packed []byte) (err error) {
	d := &h.DataPageHeaderV2.V
	if !h.DataPageHeaderV2.Valid {
		return fmt.Errorf("it has no header of its kind: %w", ErrCorrupt)
	}
	if err := checkValues(d.NumValues); err != nil {
		return err
	}
	rep, def := int64(d.RepetitionLevelsByteLength), int64(d.DefinitionLevelsByteLength)
	levels := rep + def
	if rep < 0 || def < 0 || levels > int64(len(packed)) || levels > int64(h.UncompressedPageSize) {
		return fmt.Errorf("levels of %d and %d bytes in %d: %w", rep, def, len(packed), ErrCorrupt)
	}
	codec := p.codec
	if d.IsCompressed.Valid && !d.IsCompressed.V {
		codec = format.Uncompressed
	}
	p.page = append(p.page[:0], packed[:levels]...)
	if len(packed) > int(levels) || int(h.UncompressedPageSize) > int(levels) {
		if p.page, err = p.f.codecs.inflate(p.page, codec, packed[levels:], int(h.UncompressedPageSize)-int(levels)); err != nil {
			return err
		}
	}
	n := int(d.NumValues)
	rows, there := n, n
	if p.leaf.repetition > 0 {
		if rows, err = count(p.page[:rep], p.leaf.repetition, n, 0); err != nil {
			return fmt.Errorf("repetition levels: %w", err)
		}
	}
	if p.leaf.definition > 0 {
		if there, err = count(p.page[rep:levels], p.leaf.definition, n, p.leaf.definition); err != nil {
			return fmt.Errorf("definition levels: %w", err)
		}
	}
	if int(d.NumNulls) != n-there || int(d.NumRows) != rows {
		return fmt.Errorf("%d nulls and %d rows, its header says %d and %d: %w", n-there, rows, d.NumNulls, d.NumRows, ErrCorrupt)
	}
	d.IsCompressed.V, d.IsCompressed.Valid = false, true
	if err := p.body(int(levels), &d.Encoding, there); err != nil {
		return err
	}
	p.take(int64(n), int64(rows))
	return nil
}

func badEncoding(e format.Encoding) error {
	return fmt.Errorf("encoding %s is not read: %w", e, ErrCodec)
}

// body looks at the values of a page, of which there are n that are not null.
func (p *pages) body(at int, encoding *format.Encoding, n int) error {
	b := p.page[at:]
	switch *encoding {
	case format.Plain, format.ByteStreamSplit:
		return nil
	case plainDictionary, format.RLEDictionary:
		switch {
		case !p.hasDictionary:
			return fmt.Errorf("it has no dictionary: %w", ErrCorrupt)
		case len(b) == 0 && n == 0:
			// Some writers leave out the width where all is null, and the library asks for it.
			p.page = append(p.page, 0)
			return nil
		case len(b) == 0:
			return errShort
		}
		return runs(b[1:], int(b[0]), n, func(uint32, int) {})
	case format.RLE:
		return p.booleans(at, encoding, n)
	case format.DeltaBinaryPacked, format.DeltaLengthByteArray:
		got, err := deltas(b, n)
		if err == nil && got != n {
			err = fmt.Errorf("%d values where %d are to be: %w", got, n, ErrCorrupt)
		}
		if err != nil && n == 0 && len(b) == 0 {
			return nil
		}
		return err
	case format.DeltaByteArray:
		return p.repeating(at, encoding, n)
	}
	return badEncoding(*encoding)
}

// repeating writes values that repeat each other as plain ones.
func (p *pages) repeating(at int, encoding *format.Encoding, n int) error {
	plain, err := plainBytes(p.plain[:0], p.page[at:], p.leaf.kind, n, p.f.limits.GroupBytes-int64(len(p.out))-int64(at))
	p.plain = plain
	if err != nil {
		return err
	}
	p.page = append(p.page[:at], plain...)
	*encoding = format.Plain
	return nil
}

// booleans writes runs as bits: the library takes the value of a run for eight bits.
func (p *pages) booleans(at int, encoding *format.Encoding, n int) error {
	b := p.page[at:]
	if p.leaf.kind != format.Boolean {
		return badEncoding(*encoding)
	}
	if len(b) < 4 || int64(binary.LittleEndian.Uint32(b)) > int64(len(b)-4) {
		return errShort
	}
	bits := make([]byte, (n+7)/8)
	i := 0
	err := runs(b[4:4+binary.LittleEndian.Uint32(b)], 1, n, func(v uint32, times int) {
		for range times {
			bits[i/8] |= byte(v&1) << (i % 8)
			i++
		}
	})
	if err != nil {
		return err
	}
	p.page = append(p.page[:at], bits...)
	*encoding = format.Plain
	return nil
}
