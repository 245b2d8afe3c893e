//go:build chaos && linux

package disk

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv("DISK_TEST_ABANDON"); dir != "" {
		abandon()
	}
	if Check() == nil {
		if _, err := Sweep(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

func newDisk(t *testing.T) *Disk {
	t.Helper()
	if err := Check(); err != nil {
		t.Skipf("NOT TESTED: %v", err)
	}
	d, err := New(Spec{Name: "test", Bytes: 32 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// readUncached reads a file from the device instead of from memory.
func readUncached(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED); err != nil {
		return nil, err
	}
	return io.ReadAll(f)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// appendLines writes a synced line and one that is not synced.
func appendLines(t *testing.T, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	must(t, err)
	defer f.Close()
	_, err = f.WriteString("synced\n")
	must(t, errors.Join(err, f.Sync(), syncDir(filepath.Dir(path))))
	_, err = f.WriteString("not synced\n")
	must(t, err)
}

// wantSyncedOnly wants what appendLines synced. ext4 may keep the length of what was not synced, filled with zeros.
func wantSyncedOnly(t *testing.T, path string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil || string(bytes.TrimRight(got, "\x00")) != "synced\n" {
		t.Errorf("after the cut: got %q, %v, want only the synced line", got, err)
	}
}

func TestACutOfThePowerKeepsWhatWasSyncedAndNothingElse(t *testing.T) {
	d := newDisk(t)
	file := filepath.Join(d.Dir(), "log")
	appendLines(t, file)
	must(t, d.CutPower())
	must(t, d.PowerOn())
	wantSyncedOnly(t, file)
	entries, err := os.ReadDir(d.Dir())
	if err != nil || len(entries) != 3 { // the log, the sentinel, lost+found
		t.Errorf("on the disk: %v, %v, want nothing left of the canaries", entries, err)
	}
}

func TestACutThatLosesNothingIsVacuous(t *testing.T) {
	d := newDisk(t)
	must(t, d.CutPower())
	must(t, d.detach())
	must(t, d.attach())
	must(t, writeSynced(d.path(unsyncedFile), lastWords)) // as if it had been kept
	if err := d.PowerOn(); !errors.Is(err, ErrVacuous) {
		t.Errorf("PowerOn: got %v, want ErrVacuous", err)
	}
}

func TestALyingDiskLosesWhatItSaidWasSynced(t *testing.T) {
	d := newDisk(t)
	before, after := filepath.Join(d.Dir(), "before"), filepath.Join(d.Dir(), "after")
	must(t, writeSynced(before, lastWords))
	must(t, d.Lie())
	must(t, writeSynced(after, lastWords))
	if got, err := readUncached(after); err != nil || !bytes.Equal(got, lastWords) {
		t.Errorf("before the cut the lie shows: %v", err)
	}
	must(t, d.CutPower())
	must(t, d.PowerOn())
	if _, err := os.Stat(before); err != nil {
		t.Errorf("what was synced before the lie: %v", err)
	}
	if _, err := os.Stat(after); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what was synced after the lie: got %v, want that it is gone", err)
	}
	appendLines(t, after)
	must(t, d.CutPower())
	must(t, d.PowerOn())
	wantSyncedOnly(t, after)
}

func TestAFullDiskRefusesUntilThereIsRoom(t *testing.T) {
	d := newDisk(t)
	heal, err := d.Fill()
	must(t, err)
	file := filepath.Join(d.Dir(), "log")
	if err := os.WriteFile(file, make([]byte, 8192), 0o600); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("write: got %v, want ENOSPC", err)
	}
	must(t, heal())
	must(t, os.WriteFile(file, make([]byte, 8192), 0o600))
}

func TestAReadOnlyDiskIsReadAndNotWritten(t *testing.T) {
	d := newDisk(t)
	file := filepath.Join(d.Dir(), "log")
	must(t, writeSynced(file, []byte("there")))
	must(t, d.TurnReadOnly())
	if err := os.WriteFile(file, []byte("changed"), 0o600); !errors.Is(err, unix.EROFS) {
		t.Errorf("write: got %v, want EROFS", err)
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != "there" {
		t.Errorf("read: got %q, %v", got, err)
	}
	must(t, d.Remount())
	must(t, writeSynced(file, []byte("changed")))
}

func TestADeadDiskAnswersWithErrorsAndComesBackWhole(t *testing.T) {
	d := newDisk(t)
	file := filepath.Join(d.Dir(), "log")
	must(t, writeSynced(file, lastWords))
	must(t, d.Die())
	if _, err := readUncached(file); err == nil {
		t.Error("a dead disk gave the bytes of a file")
	}
	if err := writeSynced(filepath.Join(d.Dir(), "more"), lastWords); err == nil {
		t.Error("a dead disk took a synced write")
	}
	must(t, d.Remount())
	if got, err := os.ReadFile(file); err != nil || !bytes.Equal(got, lastWords) {
		t.Errorf("after the repair: %v, want the file as it was", err)
	}
}

// TestASecondSyncLies is why the first failed sync has to be the last.
func TestASecondSyncLies(t *testing.T) {
	d := newDisk(t)
	seen, heal, err := d.FailSyncs()
	must(t, err)
	if seen.First == nil || seen.Second != nil {
		t.Errorf("syncs: got %v and then %v, want an error and then success", seen.First, seen.Second)
	}
	must(t, heal())
	must(t, d.Remount())
	must(t, writeSynced(filepath.Join(d.Dir(), "log"), make([]byte, 4<<20)))
}

func TestAStalledDiskHoldsWritesUp(t *testing.T) {
	d := newDisk(t)
	resume, err := d.Stall()
	must(t, err)
	written := make(chan error, 1)
	go func() { written <- os.WriteFile(filepath.Join(d.Dir(), "log"), []byte("x"), 0o600) }()
	select {
	case err := <-written:
		t.Errorf("a write went through a stalled disk: %v", err)
	default:
	}
	must(t, resume())
	must(t, <-written)
}

func TestAnOldCopyComesBackAsItWas(t *testing.T) {
	d := newDisk(t)
	file := filepath.Join(d.Dir(), "log")
	must(t, writeSynced(file, []byte("old")))
	open, err := os.Open(file) // in use while it is copied
	must(t, err)
	old, err := d.Keep()
	must(t, errors.Join(err, open.Close()))
	for _, next := range []string{"new", "newer"} { // a copy is good for more than once
		must(t, writeSynced(file, []byte(next)))
		must(t, d.PutBack(old))
		if got, err := os.ReadFile(file); err != nil || string(got) != "old" {
			t.Errorf("after %s: got %q, %v, want old", next, got, err)
		}
	}
}

// TestNothingIsLeftBehindByAProcessThatWasKilled runs this test binary as the one that is killed.
func TestNothingIsLeftBehindByAProcessThatWasKilled(t *testing.T) {
	newDisk(t) // of a living process: it stays
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "DISK_TEST_ABANDON=1")
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	must(t, err)
	home := strings.TrimSpace(line)
	if !strings.Contains(mounts(t), home) {
		t.Fatalf("the child left no mount in %q: nothing to sweep", home)
	}
	for deadline := time.Now().Add(10 * time.Second); alive(cmd.Process.Pid); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the child counts as alive")
		}
	}
	n, err := Sweep()
	if err != nil || n != 1 {
		t.Errorf("Sweep: got %d, %v, want 1", n, err)
	}
	if err := cmd.Wait(); err == nil || cmd.ProcessState.Exited() {
		t.Errorf("the child: got %v, want that it was killed", cmd.ProcessState)
	}
	if strings.Contains(mounts(t), home) {
		t.Errorf("still mounted: %s", home)
	}
	if _, err := os.Stat(home); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s: got %v, want that it is gone", home, err)
	}
}

func mounts(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("/proc/self/mountinfo")
	must(t, err)
	return string(text)
}

// abandon makes a disk, stalls it, which is the worst that can be left, says where it is, and dies.
func abandon() {
	d, err := New(Spec{Name: "abandoned", Bytes: MinBytes})
	if err == nil {
		_, err = d.Stall()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(0)
	}
	fmt.Println(d.home)
	_ = unix.Kill(os.Getpid(), unix.SIGKILL)
	select {}
}
