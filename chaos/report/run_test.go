package report

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"backstitch/chaos/fault"
	"backstitch/chaos/scenario"
)

func spec(t testing.TB) Spec {
	t.Helper()
	s, err := scenario.Find("zombie-owner")
	if err != nil {
		t.Fatal(err)
	}
	faults, err := s.Plan(7)
	if err != nil {
		t.Fatal(err)
	}
	return Spec{Scenario: s, Layer: fault.RealProcess, Seed: 7, Faults: faults, Command: "go test -seed 7"}
}

func start(t testing.TB, root string) *Run {
	t.Helper()
	r, err := Start(root, spec(t))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func read(t testing.TB, dir string) Record {
	t.Helper()
	rec, err := Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

func TestARunIsReadBack(t *testing.T) {
	root := t.TempDir()
	r := start(t, root)
	want := spec(t)
	data, err := r.Sub("data", "node-a")
	if err != nil {
		t.Fatal(err)
	}
	logs, err := r.Sub("logs")
	if err != nil {
		t.Fatal(err)
	}
	r.Phase("run")
	r.Fault(want.Faults[0], "node-b")
	r.Healed(want.Faults[0], true, map[string]int{"dropped": 3})
	r.Operation(map[string]string{"op": "submit"})
	verdict, err := r.Finish(Figures{FailoverMs: []int64{900}}, false)
	if err != nil {
		t.Fatal(err)
	}
	if verdict.Outcome != Kept || verdict.Figures.Scenarios != 1 || verdict.Figures.Faults[fault.Pause].Injected != 1 {
		t.Errorf("got %+v, want a kept run with one fault", verdict)
	}
	rec := read(t, r.Dir())
	if diff := cmp.Diff(rec.Scenario, want.Scenario); diff != "" {
		t.Errorf("scenario (-got +want):\n%s", diff)
	}
	if diff := cmp.Diff(rec.Faults, want.Faults); diff != "" {
		t.Errorf("faults (-got +want):\n%s", diff)
	}
	if rec.Head.Seed != 7 || rec.Head.Command != want.Command || rec.Verdict.Outcome != Kept || rec.Verdict.Figures.FailoverMs[0] != 900 {
		t.Errorf("got %+v", rec)
	}
	var whats []string
	for _, e := range rec.Timeline {
		whats = append(whats, e.What)
	}
	if diff := cmp.Diff(whats, []string{Phase, Begins, Heals}); diff != "" {
		t.Errorf("timeline (-got +want):\n%s", diff)
	}
	if _, err := os.Stat(data); !os.IsNotExist(err) {
		t.Errorf("data of a kept run: got %v, want it removed", err)
	}
	if _, err := os.Stat(logs); err != nil {
		t.Errorf("logs of a kept run: %v", err)
	}
	if list, err := List(root); err != nil || len(list) != 1 {
		t.Errorf("list: got %v, %v, want one run", list, err)
	}
}

func TestAViolationCanNotBeTakenBack(t *testing.T) {
	r := start(t, t.TempDir())
	if _, err := r.Sub("data"); err != nil {
		t.Fatal(err)
	}
	r.Break("a record is there twice")
	v, err := r.Finish(Figures{}, false)
	if err != nil || v.Outcome != Broken || v.Figures.Violations != 1 {
		t.Errorf("got %+v, %v, want a broken run", v, err)
	}
	if err := r.Skip("changed my mind"); err != nil {
		t.Fatal(err)
	}
	rec := read(t, r.Dir())
	if rec.Verdict.Outcome != Broken || !slices.Equal(rec.Verdict.Violations, []string{"a record is there twice"}) {
		t.Errorf("got %+v, want it broken for ever", rec.Verdict)
	}
	if _, err := os.Stat(filepath.Join(r.Dir(), "data")); err != nil {
		t.Errorf("data of a broken run: %v, want it kept", err)
	}
}

func TestAFaultThatHitsNothingShowsNothing(t *testing.T) {
	for _, fine := range []bool{false, true} {
		r := start(t, t.TempDir())
		r.Healed(fault.MustParse("loss 1% on all"), false, nil)
		v, err := r.Finish(Figures{}, fine)
		if err != nil {
			t.Fatal(err)
		}
		if (v.Outcome == Kept) != fine || (len(v.Missed) == 1) == fine {
			t.Errorf("vacuous is fine: %t: got %+v", fine, v)
		}
	}
}

func TestATestThatFailsIsBroken(t *testing.T) {
	rows := []struct {
		name string
		do   func(*fakeTest, *Run)
		want Outcome
	}{
		{"no verdict", func(*fakeTest, *Run) {}, Unfinished},
		{"fails", func(f *fakeTest, _ *Run) { f.failed = true }, Broken},
		{"skips", func(f *fakeTest, _ *Run) { f.skipped = true }, Skipped},
		{"kept", func(_ *fakeTest, r *Run) { finish(t, r) }, Kept},
		{"fails after it was kept", func(f *fakeTest, r *Run) { finish(t, r); f.failed = true }, Broken},
	}
	for _, row := range rows {
		f := &fakeTest{TB: t}
		r := ForTest(f, t.TempDir(), spec(t))
		row.do(f, r)
		f.cleanup()
		if got := read(t, r.Dir()).Verdict.Outcome; got != row.want {
			t.Errorf("%s: got %s, want %s", row.name, got, row.want)
		}
	}
}

func finish(t *testing.T, r *Run) {
	t.Helper()
	if _, err := r.Finish(Figures{}, false); err != nil {
		t.Fatal(err)
	}
}

// fakeTest is a test whose end is ours.
type fakeTest struct {
	testing.TB
	failed, skipped bool
	cleanup         func()
}

func (f *fakeTest) Cleanup(do func()) { f.cleanup = do }
func (f *fakeTest) Failed() bool      { return f.failed }
func (f *fakeTest) Skipped() bool     { return f.skipped }

const childEnv = "BACKSTITCH_REPORT_CHILD"

// TestWhatIsWrittenSurvives runs itself as a child that dies in the middle of a run.
func TestWhatIsWrittenSurvives(t *testing.T) {
	if how := os.Getenv(childEnv); how != "" {
		die(t, how)
		return
	}
	for how, want := range map[string]Outcome{"panic": Broken, "elsewhere": Unfinished, "sigkill": Unfinished} {
		root := t.TempDir()
		cmd := exec.Command(os.Args[0], "-test.run", "^TestWhatIsWrittenSurvives$")
		cmd.Env = append(os.Environ(), childEnv+"="+how, childEnv+"_ROOT="+root)
		out, err := cmd.CombinedOutput()
		if err == nil {
			t.Fatalf("%s: the child lived:\n%s", how, out)
		}
		list, err := List(root)
		if err != nil || len(list) != 1 {
			t.Fatalf("%s: got %v, %v, want one run\n%s", how, list, err, out)
		}
		if got := list[0].Verdict.Outcome; got != want {
			t.Errorf("%s: got %s, want %s", how, got, want)
		}
		if len(list[0].Timeline) == 0 || list[0].Timeline[0].Text != "run" {
			t.Errorf("%s: timeline %v, want what was written before", how, list[0].Timeline)
		}
		if how == "panic" && !strings.Contains(strings.Join(list[0].Verdict.Violations, ""), "die(") {
			t.Errorf("panic: violations %q, want the stack", list[0].Verdict.Violations)
		}
	}
}

func die(t *testing.T, how string) {
	r := start(t, os.Getenv(childEnv+"_ROOT"))
	defer r.Guard()
	r.Phase("run")
	switch how {
	case "panic":
		panic("on purpose")
	case "elsewhere":
		go func() { panic("on purpose") }()
		select {}
	case "sigkill":
		if err := syscall.Kill(os.Getpid(), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		select {}
	}
}

func TestSubDirectoriesStayInside(t *testing.T) {
	r := start(t, t.TempDir())
	for _, bad := range []string{"..", "../x", "/tmp", "data/../../x"} {
		if dir, err := r.Sub(bad); err == nil {
			t.Errorf("%s: got %s, want it refused", bad, dir)
		}
	}
}

func TestTwoRunsOfOneSeedDoNotMeet(t *testing.T) {
	root := t.TempDir()
	if a, b := start(t, root), start(t, root); a.Dir() == b.Dir() {
		t.Errorf("both are in %s", a.Dir())
	}
}

func TestAHalfLineEndsTheTimeline(t *testing.T) {
	r := start(t, t.TempDir())
	r.Phase("run")
	file, err := os.OpenFile(filepath.Join(r.Dir(), "timeline.jsonl"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteString(`{"after":1,"wh`); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	if got := len(read(t, r.Dir()).Timeline); got != 1 {
		t.Errorf("got %d events, want the whole one", got)
	}
}
