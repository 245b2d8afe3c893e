// Package dir is a bucket in a local directory: one file per object, and sub-directories for the slashes of a key.
//
// Invariants:
//   - Every path that is made of a key goes through os.Root, so neither ".." nor a symbolic link leads out of the directory.
//   - PutNew writes a temporary file, syncs it, links it under its name and syncs the directory. A link fails if the name is
//     taken, which makes "write once" atomic also between processes; a rename would replace silently.
//   - Names that begin with the temporary prefix are never listed.
package dir

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"backstitch/replay/bucket"
	"backstitch/storage/failpoint"

	"github.com/google/uuid"
)

// tempPrefix begins the names of files that are being written.
const tempPrefix = ".backstitch-tmp-"

// Bucket is a directory. It satisfies bucket.Bucket.
type Bucket struct {
	root *os.Root
	path string
}

var (
	_ bucket.Bucket = (*Bucket)(nil)
	_ bucket.Filler = (*Bucket)(nil)
)

// Open opens the directory at path: bucket.ErrNoBucket if it is not there.
func Open(path string) (*Bucket, error) {
	root, err := os.OpenRoot(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("directory %s: %w", path, bucket.ErrNoBucket)
	case err != nil:
		return nil, fmt.Errorf("open directory %s: %w", path, err)
	}
	return &Bucket{root: root, path: path}, nil
}

// Create opens the directory at path and makes it first if it is not there.
func Create(path string) (*Bucket, error) {
	if err := os.MkdirAll(path, 0o755); err != nil { // #nosec G301 -- an archive that others read, too, under the umask
		return nil, fmt.Errorf("create directory %s: %w", path, err)
	}
	return Open(path)
}

// Close releases the directory.
func (b *Bucket) Close() error { return b.root.Close() }

// URL returns the path.
func (b *Bucket) URL() string { return b.path }

// etag changes with any rewrite that changes the size or the modification time.
func etag(fi fs.FileInfo) string { return fmt.Sprintf("%d-%d", fi.Size(), fi.ModTime().UnixNano()) }

func info(key string, fi fs.FileInfo) bucket.Info {
	return bucket.Info{Key: key, ETag: etag(fi), Size: fi.Size(), Modified: fi.ModTime()}
}

// List walks one directory at a time and holds only the entries of the directories on its way down.
func (b *Bucket) List(ctx context.Context, prefix string) iter.Seq2[bucket.Info, error] {
	return func(yield func(bucket.Info, error) bool) {
		b.walk(ctx, ".", prefix, yield)
	}
}

// Directories are those that are there, also when they are empty.
func (b *Bucket) Directories(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		entries, err := fs.ReadDir(b.root.FS(), path.Clean(prefix))
		if err = cmp.Or(ctx.Err(), err); err != nil && !errors.Is(err, fs.ErrNotExist) {
			yield("", fmt.Errorf("list %s: %w", filepath.Join(b.path, prefix), err))
			return
		}
		var dirs []string
		for _, e := range entries {
			if e.IsDir() {
				dirs = append(dirs, prefix+e.Name()+"/")
			}
		}
		slices.Sort(dirs) // the slash counts
		for _, d := range dirs {
			if !yield(d, nil) {
				return
			}
		}
	}
}

// walk lists dir in key order. Keys sort by bytes of the whole path, so the directory "a" sorts as "a/", behind "a-b".
func (b *Bucket) walk(ctx context.Context, dir, prefix string, yield func(bucket.Info, error) bool) bool {
	if err := ctx.Err(); err != nil {
		return yield(bucket.Info{}, err)
	}
	entries, err := fs.ReadDir(b.root.FS(), dir)
	switch {
	case errors.Is(err, fs.ErrNotExist) && dir != ".":
		return true
	case err != nil:
		return yield(bucket.Info{}, fmt.Errorf("list %s: %w", filepath.Join(b.path, dir), err))
	}
	sortKey := func(e fs.DirEntry) string {
		if e.IsDir() {
			return e.Name() + "/"
		}
		return e.Name()
	}
	slices.SortFunc(entries, func(x, y fs.DirEntry) int { return cmp.Compare(sortKey(x), sortKey(y)) })
	for _, e := range entries {
		key := path.Join(dir, e.Name())
		switch {
		case e.IsDir():
			if within := key + "/"; !strings.HasPrefix(within, prefix) && !strings.HasPrefix(prefix, within) {
				continue
			}
			if !b.walk(ctx, key, prefix, yield) {
				return false
			}
		case e.Type().IsRegular() && strings.HasPrefix(key, prefix) && !strings.HasPrefix(e.Name(), tempPrefix):
			fi, err := e.Info()
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return yield(bucket.Info{}, fmt.Errorf("list %s: %w", key, err))
			}
			if !yield(info(key, fi), nil) {
				return false
			}
		}
	}
	return true
}

func (b *Bucket) open(key, want string) (*os.File, bucket.Info, error) {
	if err := bucket.CheckKey(key); err != nil {
		return nil, bucket.Info{}, err
	}
	f, err := b.root.Open(filepath.FromSlash(key))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, bucket.Info{}, fmt.Errorf("%s in %s: %w", key, b.path, bucket.ErrNotFound)
	case err != nil:
		return nil, bucket.Info{}, fmt.Errorf("open %s in %s: %w", key, b.path, err)
	}
	fi, err := f.Stat()
	switch {
	case err != nil:
	case !fi.Mode().IsRegular():
		err = fmt.Errorf("%s in %s is not a file: %w", key, b.path, bucket.ErrNotFound)
	case want != "" && want != etag(fi):
		err = fmt.Errorf("%s in %s has etag %s, want %s: %w", key, b.path, etag(fi), want, bucket.ErrChanged)
	default:
		return f, info(key, fi), nil
	}
	return nil, bucket.Info{}, errors.Join(err, f.Close())
}

// Get opens a file.
func (b *Bucket) Get(ctx context.Context, key, etag string) (io.ReadCloser, bucket.Info, error) {
	if err := ctx.Err(); err != nil {
		return nil, bucket.Info{}, err
	}
	f, fi, err := b.open(key, etag)
	if err != nil {
		return nil, bucket.Info{}, err
	}
	return f, fi, nil
}

// GetRange reads a part of a file; a part that lies outside is io.ErrUnexpectedEOF.
func (b *Bucket) GetRange(ctx context.Context, key, etag string, off, length int64) ([]byte, error) {
	var buf []byte
	err := b.part(ctx, key, etag, off, length, func() []byte {
		buf = make([]byte, length)
		return buf
	})
	if err != nil {
		return nil, err
	}
	return buf, nil
}

// Fill is GetRange into buf.
func (b *Bucket) Fill(ctx context.Context, key, etag string, off int64, buf []byte) error {
	return b.part(ctx, key, etag, off, int64(len(buf)), func() []byte { return buf })
}

// part reads into what room returns, which is asked for once it is known that the file is that long.
func (b *Bucket) part(ctx context.Context, key, etag string, off, length int64, room func() []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	f, fi, err := b.open(key, etag)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // read only
	if off < 0 {
		off += fi.Size
	}
	if off < 0 || length < 0 || off+length > fi.Size {
		return fmt.Errorf("%s in %s: bytes %d+%d of %d: %w", key, b.path, off, length, fi.Size, io.ErrUnexpectedEOF)
	}
	if _, err := f.ReadAt(room(), off); err != nil {
		return fmt.Errorf("read %s in %s: %w", key, b.path, err)
	}
	return nil
}

// PutNew writes a file that must not exist.
func (b *Bucket) PutNew(ctx context.Context, key string, body []byte) (_ bucket.Info, err error) {
	if err := ctx.Err(); err != nil {
		return bucket.Info{}, err
	}
	if err := bucket.CheckKey(key); err != nil {
		return bucket.Info{}, err
	}
	dir := path.Dir(key)
	if err := b.root.MkdirAll(filepath.FromSlash(dir), 0o755); err != nil {
		return bucket.Info{}, fmt.Errorf("create directory for %s in %s: %w", key, b.path, err)
	}
	temp := filepath.FromSlash(path.Join(dir, tempPrefix+uuid.NewString()))
	if err := b.writeSynced(temp, body); err != nil {
		return bucket.Info{}, fmt.Errorf("write %s in %s: %w", key, b.path, errors.Join(err, b.root.Remove(temp)))
	}
	linkErr := b.root.Link(temp, filepath.FromSlash(key))
	if err := b.root.Remove(temp); err != nil && linkErr == nil {
		linkErr = err
	}
	switch {
	case errors.Is(linkErr, fs.ErrExist):
		return bucket.Info{}, fmt.Errorf("%s in %s: %w", key, b.path, bucket.ErrExists)
	case linkErr != nil:
		return bucket.Info{}, fmt.Errorf("publish %s in %s: %w", key, b.path, linkErr)
	}
	failpoint.Reach(failpoint.DirLinked)
	if err := b.syncDirs(dir); err != nil {
		return bucket.Info{}, fmt.Errorf("sync directory of %s in %s: %w", key, b.path, err)
	}
	fi, err := b.root.Stat(filepath.FromSlash(key))
	if err != nil {
		return bucket.Info{}, fmt.Errorf("stat %s in %s: %w", key, b.path, err)
	}
	return info(key, fi), nil
}

func (b *Bucket) writeSynced(name string, body []byte) error {
	f, err := b.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(body)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// syncDirs makes the name durable, and the directories above it that MkdirAll may have made.
func (b *Bucket) syncDirs(dir string) error {
	for {
		d, err := b.root.Open(filepath.FromSlash(dir))
		if err != nil {
			return err
		}
		if err := errors.Join(d.Sync(), d.Close()); err != nil {
			return err
		}
		if dir == "." {
			return nil
		}
		dir = path.Dir(dir)
	}
}
