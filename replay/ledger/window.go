package ledger

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"

	"backstitch/partition"
	"backstitch/replay/record"
)

// windowRecords is how many records a window holds at most.
const windowRecords = 1024

// ErrDamaged says that a ledger file, or a window in it, is not what was written.
var ErrDamaged = errors.New("ledger is damaged")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// entry is one record of one side.
type entry struct {
	offset partition.Offset
	ms     int64
	digest record.Digest
	origin []byte // value of the header that says where a refilled record came from; nil for none
}

// window is a stretch of positions that was read to its end, and the place of its entries.
type window struct {
	Range   partition.Range
	Records int64
	Bytes   int64 // keys, values and headers
	MinMs   int64 // of timestamps; both zero without records
	MaxMs   int64
	Sum     record.Sum // of the digests' hashes

	file     io.ReaderAt
	at, size int64 // of the entries in file, with their checksum
	old      bool  // an earlier scan read it
	counted  bool  // as vouched for
}

// summarise fills in what a window's entries come to.
func summarise(r partition.Range, entries []entry) window {
	w := window{Range: r, Records: int64(len(entries))}
	for i := range entries {
		e := &entries[i]
		w.Bytes += e.digest.Bytes
		w.Sum.Add(e.digest.Hash)
		if i == 0 {
			w.MinMs, w.MaxMs = e.ms, e.ms
		}
		w.MinMs, w.MaxMs = min(w.MinMs, e.ms), max(w.MaxMs, e.ms)
	}
	return w
}

// encode writes the entries of a window.
func encode(r partition.Range, entries []entry) []byte {
	out := make([]byte, 0, 26*len(entries)+crc32.Size)
	next, ms := r.From, int64(0)
	for i := range entries {
		e := &entries[i]
		out = binary.AppendUvarint(out, uint64(e.offset-next))
		out = binary.AppendVarint(out, e.ms-ms) // wraps around, and back
		out = binary.AppendUvarint(out, uint64(e.digest.Bytes))
		own := uint64(e.digest.Bytes-e.digest.Size) << 1
		if e.digest.Framed {
			own |= 1
		}
		out = binary.AppendUvarint(out, own)
		if e.origin == nil {
			out = binary.AppendUvarint(out, 0)
		} else {
			out = binary.AppendUvarint(out, uint64(len(e.origin))+1)
			out = append(out, e.origin...)
		}
		out = append(out, e.digest.Hash[:]...)
		next, ms = e.offset+1, e.ms
	}
	return binary.BigEndian.AppendUint32(out, crc32.Checksum(out, castagnoli))
}

// load reads the entries of w back and makes sure that they are those that were summed up.
func (w *window) load() ([]entry, error) {
	raw := make([]byte, w.size)
	if _, err := w.file.ReadAt(raw, w.at); err != nil {
		return nil, fmt.Errorf("window %s: %w: %w", w.Range, ErrDamaged, err)
	}
	entries, err := decode(raw, w.Range, w.Records)
	if err != nil {
		return nil, fmt.Errorf("window %s: %w", w.Range, err)
	}
	if got := summarise(w.Range, entries); got.Sum != w.Sum || got.Bytes != w.Bytes || got.MinMs != w.MinMs || got.MaxMs != w.MaxMs {
		return nil, fmt.Errorf("window %s: its records do not come to its sum: %w", w.Range, ErrDamaged)
	}
	return entries, nil
}

// leastEntry is what an entry takes at least.
const leastEntry = 5 + 16

// decode reads what encode wrote. It takes no more memory than n entries, of which raw must have room for each.
func decode(raw []byte, r partition.Range, n int64) ([]entry, error) {
	if len(raw) < crc32.Size || n < 0 || n > windowRecords || int64(len(raw)-crc32.Size) < n*leastEntry {
		return nil, fmt.Errorf("%d bytes for %d records: %w", len(raw), n, ErrDamaged)
	}
	body := raw[:len(raw)-crc32.Size]
	if crc32.Checksum(body, castagnoli) != binary.BigEndian.Uint32(raw[len(body):]) {
		return nil, fmt.Errorf("its checksum does not fit: %w", ErrDamaged)
	}
	d := &scanner{rest: body}
	out := make([]entry, n)
	next, ms := r.From, int64(0)
	for i := range out {
		e := &out[i]
		gap := d.uint()
		if gap > math.MaxInt64 || int64(gap) >= r.To-next {
			return nil, fmt.Errorf("record %d lies outside: %w", i, ErrDamaged)
		}
		e.offset = next + int64(gap)
		e.ms = ms + d.int()
		bytes, own := d.uint(), d.uint()
		e.digest.Framed, own = own&1 == 1, own>>1
		if bytes > math.MaxInt64 || own > bytes {
			return nil, fmt.Errorf("record %d has no such size: %w", i, ErrDamaged)
		}
		e.digest.Bytes, e.digest.Size = int64(bytes), int64(bytes-own)
		if length := d.uint(); length > 0 {
			e.origin = d.bytes(length - 1)
		}
		copy(e.digest.Hash[:], d.bytes(16))
		next, ms = e.offset+1, e.ms
		if d.short {
			return nil, fmt.Errorf("it ends within record %d: %w", i, ErrDamaged)
		}
	}
	if len(d.rest) > 0 {
		return nil, fmt.Errorf("%d bytes are left over: %w", len(d.rest), ErrDamaged)
	}
	return out, nil
}

// scanner reads numbers off the front of bytes; short is set when they do not suffice, or a number is none.
type scanner struct {
	rest  []byte
	short bool
}

func (s *scanner) uint() uint64 {
	n, k := binary.Uvarint(s.rest)
	if k <= 0 {
		s.short, s.rest = true, nil
		return 0
	}
	s.rest = s.rest[k:]
	return n
}

func (s *scanner) int() int64 {
	n, k := binary.Varint(s.rest)
	if k <= 0 {
		s.short, s.rest = true, nil
		return 0
	}
	s.rest = s.rest[k:]
	return n
}

// bytes returns the next n, empty and not nil for none.
func (s *scanner) bytes(n uint64) []byte {
	if n > uint64(len(s.rest)) {
		s.short, s.rest = true, nil
		return []byte{}
	}
	out := s.rest[:n:n]
	s.rest = s.rest[n:]
	return out
}
