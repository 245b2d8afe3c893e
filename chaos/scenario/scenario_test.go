package scenario

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"backstitch/chaos/fault"
)

func TestTheLibraryIsSound(t *testing.T) {
	paths, err := filepath.Glob("library/*.yaml")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no library: %v", err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		s, err := Parse(path, data)
		if err != nil {
			t.Error(err)
			continue
		}
		if want := s.Name + ".yaml"; filepath.Base(path) != want {
			t.Errorf("%s holds %s, which belongs into %s", path, s.Name, want)
		}
		if comment := strings.TrimLeft(string(data), "# "); comment == string(data) {
			t.Errorf("%s does not begin with a comment that says what the story is", path)
		}
	}
}

func TestWhatIsWrittenIsReadAgain(t *testing.T) {
	for _, s := range append(Library(), Matrix()...) {
		got, err := Parse(s.Name, s.Text())
		if err != nil {
			t.Errorf("%v\n%s", err, s.Text())
			continue
		}
		if diff := cmp.Diff(got, s); diff != "" {
			t.Errorf("%s (-got +want):\n%s\n%s", s.Name, diff, s.Text())
		}
	}
}

func TestTheMatrixIsTheFullProduct(t *testing.T) {
	list := Matrix()
	want := 0
	for _, r := range rows {
		if want += 2 * 3; r.busy {
			want -= 2 // not on an idle cluster
		}
	}
	if n := len(list); n < 228 || n != want {
		t.Errorf("%d runs, want %d, at least 38 faults on two sizes under three loads", n, want)
	}
	seen := map[fault.Kind]bool{}
	for _, s := range list {
		for _, k := range s.Kinds() {
			seen[k] = true
		}
	}
	for _, k := range fault.Kinds(fault.RealProcess, fault.Process, fault.Network, fault.Disk, fault.Resource) {
		if !seen[k] {
			t.Errorf("the matrix has no %s", k)
		}
	}
}

// TestEveryKindIsUsed keeps the table honest: a kind that some layer claims to inject is in a scenario of that layer, or in the
// list of those that a layer draws by itself.
func TestEveryKindIsUsed(t *testing.T) {
	used := map[fault.Kind]fault.Layers{}
	for _, s := range append(Library(), Matrix()...) {
		for _, k := range s.Kinds() {
			used[k] |= s.Layers
		}
	}
	for _, k := range fault.Kinds(0) {
		where := k.Spec().Where
		switch {
		case where == 0 && used[k] != 0:
			t.Errorf("%s is in a scenario and can not be injected", k)
		case where == 0 || where.Has(fault.Sim) || where.Has(fault.Bubble):
			// Not yet; or drawn from fault.Kinds by a layer whose timelines all come from seeds.
		case !used[k].Has(fault.RealProcess):
			t.Errorf("%s can be injected in %s and is in no scenario of real processes", k, where)
		}
	}
}

// The stories that the program was made for, as far as they can be told by what exists.
func TestTheStoriesAreTold(t *testing.T) {
	told := map[string]bool{}
	for _, s := range Library() {
		told[s.Story] = true
	}
	for _, story := range []string{"S1", "S3", "S5", "S12", "S17", "S18", "S21", "S25", "S26", "S27"} {
		if !told[story] {
			t.Errorf("%s is not told", story)
		}
	}
}
