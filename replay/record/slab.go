package record

import (
	"bytes"
	"math/bits"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"unsafe"

	"backstitch/partition"
)

// Where a batch's memory comes from. The trap: a slab that is put back while somebody still reads its records hands their
// bytes to the next batch. So a Slab is put back in one place only, Batch.Release, and shared Buffers count their users.

// Slab is the memory of one batch while a source fills it.
type Slab struct {
	Records []Record
	Headers []Header
	digests []Digest // one for each record, or none at all
	origins bool     // a record beside a digest has headers, so that it points somewhere
	bufs    []*Buffer
	bytes   int64
	batch   Batch
}

// maxPooledRecords bounds the slabs that are kept for reuse, so that one of many tiny records does not pin its memory for good.
const maxPooledRecords = 1 << 16

var slabs = sync.Pool{New: func() any { return new(Slab) }}

// NewSlab returns an empty slab.
func NewSlab() *Slab { return slabs.Get().(*Slab) }

// Append adds a record. Its bytes must lie in buffers that are kept with Keep, or be left to the garbage collector.
func (s *Slab) Append(r Record) {
	s.Records = append(s.Records, r)
	s.bytes += r.Size()
}

// Grow makes room for n more records.
func (s *Slab) Grow(n int) { s.Records = slices.Grow(s.Records, n) }

// Next adds a record for the caller to fill where it lies, every field of it; its size goes to Count. It is valid until the next one is
// added.
func (s *Slab) Next() *Record {
	n := len(s.Records)
	if n == cap(s.Records) {
		s.Grow(1)
	}
	s.Records = s.Records[:n+1]
	return &s.Records[n]
}

// Count adds the sizes of records that Next has added.
func (s *Slab) Count(bytes int) { s.bytes += int64(bytes) }

// Digest adds what h makes of r under fields, and of r what a batch of digests keeps: where and when it was, and our own headers, which say
// where it came from. Nothing of it points to where r lies. A slab holds records or digests and never both. The digest is made where it
// will lie: a scan comes here once for each record.
func (s *Slab) Digest(r *Record, h *Hasher, fields Fields) {
	kept := s.Next()
	*kept = Record{Offset: r.Offset, TimestampMs: r.TimestampMs, TimestampType: r.TimestampType}
	for i := range r.Headers {
		if h := &r.Headers[i]; h.own() {
			kept.Headers = append(kept.Headers, Header{Key: strings.Clone(h.Key), Value: bytes.Clone(h.Value)})
			s.origins = true
		}
	}
	n := len(s.digests)
	if n == cap(s.digests) {
		s.digests = slices.Grow(s.digests, 1)
	}
	s.digests = s.digests[:n+1]
	d := &s.digests[n]
	h.digest(d, r, fields)
	s.bytes += d.Bytes
}

// Cut takes back all records but the first n, after a failure in the middle of something that is all or nothing.
func (s *Slab) Cut(n int) {
	for i := n; i < len(s.Records); i++ {
		if len(s.digests) > 0 {
			s.bytes -= s.digests[i].Bytes
		} else {
			s.bytes -= s.Records[i].Size()
		}
	}
	s.digests = s.digests[:min(n, len(s.digests))]
	clear(s.Records[n:])
	s.Records = s.Records[:n]
}

// Size is the sum of the sizes of the records so far.
func (s *Slab) Size() int64 { return s.bytes }

// Keep holds b until the batch is released. It takes over one use of b.
func (s *Slab) Keep(b *Buffer) { s.bufs = append(s.bufs, b) }

// Batch turns the slab into a batch. The slab belongs to the batch from then on.
func (s *Slab) Batch(part int32, next partition.Offset) *Batch {
	s.batch = Batch{Partition: part, Records: s.Records, Next: next, Bytes: s.bytes, Free: s.Drop}
	if len(s.digests) > 0 {
		s.batch.Digests = s.digests
	}
	return &s.batch
}

// Drop gives the slab and its buffers back without making a batch of it.
func (s *Slab) Drop() {
	for i, b := range s.bufs {
		b.Done()
		s.bufs[i] = nil
	}
	s.bufs = s.bufs[:0]
	bare := len(s.digests) > 0 && !s.origins // such records point nowhere, and clearing them is work for the garbage collector, too
	s.bytes, s.digests, s.origins = 0, s.digests[:0], false
	if cap(s.Records) > maxPooledRecords || cap(s.Headers) > maxPooledRecords {
		return
	}
	if !bare {
		clear(s.Records)
	}
	clear(s.Headers)
	s.Records, s.Headers = s.Records[:0], s.Headers[:0]
	slabs.Put(s)
}

// Buffer is a run of bytes that several batches may point into.
type Buffer struct {
	B       []byte
	foreign bool // made by somebody else, and not pooled
	uses    atomic.Int32
}

// Buffers are pooled by capacity, a power of two, so that a small need never holds a large buffer. Larger ones than the last
// class are left to the garbage collector.
const (
	minClass = 12 // 4 KiB
	maxClass = 25 // 32 MiB
)

var buffers [maxClass + 1]sync.Pool

// NewBuffer returns an empty buffer with room for at least n bytes and one use.
func NewBuffer(n int) *Buffer {
	class := max(bits.Len(uint(max(n, 1)-1)), minClass)
	var b *Buffer
	if class <= maxClass {
		b, _ = buffers[class].Get().(*Buffer)
		n = 1 << class
	}
	if b == nil {
		b = &Buffer{B: make([]byte, 0, n)}
	}
	b.B = b.B[:0]
	b.uses.Store(1)
	return b
}

// WrapBuffer returns a buffer over b, which belongs to the buffer from then on, with one use. It is never pooled: a pool that is
// given more than is taken from it keeps all of it until the second collection after, which doubles the heap each time.
func WrapBuffer(b []byte) *Buffer {
	w := &Buffer{B: b, foreign: true}
	w.uses.Store(1)
	return w
}

// Use adds a use and returns b.
func (b *Buffer) Use() *Buffer {
	b.uses.Add(1)
	return b
}

// Alone reports whether there is one use of b, which its holder may take for granted until it gives it away.
func (b *Buffer) Alone() bool { return b.uses.Load() == 1 }

// Done ends a use. After the last one the buffer is used for something else, or left to the garbage collector.
func (b *Buffer) Done() {
	switch n := b.uses.Add(-1); {
	case n < 0:
		panic("record: buffer released more often than used")
	case n == 0 && !b.foreign:
		// The class whose every need the capacity meets.
		if class := bits.Len(uint(cap(b.B))) - 1; class >= minClass && class <= maxClass {
			buffers[class].Put(b)
		}
	}
}

// BorrowString returns a string over b's own memory. It lives as long as the buffer that b is cut from, which is why header
// keys may not be kept after Batch.Release.
func BorrowString(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	return unsafe.String(&b[0], len(b)) // #nosec G103 -- b is not written to any more, and outlives what is borrowed
}
