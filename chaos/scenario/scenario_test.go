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
	if n := len(list); n < 228 || n != len(rows)*2*3 {
		t.Errorf("%d runs, want at least 38 faults on two sizes under three loads", n)
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
