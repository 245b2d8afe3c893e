package check

import (
	"errors"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"testing"

	"backstitch/fsm"
	"backstitch/partition"
)

func TestDigests(t *testing.T) {
	a, b := [32]byte{1}, [32]byte{2}
	all := []string{"a", "b", "c"}
	for _, c := range []struct {
		name string
		told []Digest
		want int
		fit  bool
	}{
		{"equal", []Digest{{"a", 5, a}, {"b", 5, a}, {"c", 5, a}, {"a", 9, b}}, 0, true},
		{"one differs", []Digest{{"a", 5, a}, {"b", 5, a}, {"c", 5, b}}, 1, true},
		{"one changes its mind", []Digest{{"a", 5, a}, {"b", 5, a}, {"c", 5, b}, {"c", 5, a}}, 1, true},
		{"one is silent", []Digest{{"a", 5, a}, {"b", 5, a}}, 0, false},
		{"never the same index", []Digest{{"a", 5, a}, {"b", 6, a}, {"c", 7, b}}, 0, false},
	} {
		found, err := Digests(all, c.told)
		if found.Count(Agreed) != c.want || (err == nil) != c.fit || (err != nil && !errors.Is(err, ErrEvidence)) {
			t.Errorf("%s: got %v, %v, want %d findings, fit: %t", c.name, found, err, c.want, c.fit)
		}
	}
}

func TestLeases(t *testing.T) {
	id := partition.SliceID{Job: "bs-1", N: 1}
	grant := func(owner partition.NodeID, seen partition.Epoch) fsm.Command {
		return fsm.GrantLeases{Grants: []fsm.Grant{{Slice: id, Owner: owner, Seen: seen}}}
	}
	save := func(owner partition.NodeID, epoch partition.Epoch) fsm.Command {
		return fsm.SaveCheckpoints{Owner: owner, Entries: []fsm.SliceCheckpoint{{Slice: id, Checkpoint: fsm.Checkpoint{Epoch: epoch}}}}
	}
	refused := fsm.Result{Refused: []fsm.Refusal{{Slice: id, Code: fsm.StaleEpoch}}}
	for _, c := range []struct {
		name string
		log  []Entry
		want int
	}{
		{"a life", []Entry{{1, grant("a", 0), fsm.Result{}}, {2, save("a", 1), fsm.Result{}}, {4, grant("b", 1), fsm.Result{}}, {5, save("a", 1), refused},
			{6, fsm.FinishSlice{Slice: id, Owner: "b", Epoch: 2}, fsm.Result{}}}, 0},
		{"a stale checkpoint is taken", []Entry{{1, grant("a", 0), fsm.Result{}}, {2, grant("b", 1), fsm.Result{}}, {3, save("a", 1), fsm.Result{}}}, 1},
		{"an epoch is granted twice", []Entry{{1, grant("a", 0), fsm.Result{}}, {2, grant("b", 0), fsm.Result{}}}, 1},
		{"a stranger finishes", []Entry{{1, grant("a", 0), fsm.Result{}}, {2, fsm.FinishSlice{Slice: id, Owner: "b", Epoch: 1}, fsm.Result{}}}, 1},
		{"a stranger fails", []Entry{{1, grant("a", 0), fsm.Result{}}, {2, fsm.FailSlice{Slice: id, Owner: "a", Epoch: 0}, fsm.Result{}}}, 1},
		{"a stale revocation", []Entry{{1, grant("a", 0), fsm.Result{}}, {2, fsm.RevokeLeases{Leases: []fsm.Lease{{Slice: id, Owner: "a", Epoch: 2}}}, fsm.Result{}}}, 1},
		{"a failure that is told twice", []Entry{{1, grant("a", 0), fsm.Result{Index: 1}}, {2, fsm.FailSlice{Slice: id, Owner: "a", Epoch: 1}, fsm.Result{Index: 2}},
			{3, grant("a", 1), fsm.Result{Index: 3}}, {4, fsm.FailSlice{Slice: id, Owner: "a", Epoch: 1}, fsm.Result{Index: 2}}}, 0},
		{"a failure that is taken twice", []Entry{{1, grant("a", 0), fsm.Result{Index: 1}}, {2, fsm.FailSlice{Slice: id, Owner: "a", Epoch: 1}, fsm.Result{Index: 2}},
			{3, grant("a", 1), fsm.Result{Index: 3}}, {4, fsm.FailSlice{Slice: id, Owner: "a", Epoch: 1}, fsm.Result{Index: 4}}}, 1},
		{"a refused finish", []Entry{{1, grant("a", 0), fsm.Result{}}, {2, fsm.FinishSlice{Slice: id, Owner: "b", Epoch: 1}, fsm.Result{Code: fsm.StaleEpoch}}}, 0},
	} {
		if found, grants, err := Leases(c.log); err != nil || found.Count(OneOwner) != c.want || grants == 0 {
			t.Errorf("%s: got %v, %d grants, %v, want %d findings", c.name, found, grants, err, c.want)
		}
	}
	for name, log := range map[string][]Entry{"empty": nil, "indexes that fall": {{2, grant("a", 0), fsm.Result{}}, {1, save("a", 1), fsm.Result{}}}} {
		if _, _, err := Leases(log); !errors.Is(err, ErrEvidence) {
			t.Errorf("%s: got %v, want ErrEvidence", name, err)
		}
	}
}

func TestAcked(t *testing.T) {
	x, y := [16]byte{1}, [16]byte{2}
	acks := []Ack{{x, 3, "submit"}, {y, 5, "pause"}}
	whole := Book{Requests: map[[16]byte]uint64{x: 3, y: 5}, Applied: 9}
	for _, c := range []struct {
		name string
		book Book
		want int
	}{
		{"there", whole, 0},
		{"gone", Book{Requests: map[[16]byte]uint64{x: 3}, Applied: 9}, 1},
		{"elsewhere", Book{Requests: map[[16]byte]uint64{x: 3, y: 6}, Applied: 9}, 1},
		{"a book that ends early", Book{Requests: map[[16]byte]uint64{x: 3}, Applied: 4}, 1},
	} {
		if found, err := Acked(acks, map[string]Book{"a": whole, "b": c.book}); err != nil || found.Count(Kept) != c.want {
			t.Errorf("%s: got %v, %v, want %d", c.name, found, err, c.want)
		}
	}
	for name, try := range map[string]func() (Findings, error){
		"nothing acknowledged": func() (Findings, error) { return Acked(nil, map[string]Book{"a": whole}) },
		"no book":              func() (Findings, error) { return Acked(acks, nil) },
		"forgotten":            func() (Findings, error) { return Acked(acks, map[string]Book{"a": {Complete: 4, Applied: 9}}) },
		"no id":                func() (Findings, error) { return Acked([]Ack{{}}, map[string]Book{"a": whole}) },
	} {
		if found, err := try(); !errors.Is(err, ErrEvidence) {
			t.Errorf("%s: got %v, %v, want ErrEvidence", name, found, err)
		}
	}
}

func TestEnded(t *testing.T) {
	const id = partition.JobID("bs-1")
	for _, c := range []struct {
		name string
		ends []End
		want int
	}{
		{"proved", []End{{Job: id, State: fsm.JobSucceeded, Proof: "p"}}, 0},
		{"no proof", []End{{Job: id, State: fsm.JobSucceeded}}, 1},
		{"unknown", nil, 1},
		{"still running", []End{{Job: id, State: fsm.JobRunning}}, 1},
		{"failed, not allowed", []End{{Job: id, State: fsm.JobFailed, Why: "x"}}, 1},
		{"failed, allowed", []End{{Job: id, State: fsm.JobFailed, Why: "x", May: []fsm.JobState{fsm.JobFailed}}}, 0},
		{"failed without a word", []End{{Job: id, State: fsm.JobFailed, May: []fsm.JobState{fsm.JobFailed}}}, 1},
	} {
		if found, err := Ended([]partition.JobID{id}, c.ends); err != nil || found.Count(Definite) != c.want {
			t.Errorf("%s: got %v, %v, want %d", c.name, found, err, c.want)
		}
	}
	if _, err := Ended(nil, nil); !errors.Is(err, ErrEvidence) {
		t.Errorf("no job: got %v, want ErrEvidence", err)
	}
}

func TestLeaksComparesAsOftenAsItIsThere(t *testing.T) {
	if f := Leaks("files", []string{"a", "b"}, []string{"a", "b", "b", "c"}); f.Count(NothingLeft) != 2 {
		t.Errorf("got %v, want b and c", f)
	}
	if f := Leaks("files", []string{"a", "b"}, []string{"b"}); len(f) != 0 {
		t.Errorf("got %v, want none", f)
	}
	if a, b := Grown("goroutines", 5, 7, 2), Grown("goroutines", 5, 8, 2); len(a) != 0 || len(b) != 1 {
		t.Errorf("got %v and %v, want none and one", a, b)
	}
}

func TestLeaksSeeARealProcessAndFile(t *testing.T) {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("no /proc")
	}
	cmd := exec.CommandContext(t.Context(), "sleep", "60")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Skip(err)
	}
	group := cmd.Process.Pid
	if got, err := Group(group); err != nil || len(got) != 1 {
		t.Errorf("got %v, %v, want the one process", got, err)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if got, err := Group(group); err != nil || len(got) != 0 {
		t.Errorf("after its end: got %v, %v, want none", got, err)
	}
	before, err := Files(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(t.TempDir() + "/left-open")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	after, err := Files(os.Getpid())
	if err != nil || !slices.ContainsFunc(Leaks("files", before, after), func(x Finding) bool { return x.What == f.Name() }) {
		t.Errorf("got %v, %v, want %s among the leaks", after, err, f.Name())
	}
	if got, err := Mounts("/proc"); err != nil || len(got) == 0 {
		t.Errorf("mounts: got %v, %v, want /proc", got, err)
	}
	if _, err := Files(1 << 30); !errors.Is(err, ErrEvidence) {
		t.Errorf("a process that is not there: got %v, want ErrEvidence", err)
	}
}
