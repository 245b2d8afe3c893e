package storage

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"

	"backstitch/storage/failpoint"
)

// castagnoli is the CRC32C table that every checksum in this room uses.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Checksum is CRC32C over the parts in order.
func Checksum(parts ...[]byte) uint32 {
	var sum uint32
	for _, p := range parts {
		sum = crc32.Update(sum, castagnoli, p)
	}
	return sum
}

// Seal appends a line with the checksum of body, so that small text files can be read by people and still be trusted.
func Seal(body []byte) []byte {
	return append(bytes.Clone(body), sealLine(body)...)
}

// Unseal returns the body of a sealed file, or an error if one bit of it or of its last line is different.
func Unseal(sealed []byte) ([]byte, error) {
	n := len(sealed) - len(sealLine(nil))
	if n < 0 {
		return nil, fmt.Errorf("%d bytes are too few to hold a checksum", len(sealed))
	}
	body := sealed[:n]
	if want := sealLine(body); string(sealed[n:]) != want {
		return nil, fmt.Errorf("checksum line is %q, want %q", sealed[n:], want)
	}
	return body, nil
}

// The line is compared as text, so that a letter of other case is found as well.
func sealLine(body []byte) string { return fmt.Sprintf("crc32c %08x\n", Checksum(body)) }

// ReadFile returns the bytes of one file. A missing file is an error for which errors.Is(err, os.ErrNotExist).
func ReadFile(fs vfs.FS, path string) ([]byte, error) {
	f, err := fs.Open(path)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(f)
	return body, errors.Join(err, f.Close())
}

// WriteFile makes path hold body, or leaves it as it was: it writes beside it, syncs, renames and syncs the directory.
func WriteFile(fs vfs.FS, path string, body []byte) error { return writeFile(fs, path, body, false) }

// WriteSecret is WriteFile for what only the owner of the process may read. The mode is set before the first byte is written.
func WriteSecret(fs vfs.FS, path string, body []byte) error { return writeFile(fs, path, body, true) }

func writeFile(fs vfs.FS, path string, body []byte, secret bool) error {
	temp := path + ".tmp"
	f, err := fs.Create(temp, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	if fd := f.Fd(); secret && fd != vfs.InvalidFd { // there are no modes in memory
		err = syscall.Fchmod(int(fd), 0o600)
	}
	if err == nil {
		_, err = f.Write(body)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	failpoint.Reach(failpoint.FileWritten)
	if err := fs.Rename(temp, path); err != nil {
		return err
	}
	failpoint.Reach(failpoint.FileRenamed)
	return SyncDir(fs, fs.PathDir(path))
}

// SyncDir makes the names in dir durable.
func SyncDir(fs vfs.FS, dir string) error {
	d, err := fs.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// MakeDir makes dir and its missing parents, and makes their names durable: a directory whose own name is not synced is
// gone after a power loss, with everything in it that was.
func MakeDir(fs vfs.FS, dir string) error {
	there, err := exists(fs, dir)
	if err != nil || there {
		return err
	}
	parent := fs.PathDir(dir)
	if parent != dir {
		if err := MakeDir(fs, parent); err != nil {
			return err
		}
	}
	if err := fs.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return SyncDir(fs, parent)
}

func exists(fs vfs.FS, path string) (bool, error) {
	_, err := fs.Stat(path)
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, os.ErrNotExist):
		return false, nil
	default:
		return false, err
	}
}
