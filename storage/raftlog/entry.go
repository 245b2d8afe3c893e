package raftlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/hashicorp/raft"

	"backstitch/storage"
)

// The bytes of one entry; the table is in storage/FORMATS.md. All numbers are big endian. The index is stored in the value
// although the key has it: a value that pebble returned for the wrong key must be found too.
const (
	entryFormat   = 1
	entryHeadSize = 1 + 1 + 8 + 8 + 8 + 4
	checksumSize  = 4
	noTime        = math.MinInt64 // AppendedAt was not set
)

var errEntryFormat = errors.New("entry format is not known to this program")

func entrySize(l *raft.Log) int {
	return entryHeadSize + len(l.Extensions) + len(l.Data) + checksumSize
}

// putEntry writes l into dst, which is entrySize long.
func putEntry(dst []byte, l *raft.Log) {
	at := int64(noTime)
	if !l.AppendedAt.IsZero() {
		at = l.AppendedAt.UnixNano()
	}
	dst[0], dst[1] = entryFormat, byte(l.Type)
	binary.BigEndian.PutUint64(dst[2:], l.Index)
	binary.BigEndian.PutUint64(dst[10:], l.Term)
	binary.BigEndian.PutUint64(dst[18:], uint64(at))
	binary.BigEndian.PutUint32(dst[26:], uint32(len(l.Extensions)))
	n := entryHeadSize
	n += copy(dst[n:], l.Extensions)
	n += copy(dst[n:], l.Data)
	binary.BigEndian.PutUint32(dst[n:], storage.Checksum(dst[:n]))
}

// checkEntry proves that b is the entry of index, without copying it, and returns its term.
func checkEntry(b []byte, index uint64) (term uint64, err error) {
	n := len(b) - checksumSize
	if n < entryHeadSize {
		return 0, fmt.Errorf("%d bytes are too few", len(b))
	}
	if got, want := storage.Checksum(b[:n]), binary.BigEndian.Uint32(b[n:]); got != want {
		return 0, fmt.Errorf("checksum is %08x, want %08x", got, want)
	}
	if b[0] != entryFormat {
		return 0, fmt.Errorf("format %d: %w", b[0], errEntryFormat)
	}
	if got := binary.BigEndian.Uint64(b[2:]); got != index {
		return 0, fmt.Errorf("it is the entry of index %d", got)
	}
	if ext := binary.BigEndian.Uint32(b[26:]); uint64(ext) > uint64(n-entryHeadSize) {
		return 0, fmt.Errorf("extensions of %d bytes do not fit", ext)
	}
	return binary.BigEndian.Uint64(b[10:]), nil
}

// getEntry checks b and fills l with copies.
func getEntry(b []byte, index uint64, l *raft.Log) error {
	term, err := checkEntry(b, index)
	if err != nil {
		return err
	}
	*l = raft.Log{Index: index, Term: term, Type: raft.LogType(b[1])}
	if at := int64(binary.BigEndian.Uint64(b[18:])); at != noTime {
		l.AppendedAt = time.Unix(0, at)
	}
	ext := int(binary.BigEndian.Uint32(b[26:]))
	body := append([]byte(nil), b[entryHeadSize:len(b)-checksumSize]...)
	if ext > 0 {
		l.Extensions = body[:ext:ext]
	}
	if len(body) > ext {
		l.Data = body[ext:]
	}
	return nil
}

// Keys: 'e' and the index for an entry, 'f' for the index of the first one.
const (
	entryKind = 'e'
	firstKind = 'f'
	keySize   = 1 + 1 + 8
)

func putEntryKey(dst []byte, index uint64) {
	dst[0], dst[1] = byte(storage.LogSpace), entryKind
	binary.BigEndian.PutUint64(dst[2:], index)
}

func entryKey(index uint64) []byte {
	key := make([]byte, keySize)
	putEntryKey(key, index)
	return key
}

func firstKey() []byte { return storage.LogSpace.Key(firstKind) }

func firstValue(index uint64) []byte {
	b := binary.BigEndian.AppendUint64([]byte{entryFormat}, index)
	return binary.BigEndian.AppendUint32(b, storage.Checksum(b))
}

func parseFirst(b []byte) (uint64, error) {
	if len(b) != 13 || b[0] != entryFormat || storage.Checksum(b[:9]) != binary.BigEndian.Uint32(b[9:]) {
		return 0, fmt.Errorf("first index %x fails its checksum", b)
	}
	return binary.BigEndian.Uint64(b[1:]), nil
}
