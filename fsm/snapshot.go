package fsm

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/klauspost/compress/zstd"

	"backstitch/fsm/wire"
	"backstitch/storage"
)

// The snapshot stream: a header, blocks of compressed entries in key order, an empty block, and a SHA-256 over everything
// before it. Checksums lie around the compressed bytes, so that no bit of the stream is outside of one; the table is in
// wire/FORMATS.md.

const (
	snapshotMagic   = "BSTBOOK\x01" // the last byte is the format
	blockBytes      = 256 << 10
	maxBlockBytes   = 2*wire.MaxBytes + blockBytes
	blockHeadBytes  = 12 // compressed length, raw length, CRC32C over both and the compressed bytes
	maxKeyBytes     = 4 << 10
	snapshotHeadLen = len(snapshotMagic) + 8 + 8 + 32 + 4
)

// SnapshotInfo says what a snapshot stream holds.
type SnapshotInfo struct {
	Index   uint64 // of the newest command in it
	Term    uint64
	Digest  [32]byte
	Version uint32 // cluster version
	Entries uint64
	Bytes   uint64 // uncompressed
	Kinds   []KindInfo
}

// KindInfo counts the entries of one kind, e.g. "slice state".
type KindInfo struct {
	Name    string
	Entries uint64
	Bytes   uint64 // keys and values
}

// ReadSnapshot reads and checks a whole stream without a machine. Errors: ErrSnapshot, storage.ErrNewer, or what r returns.
func ReadSnapshot(r io.Reader) (SnapshotInfo, error) {
	return readSnapshot(r, func(_, _ []byte) error { return nil })
}

// readSnapshot calls take for each entry, checked, in key order. The slices are only valid during the call. What take did
// counts only if readSnapshot returns no error: the last checksum covers everything.
func readSnapshot(r io.Reader, take func(k, value []byte) error) (SnapshotInfo, error) {
	s := &snapshotReader{sum: sha256.New(), take: take, counts: map[kind]*KindInfo{}, info: SnapshotInfo{Version: FirstVersion}}
	s.in = io.TeeReader(r, s.sum)
	if err := s.head(); err != nil {
		return SnapshotInfo{}, err
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxBlockBytes))
	if err != nil {
		return SnapshotInfo{}, err
	}
	defer dec.Close()
	for {
		more, err := s.block(dec)
		if err != nil {
			return SnapshotInfo{}, err
		}
		if !more {
			break
		}
	}
	want := s.sum.Sum(nil)
	got := make([]byte, len(want)+1)
	n, err := io.ReadFull(r, got)
	switch {
	case err == nil:
		return SnapshotInfo{}, fmt.Errorf("bytes follow the end: %w", ErrSnapshot)
	case !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF):
		return SnapshotInfo{}, err
	case !bytes.Equal(got[:n], want):
		return SnapshotInfo{}, fmt.Errorf("checksum is %x, want %x: %w", got[:n], want, ErrSnapshot)
	}
	return s.done()
}

type snapshotReader struct {
	in     io.Reader
	sum    hash.Hash
	take   func(k, value []byte) error
	info   SnapshotInfo
	counts map[kind]*KindInfo
	at     meta
	last   []byte
	packed []byte
	raw    []byte
}

// fill reads exactly len(b) bytes.
func (s *snapshotReader) fill(b []byte, what string) error {
	_, err := io.ReadFull(s.in, b)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("the stream ends inside %s: %w", what, ErrSnapshot)
	}
	return err
}

func (s *snapshotReader) head() error {
	head := make([]byte, snapshotHeadLen)
	if err := s.fill(head, "the header"); err != nil {
		return err
	}
	body, n := head[:len(head)-4], len(snapshotMagic)
	if got, want := storage.Checksum(body), binary.BigEndian.Uint32(head[len(body):]); got != want {
		if bytes.Equal(head[:n-1], []byte(snapshotMagic[:n-1])) && head[n-1] > snapshotMagic[n-1] {
			return fmt.Errorf("snapshot of format %d, or a damaged one: %w: %w", head[n-1], ErrSnapshot, storage.ErrNewer)
		}
		return fmt.Errorf("header checksum is %08x, want %08x: %w", got, want, ErrSnapshot)
	}
	if string(head[:n]) != snapshotMagic {
		return fmt.Errorf("snapshot begins with %q, this program knows %q: %w", head[:n], snapshotMagic, storage.ErrNewer)
	}
	s.info.Index = binary.BigEndian.Uint64(body[n:])
	s.info.Term = binary.BigEndian.Uint64(body[n+8:])
	copy(s.info.Digest[:], body[n+16:])
	return nil
}

// block reads one block and hands its entries on; more is false after the empty one.
func (s *snapshotReader) block(dec *zstd.Decoder) (more bool, err error) {
	var head [blockHeadBytes]byte
	if err := s.fill(head[:], "a block header"); err != nil {
		return false, err
	}
	packed, raw := binary.BigEndian.Uint32(head[:]), binary.BigEndian.Uint32(head[4:])
	if packed > maxBlockBytes || raw > maxBlockBytes {
		return false, fmt.Errorf("a block of %d bytes, %d unpacked: %w", packed, raw, ErrSnapshot)
	}
	if s.packed, err = grow(s.in, s.packed, int(packed)); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = fmt.Errorf("the stream ends inside a block: %w", ErrSnapshot)
		}
		return false, err
	}
	if got, want := storage.Checksum(head[:8], s.packed), binary.BigEndian.Uint32(head[8:]); got != want {
		return false, fmt.Errorf("block checksum is %08x, want %08x: %w", got, want, ErrSnapshot)
	}
	if packed == 0 {
		return false, nil
	}
	if s.raw, err = dec.DecodeAll(s.packed, s.raw[:0]); err != nil || len(s.raw) != int(raw) {
		return false, fmt.Errorf("a block unpacks to %d bytes, want %d: %w: %w", len(s.raw), raw, ErrSnapshot, err)
	}
	return true, s.entries(s.raw)
}

// grow reads n bytes into buf in steps, so that a wrong length costs no more than the stream is long.
func grow(r io.Reader, buf []byte, n int) ([]byte, error) {
	buf = buf[:0]
	for len(buf) < n {
		step := min(n-len(buf), 1<<20)
		at := len(buf)
		buf = append(buf, make([]byte, step)...)
		if _, err := io.ReadFull(r, buf[at:]); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return buf, err
		}
	}
	return buf, nil
}

func (s *snapshotReader) entries(raw []byte) error {
	for len(raw) > 0 {
		k, rest, ok := cutField(raw, maxKeyBytes)
		if !ok {
			return fmt.Errorf("a key does not fit its block: %w", ErrSnapshot)
		}
		value, rest, ok := cutField(rest, wire.MaxBytes+sealBytes)
		if !ok {
			return fmt.Errorf("the value of %s does not fit its block: %w", keyName(k), ErrSnapshot)
		}
		if bytes.Compare(k, s.last) <= 0 {
			return fmt.Errorf("%s is out of order: %w", keyName(k), ErrSnapshot)
		}
		if err := s.entry(k, value); err != nil {
			return err
		}
		s.last = append(s.last[:0], k...)
		raw = rest
	}
	return nil
}

func (s *snapshotReader) entry(k, value []byte) error {
	v := kind(k[0]).newValue()
	if v == nil {
		return fmt.Errorf("%s is not known to this program: %w", keyName(k), storage.ErrNewer)
	}
	if err := unseal(k, value, v); err != nil {
		return fmt.Errorf("%w: %w", ErrSnapshot, err)
	}
	switch v := v.(type) {
	case *meta:
		s.at = *v
	case *clusterVersion:
		s.info.Version = v.Version
	}
	c := s.counts[kind(k[0])]
	if c == nil {
		c = &KindInfo{Name: kind(k[0]).String()}
		s.counts[kind(k[0])] = c
	}
	c.Entries++
	c.Bytes += uint64(len(k) + len(value))
	return s.take(k, value)
}

func cutField(b []byte, limit uint64) (field, rest []byte, ok bool) {
	n, size := binary.Uvarint(b)
	if size <= 0 || n > limit || n > uint64(len(b)-size) || n == 0 {
		return nil, nil, false
	}
	b = b[size:]
	return b[:n:n], b[n:], true
}

func (s *snapshotReader) done() (SnapshotInfo, error) {
	if got, want := s.at, (meta{Index: s.info.Index, Term: s.info.Term, Digest: s.info.Digest}); got != want {
		return SnapshotInfo{}, fmt.Errorf("the header says index %d, the book %d: %w", want.Index, got.Index, ErrSnapshot)
	}
	s.info.Kinds = kindInfos(s.counts)
	for _, c := range s.info.Kinds {
		s.info.Entries += c.Entries
		s.info.Bytes += c.Bytes
	}
	return s.info, nil
}
