package raftlog

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2/vfs"

	"backstitch/storage"
)

// The high-water mark answers one question at open: did this log once reach further than it does now? No checksum can: a
// log that was cut at its end is a correct, shorter log.
//
// The mark is written after the synced batch and before StoreLogs returns, so it is never ahead of the log: a crash can not
// make an honest node look shortened. The write reaches the page cache at once (a killed process loses nothing of it) and the
// disk by a sync that nobody waits for. What a power cut can take is the mark of the entries of that last moment; then a log
// cut by exactly those entries passes as what it may also be, a log that never had them. See DESIGN.md.

const (
	markFormat   = 1
	markSlotSize = 36
	markStride   = 4096 // slots lie in different sectors and pages: one torn write never takes both
	markFileSize = 2 * markStride
)

var markMagic = [4]byte{'B', 'S', 'M', 'K'}

// mark is one claim: the entry Index of Term was acknowledged. Index 0 claims nothing.
type mark struct {
	Seq   uint64 // rises with each write; the slot is Seq modulo 2
	Index uint64
	Term  uint64
}

func (m mark) encode() []byte {
	b := make([]byte, 0, markSlotSize)
	b = append(b, markMagic[:]...)
	b = append(b, markFormat, 0, 0, 0)
	b = binary.BigEndian.AppendUint64(b, m.Seq)
	b = binary.BigEndian.AppendUint64(b, m.Index)
	b = binary.BigEndian.AppendUint64(b, m.Term)
	return binary.BigEndian.AppendUint32(b, storage.Checksum(b))
}

func decodeMark(b []byte) (mark, error) {
	n := markSlotSize - checksumSize
	if storage.Checksum(b[:n]) != binary.BigEndian.Uint32(b[n:]) {
		return mark{}, errors.New("slot fails its checksum")
	}
	if [4]byte(b[:4]) != markMagic || b[4] != markFormat {
		return mark{}, fmt.Errorf("slot begins with %x", b[:5])
	}
	return mark{Seq: binary.BigEndian.Uint64(b[8:]), Index: binary.BigEndian.Uint64(b[16:]), Term: binary.BigEndian.Uint64(b[24:])}, nil
}

// markFile writes the two slots in turn. One goroutine may write while another syncs: a vfs.File wants both in sequence, so
// each has its own handle. A sync is of the file, not of the handle.
type markFile struct {
	f      vfs.File
	syncer vfs.File
	last   mark
}

// createMark makes a mark that claims nothing, durably, at full size: later syncs change no metadata of the file.
func createMark(fs vfs.FS, path string) (*markFile, error) {
	body := make([]byte, markFileSize)
	for seq := range uint64(2) {
		copy(body[seq*markStride:], mark{Seq: seq}.encode())
	}
	if err := storage.WriteFile(fs, path, body); err != nil {
		return nil, storage.Classify(path, err)
	}
	return openMark(fs, path)
}

// openMark reads the newer of the two slots. One bad slot is what a write that was cut leaves, and the other then holds the
// claim before it; two bad slots are damage.
func openMark(fs vfs.FS, path string) (*markFile, error) {
	body, err := storage.ReadFile(fs, path)
	if err != nil {
		return nil, storage.Classify(path, err)
	}
	if len(body) != markFileSize {
		return nil, storage.Damaged(path, fmt.Errorf("it has %d bytes, want %d", len(body), markFileSize))
	}
	first, err0 := decodeMark(body)
	second, err1 := decodeMark(body[markStride:])
	if err0 != nil && err1 != nil {
		return nil, storage.Damaged(path, errors.Join(err0, err1))
	}
	m := &markFile{last: first}
	if err0 != nil || (err1 == nil && second.Seq > first.Seq) {
		m.last = second
	}
	if m.f, err = fs.OpenReadWrite(path, vfs.WriteCategoryUnspecified); err != nil {
		return nil, storage.Classify(path, err)
	}
	if m.syncer, err = fs.OpenReadWrite(path, vfs.WriteCategoryUnspecified); err != nil {
		return nil, storage.Classify(path, errors.Join(err, m.f.Close()))
	}
	return m, nil
}

// write claims (index, term) in the slot that is not the newest. It does not sync.
func (m *markFile) write(index, term uint64) error {
	next := mark{Seq: m.last.Seq + 1, Index: index, Term: term}
	if _, err := m.f.WriteAt(next.encode(), int64(next.Seq%2)*markStride); err != nil {
		return err
	}
	m.last = next
	return nil
}

func (m *markFile) sync() error  { return m.syncer.SyncData() }
func (m *markFile) close() error { return errors.Join(m.f.Close(), m.syncer.Close()) }
