package ledger

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"

	"backstitch/partition"
)

// draft is a ledger file on its way: it has a temporary name until it is whole. What was put into it can be read back.
type draft struct {
	f  *os.File
	at int64
}

func newDraft(path string) (*draft, error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return nil, fmt.Errorf("write ledger: %w", err)
	}
	d := &draft{f: f}
	if err := d.write(binary.BigEndian.AppendUint16([]byte(magic), version)); err != nil {
		return nil, errors.Join(err, d.drop())
	}
	return d, nil
}

func (d *draft) write(b []byte) error {
	n, err := d.f.Write(b)
	d.at += int64(n)
	if err != nil {
		return fmt.Errorf("write ledger %s: %w", d.f.Name(), err)
	}
	return nil
}

// put appends a window.
func (d *draft) put(r partition.Range, entries []entry) (window, error) {
	w := summarise(r, entries)
	raw := encode(r, entries)
	w.file, w.at, w.size = d.f, d.at, int64(len(raw))
	return w, d.write(raw)
}

// finish writes the footer and gives the file its name. Nothing is synced: what a power cut leaves of it does not fit its checksums, and
// costs a read.
func (d *draft) finish(c *contents, path string) error {
	footer, err := encodeFooter(c)
	if err != nil {
		return fmt.Errorf("write ledger %s: %w", path, err)
	}
	tail := binary.BigEndian.AppendUint64(nil, uint64(len(footer)))
	tail = binary.BigEndian.AppendUint32(tail, crc32.Checksum(footer, castagnoli))
	tail = append(tail, magic...)
	err = errors.Join(d.write(footer), d.write(tail), d.f.Chmod(0o644))
	if err == nil {
		err = os.Rename(d.f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write ledger %s: %w", path, err)
	}
	return nil
}

// drop closes the file, and removes it unless it has got its name.
func (d *draft) drop() error {
	err := d.f.Close()
	if rerr := os.Remove(d.f.Name()); rerr != nil && !errors.Is(rerr, os.ErrNotExist) {
		err = errors.Join(err, rerr)
	}
	return err
}
