package image

import (
	"debug/elf"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

const (
	root = "../../.."
	// bar is how large the program may be, in bytes, and with it an image: there is little beside it.
	bar = 60_000_000
)

func read(t *testing.T, file string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(root, file))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestTheProgramIsStaticAndSmall(t *testing.T) {
	file, err := elf.Open(filepath.Join(root, "bin/backstitch"))
	if err != nil {
		t.Fatalf("%v (make build)", err)
	}
	defer file.Close()
	for _, p := range file.Progs {
		if p.Type == elf.PT_INTERP {
			t.Error("it wants a loader, and the image has none")
		}
	}
	if libraries, err := file.ImportedLibraries(); err == nil && len(libraries) > 0 {
		t.Errorf("it wants %q", libraries)
	}
	if file.Section(".symtab") != nil {
		t.Error("it is not stripped")
	}
	// A deb packs the program as a layer of an image is packed, with little beside it.
	packed, err := filepath.Glob(filepath.Join(root, "bin/packages/*.deb"))
	if err != nil || len(packed) != 1 {
		t.Fatalf("%d packages (make packages): %v", len(packed), err)
	}
	sent, err := os.Stat(packed[0])
	if err != nil {
		t.Fatal(err)
	}
	whole, err := os.Stat(filepath.Join(root, "bin/backstitch"))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%.1f MiB on a disk, %.1f MiB as it is sent", float64(whole.Size())/(1<<20), float64(sent.Size())/(1<<20))
	if whole.Size() >= bar {
		t.Errorf("%d bytes, and it has to be below %d (make size)", whole.Size(), bar)
	}
}

// TestTheBuildGetsWhatItNeedsAndNoMore asks the compiler which files it reads, and the rules of .dockerignore whether they are there.
func TestTheBuildGetsWhatItNeedsAndNoMore(t *testing.T) {
	patterns, err := ignorefile.ReadAll(strings.NewReader(read(t, ".dockerignore")))
	if err != nil {
		t.Fatal(err)
	}
	ignore, err := patternmatcher.New(patterns)
	if err != nil {
		t.Fatal(err)
	}
	ignored := func(file string) bool {
		t.Helper()
		out, err := ignore.MatchesOrParentMatches(file)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	list := exec.Command("go", "list", "-deps", "-json=Dir,Standard,Module,GoFiles,EmbedFiles", "./cmd/backstitch")
	list.Dir = root
	list.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	top, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	needed := []string{"go.mod", "go.sum", "Makefile"}
	for packages := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct {
			Dir                 string
			Module              *struct{ Main bool }
			GoFiles, EmbedFiles []string
		}
		if err := packages.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if p.Module == nil || !p.Module.Main {
			continue
		}
		at, err := filepath.Rel(top, p.Dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range append(p.GoFiles, p.EmbedFiles...) {
			needed = append(needed, filepath.ToSlash(filepath.Join(at, f)))
		}
	}
	if len(needed) < 500 {
		t.Fatalf("the program has %d files", len(needed))
	}
	for _, f := range needed {
		if ignored(f) {
			t.Errorf("%s is ignored, and the build needs it", f)
		}
	}
	for _, f := range []string{".git/HEAD", ".git", "bin/backstitch", "pki/ca.key", "node-a.pem", "docs/operate.md", "README.md", "deploy/helm/backstitch/values.yaml",
		"cluster/node_test.go", "cmd/backstitch/testdata/help.golden", "replay/DESIGN.md"} {
		if !ignored(f) {
			t.Errorf("%s gets into the build", f)
		}
	}
}

func TestTheDockerfileFitsTheProgram(t *testing.T) {
	file := read(t, "deploy/docker/Dockerfile")
	last := file[strings.LastIndex(file, "\nFROM "):]
	for _, line := range []string{"USER 65532:65532", "ENTRYPOINT [\"/usr/bin/backstitch\"]", "STOPSIGNAL SIGTERM", "VOLUME /var/lib/backstitch", "ENV PATH=/usr/bin", "EXPOSE 7420 7421 7422 7422/udp 7423"} {
		if !strings.Contains(last, "\n"+line+"\n") {
			t.Errorf("the image lacks %q", line)
		}
	}
	if regexp.MustCompile(`(?m)^RUN`).MatchString(last) {
		t.Error("something runs in the image, which has no shell")
	}
	for _, word := range []string{"make build VERSION=$VERSION", "GOARCH=$TARGETARCH", "--platform=$BUILDPLATFORM"} {
		if !strings.Contains(file, word) {
			t.Errorf("the build lacks %q", word)
		}
	}
	for _, word := range []string{"CGO_ENABLED=0", "-trimpath", "-s -w -X main.version=$(VERSION)"} {
		if !strings.Contains(read(t, "Makefile"), word) {
			t.Errorf("make build lacks %q", word)
		}
	}
	mod := regexp.MustCompile(`(?m)^go (1\.\d+)`).FindStringSubmatch(read(t, "go.mod"))
	if mod == nil || !strings.Contains(file, "ARG BUILDER=golang:"+mod[1]+"-") {
		t.Errorf("it is built by another Go than go.mod names: %v", mod)
	}
	// Whose registry an image comes from is for whoever builds to say.
	for _, from := range regexp.MustCompile(`(?m)^ARG (?:BUILDER|BASE)=(.*)$`).FindAllStringSubmatch(file, -1) {
		if host, _, found := strings.Cut(from[1], "/"); found && strings.Contains(host, ".") {
			t.Errorf("%s names a registry", from[1])
		}
	}
	if n := strings.Count(read(t, "deploy/helm/backstitch/templates/statefulset.yaml"), "65532"); n != 3 {
		t.Errorf("the chart runs as somebody else: 65532 stands there %d times", n)
	}
}
