//go:build chaos && linux

package limits

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"backstitch/chaos/disk"
)

// TestMain lets the test binary play a process that is limited: it does what it is told, line by line, and answers.
func TestMain(m *testing.M) {
	if os.Getenv("LIMITS_TEST_CHILD") != "" {
		child()
		return
	}
	if _, err := Sweep(); err != nil && os.Geteuid() == 0 {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func child() {
	var kept [][]byte
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		verb, arg, _ := strings.Cut(lines.Text(), " ")
		var n int
		var err error
		fmt.Sscan(arg, &n)
		switch verb {
		case "spin":
			for until := time.Now().Add(time.Duration(n) * time.Millisecond); time.Now().Before(until); {
			}
		case "allocate": // MiB
			block := make([]byte, n<<20)
			for i := 0; i < len(block); i += 4096 {
				block[i] = 1
			}
			kept = append(kept, block)
		case "open":
			for range n {
				if _, err = os.Open(os.DevNull); err != nil {
					break
				}
			}
		case "abandon":
			var g *Group
			if g, err = NewGroup("abandoned"); err == nil {
				err = g.Pids(100)
			}
		case "write": // KiB
			f, _ := os.CreateTemp("", "limits-child-")
			_, err = f.Write(make([]byte, n<<10))
			f.Close()
			os.Remove(f.Name())
		}
		fmt.Println(err)
	}
	_ = kept
}

type worker struct {
	t   *testing.T
	cmd *exec.Cmd
	in  io.Writer
	out *bufio.Reader
}

func start(t *testing.T) *worker {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "LIMITS_TEST_CHILD=1")
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	in, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	w := &worker{t: t, cmd: cmd, in: in, out: bufio.NewReader(out)}
	w.do("nothing")
	return w
}

func (w *worker) pid() int { return w.cmd.Process.Pid }

// do tells the child to do something and returns its answer, io.EOF when it died of it.
func (w *worker) do(what string) (string, error) {
	w.t.Helper()
	if _, err := fmt.Fprintln(w.in, what); err != nil {
		w.t.Fatal(err)
	}
	line, err := w.out.ReadString('\n')
	return strings.TrimSpace(line), err
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// group makes a group for a test that needs a controller.
func group(t *testing.T, c Controller) *Group {
	t.Helper()
	if err := Check(c); err != nil {
		t.Skipf("NOT TESTED: %v", err)
	}
	g, err := NewGroup("test")
	must(t, err)
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	return g
}

func TestAShareOfACoreThrottles(t *testing.T) {
	g := group(t, CPU)
	w := start(t)
	must(t, g.Add(w.pid()))
	must(t, g.CPU(0.1))
	_, err := w.do("spin 350")
	must(t, err)
	if n, err := g.Throttled(); err != nil || n < 1 {
		t.Errorf("throttled: got %d, %v, want at least once", n, err)
	}
	must(t, g.CPU(0))
	before, err := g.Throttled()
	must(t, err)
	_, err = w.do("spin 250")
	must(t, err)
	if after, err := g.Throttled(); err != nil || after != before {
		t.Errorf("throttled without a bound: got %d after %d, %v", after, before, err)
	}
}

func TestTheKernelKillsWhatNeedsTooMuchMemory(t *testing.T) {
	g := group(t, Memory)
	w := start(t)
	must(t, g.Add(w.pid()))
	must(t, g.Memory(48<<20))
	if got, err := w.do("allocate 8"); err != nil || got != "<nil>" {
		t.Fatalf("within the limit: got %q, %v", got, err)
	}
	if got, err := w.do("allocate 128"); !errors.Is(err, io.EOF) {
		t.Errorf("beyond the limit: got %q, %v, want that the child was killed", got, err)
	}
	err := w.cmd.Wait()
	if status, ok := w.cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
		t.Errorf("the child ended with %v, want SIGKILL", err)
	}
	if n, err := g.OOMKills(); err != nil || n != 1 {
		t.Errorf("killed: got %d, %v, want 1", n, err)
	}
	next := start(t)
	must(t, g.Add(next.pid()))
	must(t, g.Memory(0))
	if got, err := next.do("allocate 128"); err != nil || got != "<nil>" {
		t.Errorf("without a limit: got %q, %v", got, err)
	}
}

func TestThreadsAreRefused(t *testing.T) {
	g := group(t, Pids)
	w := start(t)
	must(t, g.Add(w.pid()))
	must(t, g.Pids(1))
	cmd := exec.Command("true")
	must(t, g.Add(os.Getpid())) // joins need no room, and what we start next does
	err := cmd.Start()
	must(t, evict(g.dirs[Pids], g.parent(Pids)))
	if err == nil {
		_ = cmd.Wait()
		t.Error("a process was started beyond the limit")
	}
	if n, err := g.Refused(); err != nil || n < 1 {
		t.Errorf("refused: got %d, %v, want at least once", n, err)
	}
}

func TestASlowDeviceDelaysSyncs(t *testing.T) {
	g := group(t, Blkio)
	if err := disk.Check(); err != nil {
		t.Skipf("NOT TESTED: %v", err)
	}
	if _, err := disk.Sweep(); err != nil {
		t.Fatal(err)
	}
	d, err := disk.New(disk.Spec{Name: "slow", Bytes: disk.MinBytes})
	must(t, err)
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	major, minor, err := d.Device()
	must(t, err)
	must(t, g.Add(os.Getpid()))
	const syncs, delay = 20, 20 * time.Millisecond
	must(t, g.SlowDevice(major, minor, delay))
	slow := timeSyncs(t, d.Dir(), syncs)
	must(t, g.SlowDevice(major, minor, 0))
	fast := timeSyncs(t, d.Dir(), syncs)
	t.Logf("%d syncs: %s, %s when slow", syncs, fast, slow)
	if slow < syncs/4*delay { // the kernel lets the first ones pass
		t.Errorf("%d syncs took %s, want most of them to take %s", syncs, slow, delay)
	}
}

func timeSyncs(t *testing.T, dir string, n int) time.Duration {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, "syncs"))
	must(t, err)
	defer f.Close()
	began := time.Now()
	for range n {
		_, err := f.Write(make([]byte, 4096))
		must(t, errors.Join(err, f.Sync()))
	}
	return time.Since(began)
}

func TestFilesCanNotBeOpenedBeyondTheLimit(t *testing.T) {
	w := start(t)
	w.do("open 1") // Go's poller opens files of its own with the first
	heal, err := MoreFiles(w.pid(), 5)
	must(t, err)
	for _, step := range []struct {
		do   string
		left int
	}{{"nothing", 5}, {"open 3", 2}, {"open 2", 0}} {
		if got, _ := w.do(step.do); got != "<nil>" {
			t.Errorf("%s, within the limit: got %q", step.do, got)
		}
		if left, err := FilesLeft(w.pid()); err != nil || left != step.left {
			t.Errorf("left after %s: got %d, %v, want %d", step.do, left, err, step.left)
		}
	}
	if got, _ := w.do("open 1"); !strings.Contains(got, "too many open files") {
		t.Errorf("beyond the limit: got %q, want EMFILE", got)
	}
	must(t, heal())
	if got, _ := w.do("open 50"); got != "<nil>" {
		t.Errorf("healed: got %q", got)
	}
}

func TestAFileCanNotGrowBeyondTheLimit(t *testing.T) {
	w := start(t)
	heal, err := FileSize(w.pid(), 64<<10)
	must(t, err)
	if got, err := w.do("write 128"); err != nil || !strings.Contains(got, unix.EFBIG.Error()) {
		t.Errorf("beyond the limit: got %q, %v, want EFBIG", got, err)
	}
	must(t, heal())
	if got, err := w.do("write 128"); err != nil || got != "<nil>" {
		t.Errorf("healed: got %q, %v", got, err)
	}
}

func TestALimitThatIsNoneIsRefused(t *testing.T) {
	w := start(t)
	if _, err := Files(w.pid(), 1<<40); err == nil {
		t.Error("a limit above what the process has was accepted")
	}
}

func TestGroupsOfAProcessThatIsGoneAreRemoved(t *testing.T) {
	if err := Check(Pids); err != nil {
		t.Skipf("NOT TESTED: %v", err)
	}
	mine := group(t, Pids)
	must(t, mine.Pids(100))
	w := start(t)
	if got, err := w.do("abandon"); err != nil || got != "<nil>" {
		t.Fatalf("abandon: %q, %v", got, err)
	}
	_ = w.cmd.Process.Kill()
	_ = w.cmd.Wait()
	n, err := Sweep()
	if err != nil || n != 1 {
		t.Errorf("Sweep: got %d, %v, want the one group of the dead child", n, err)
	}
	if _, err := os.Stat(mine.dirs[Pids]); err != nil {
		t.Errorf("the group of a living process: %v", err)
	}
}
