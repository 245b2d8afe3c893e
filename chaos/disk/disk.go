//go:build linux

package disk

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Sizes in bytes.
const (
	// DefaultBytes is what a disk has when Spec says nothing: room for a node with a book of some megabytes.
	DefaultBytes = 192 << 20
	// MinBytes leaves a data area beside ext4's own.
	MinBytes = 16 << 20
	// MaxBytes bounds what a mistake can take: the image lies in memory.
	MaxBytes = 1 << 30
)

// ErrVacuous is the kind of every fault that was made and hit nothing.
var ErrVacuous = errors.New("the fault hit nothing")

// Spec says what kind of disk to make. The zero value is a good one.
type Spec struct {
	Name  string // for messages and the names of files; letters, digits, dash
	Bytes int64  // 0 is DefaultBytes
}

// Disk is one file system. Its methods are for one goroutine.
type Disk struct {
	spec    Spec
	home    string // everything below is in here
	backing string // a tmpfs of its own, which can be made too small
	image   string // in backing
	mount   string
	loop    *os.File // nil while detached
	mounted bool

	volatile string // copy of the image that comes back when the power goes, "" unless the disk lies
}

// Check says why disks can not be made here, nil when they can.
func Check() error {
	if os.Geteuid() != 0 {
		return errors.New("mounting needs root")
	}
	if _, err := os.Stat("/dev/loop-control"); err != nil {
		return fmt.Errorf("no loop devices: %w", err)
	}
	if _, err := makeExt4(); err != nil {
		return err
	}
	return nil
}

// makeExt4 finds mkfs.ext4, also where the path of a person who is not root ends.
func makeExt4() (string, error) {
	if path, err := exec.LookPath("mkfs.ext4"); err == nil {
		return path, nil
	}
	for _, dir := range []string{"/usr/sbin", "/sbin"} {
		if path := filepath.Join(dir, "mkfs.ext4"); unix.Access(path, unix.X_OK) == nil {
			return path, nil
		}
	}
	return "", errors.New("mkfs.ext4 is not installed (e2fsprogs)")
}

// New makes a disk and mounts it. Whoever makes one calls Close.
func New(spec Spec) (_ *Disk, err error) {
	if spec.Bytes == 0 {
		spec.Bytes = DefaultBytes
	}
	if spec.Bytes < MinBytes || spec.Bytes > MaxBytes {
		return nil, fmt.Errorf("disk %s: %d bytes, want %d to %d", spec.Name, spec.Bytes, MinBytes, int64(MaxBytes))
	}
	home, err := os.MkdirTemp("", fmt.Sprintf("%s%d-%s-", prefix, os.Getpid(), spec.Name))
	if err != nil {
		return nil, fmt.Errorf("disk %s: %w", spec.Name, err)
	}
	d := &Disk{
		spec: spec, home: home, backing: filepath.Join(home, "backing"), mount: filepath.Join(home, "disk"),
		image: filepath.Join(home, "backing", "image"),
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.Close())
		}
	}()
	for _, dir := range []string{d.backing, d.mount} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return nil, fmt.Errorf("disk %s: %w", spec.Name, err)
		}
	}
	if err := unix.Mount("tmpfs", d.backing, "tmpfs", 0, d.roomy()); err != nil {
		return nil, fmt.Errorf("disk %s: mount tmpfs: %w", spec.Name, err)
	}
	if err := d.format(); err != nil {
		return nil, fmt.Errorf("disk %s: %w", spec.Name, err)
	}
	if err := d.attach(); err != nil {
		return nil, err
	}
	return d, d.writeSentinel()
}

// roomy is the size of the tmpfs when it is not in the way: the image and two copies of it.
func (d *Disk) roomy() string { return fmt.Sprintf("size=%d,mode=0700", 3*d.spec.Bytes+16<<20) }

// journalBytes is small: more of a small disk is left.
const journalBytes = 4 << 20

// format makes the file system. All of its own blocks are packed at the begin, and that part of the image gets its memory now:
// when the room under the disk ends later, it is the data that do not fit, and ext4 goes on.
func (d *Disk) format() error {
	f, err := os.OpenFile(d.image, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Truncate(d.spec.Bytes); err != nil {
		return err
	}
	mkfs, err := makeExt4()
	if err != nil {
		return err
	}
	out, err := exec.Command(mkfs, "-q", "-F", "-b", "4096", "-J", fmt.Sprintf("size=%d", journalBytes>>20), "-m", "0",
		"-E", "packed_meta_blocks=1,lazy_itable_init=0,lazy_journal_init=0,nodiscard,root_owner=0:0", d.image).CombinedOutput()
	if err != nil {
		return fmt.Errorf("mkfs.ext4: %w: %s", err, strings.TrimSpace(string(out)))
	}
	// Only now: mkfs punches holes where it wants zeros.
	inodes := d.spec.Bytes / 64 // 256 bytes for each 16 KiB
	return unix.Fallocate(int(f.Fd()), 0, 0, inodes+journalBytes+4<<20)
}

// Dir is where the file system is mounted.
func (d *Disk) Dir() string { return d.mount }

// Name is the name given to New.
func (d *Disk) Name() string { return d.spec.Name }

// Device is the number of the block device, for limits on it.
func (d *Disk) Device() (major, minor uint32, err error) {
	var st unix.Stat_t
	if d.loop == nil {
		return 0, 0, fmt.Errorf("disk %s is not attached", d.spec.Name)
	}
	if err := unix.Fstat(int(d.loop.Fd()), &st); err != nil {
		return 0, 0, fmt.Errorf("disk %s: %w", d.spec.Name, err)
	}
	return unix.Major(st.Rdev), unix.Minor(st.Rdev), nil
}

// attach gives the image a loop device and mounts it; the kernel replays the journal. A device that another process took
// between asking for a free one and taking it is asked for again.
func (d *Disk) attach() error {
	image, err := os.OpenFile(d.image, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("disk %s: %w", d.spec.Name, err)
	}
	defer image.Close()
	for try := 0; ; try++ {
		err := d.configure(image)
		if err == nil {
			break
		}
		if !errors.Is(err, unix.EBUSY) || try == 20 {
			return fmt.Errorf("disk %s: loop device: %w", d.spec.Name, err)
		}
	}
	// Errors turn the file system read-only, as most distributions have it. A transaction that is not asked for by a sync
	// commits after a minute instead of five seconds, so that a cut of the power finds something to lose.
	if err := unix.Mount(d.loop.Name(), d.mount, "ext4", unix.MS_NOATIME, "errors=remount-ro,commit=60"); err != nil {
		return errors.Join(fmt.Errorf("disk %s: mount: %w", d.spec.Name, err), d.detach())
	}
	d.mounted = true
	return nil
}

func (d *Disk) configure(image *os.File) error {
	control, err := os.OpenFile("/dev/loop-control", os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer control.Close()
	number, err := unix.IoctlRetInt(int(control.Fd()), unix.LOOP_CTL_GET_FREE)
	if err != nil {
		return err
	}
	loop, err := os.OpenFile(fmt.Sprintf("/dev/loop%d", number), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	config := unix.LoopConfig{Fd: uint32(image.Fd())}
	// The device goes when its last user goes: nothing stays behind a process that is killed but its mounts.
	config.Info.Flags = unix.LO_FLAGS_AUTOCLEAR
	copy(config.Info.File_name[:len(config.Info.File_name)-1], d.image)
	if err := unix.IoctlLoopConfigure(int(loop.Fd()), &config); err != nil {
		loop.Close()
		return err
	}
	d.loop = loop
	return nil
}

// detach unmounts and lets the loop device go. Files of a process that was just killed may be open for a moment longer.
func (d *Disk) detach() error {
	var errs []error
	if d.mounted {
		if err := unmount(d.mount); err != nil {
			return fmt.Errorf("disk %s: unmount: %w", d.spec.Name, err)
		}
		d.mounted = false
	}
	if d.loop != nil {
		errs = append(errs, d.loop.Close())
		d.loop = nil
	}
	return errors.Join(errs...)
}

// patience is how long an unmount waits for files that a dying process still has open.
const patience = 5 * time.Second

func unmount(dir string) error {
	var err error
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if err = unix.Unmount(dir, 0); !errors.Is(err, unix.EBUSY) {
			break
		}
	}
	return err
}

// Remount takes the file system down and up again, as after a repair: the kernel replays the journal. Nobody may have files
// open in it. It ends every fault but lost bytes.
func (d *Disk) Remount() error {
	if err := d.detach(); err != nil {
		return err
	}
	if err := d.enlarge(); err != nil {
		return err
	}
	if err := d.attach(); err != nil {
		return err
	}
	// A disk that turned read-only kept it.
	if err := removeAll(d.path(probeFile)); err != nil {
		return fmt.Errorf("disk %s: %w", d.spec.Name, err)
	}
	return nil
}

// Close removes the disk. Files that are still open in it do not hold it up.
func (d *Disk) Close() error {
	var errs []error
	if d.mounted {
		errs = append(errs, thawIfFrozen(d.mount), unix.Unmount(d.mount, unix.MNT_DETACH))
		d.mounted = false
	}
	if d.loop != nil {
		errs = append(errs, d.loop.Close())
		d.loop = nil
	}
	if err := unix.Unmount(d.backing, unix.MNT_DETACH); err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) {
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("remove disk %s: %w", d.spec.Name, err)
	}
	return os.RemoveAll(d.home)
}
