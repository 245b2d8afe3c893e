package backstitch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// rooms says which other rooms a room may import. Data (replay) and control (cluster) never meet below cmd: a cluster that
// can not see records can not leak them, and a replay that can not see Raft runs in a test without one.
var rooms = map[string][]string{
	"partition": {},
	"storage":   {},
	"fsm":       {"partition", "storage"},
	"replay":    {"partition", "storage", "fsm"},
	"cluster":   {"partition", "storage", "fsm"},
	"chaos":     {"partition", "storage", "fsm", "replay", "cluster"},
	"cmd":       {"partition", "storage", "fsm", "replay", "cluster", "chaos"},
	"deploy":    {},
}

// apart lists packages that a room must not import although it may import their room: an Apply that plans or assigns would
// diverge between two program versions.
var apart = map[string][]string{"fsm": {"backstitch/partition/plan", "backstitch/partition/assign"}}

// siblings are folders whose packages must not know each other.
var siblings = []string{"backstitch/replay/source/", "backstitch/replay/sink/", "backstitch/replay/bucket/"}

// clocks are the places that may look at the clock. Everyone else takes one, so that tests own the time.
var clocks = []string{"cmd/", "cluster/leader/", "replay/throttle/", "replay/bench/", "chaos/", "deploy/"}

type source struct {
	file string // slash-separated, relative to the module
	pkg  string // import path
	tree *ast.File
}

func (s source) room() string { return strings.SplitN(s.file, "/", 2)[0] }
func (s source) kit() bool    { return strings.HasSuffix(path.Dir(s.file), "test") }
func (s source) test() bool   { return strings.HasSuffix(s.file, "_test.go") }

// parsed is what sources has read: most tests here look at the same trees, and none changes one.
var parsed = map[parser.Mode][]source{}

// sources parses every Go file of this module, once for each mode.
func sources(t *testing.T, mode parser.Mode) []source {
	t.Helper()
	if out, ok := parsed[mode]; ok {
		return out
	}
	var out []source
	fset := token.NewFileSet()
	err := filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			_, other := os.Stat(filepath.Join(name, "go.mod"))
			hidden := name != "." && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "testdata")
			if hidden || (name != "." && other == nil) {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		tree, err := parser.ParseFile(fset, name, nil, mode)
		if err != nil {
			return err
		}
		file := filepath.ToSlash(name)
		out = append(out, source{file: file, pkg: path.Join("backstitch", path.Dir(file)), tree: tree})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	parsed[mode] = out
	return out
}

func TestOnlyTheRoomsExist(t *testing.T) {
	for _, s := range sources(t, parser.ImportsOnly) {
		if !strings.Contains(s.file, "/") {
			continue // the root package: doc.go and these tests
		}
		if _, ok := rooms[s.room()]; !ok {
			t.Errorf("%s: %q is not one of the rooms", s.file, s.room())
		}
	}
}

func TestRoomsImportOnlyWhatTheyMay(t *testing.T) {
	for _, s := range sources(t, parser.ImportsOnly) {
		for _, spec := range s.tree.Imports {
			target, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			if why := forbidden(s, target); why != "" {
				t.Errorf("%s imports %s: %s", s.file, target, why)
			}
		}
	}
}

// forbidden says why file s must not import target, "" when it may.
func forbidden(s source, target string) string {
	rest, ours := strings.CutPrefix(target, "backstitch/")
	if !ours {
		return ""
	}
	to := strings.SplitN(rest, "/", 2)[0]
	if to != s.room() && !slices.Contains(rooms[s.room()], to) {
		return s.room() + " may not import " + to
	}
	if slices.Contains(apart[s.room()], target) {
		return s.room() + " records assignments and must not compute them"
	}
	for _, folder := range siblings {
		from, isFrom := strings.CutPrefix(s.pkg, folder)
		into, isInto := strings.CutPrefix(target, folder)
		if isFrom && isInto && strings.SplitN(from, "/", 2)[0] != strings.SplitN(into, "/", 2)[0] {
			return "siblings in " + folder + " do not know each other"
		}
	}
	return ""
}

func TestOnlyAFewPlacesLookAtTheClock(t *testing.T) {
	for _, s := range sources(t, parser.SkipObjectResolution) {
		if s.test() || s.kit() || slices.ContainsFunc(clocks, func(p string) bool { return strings.HasPrefix(s.file, p) }) {
			continue
		}
		ast.Inspect(s.tree, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			pkg, ok := sel.X.(*ast.Ident)
			if ok && pkg.Name == "time" && slices.Contains([]string{"Now", "Since", "Until"}, sel.Sel.Name) {
				t.Errorf("%s uses time.%s: take a clock instead", s.file, sel.Sel.Name)
			}
			return true
		})
	}
}

// The templates of the standard library call methods by names that nobody knows before they run. A program that holds them keeps every
// exported method of every type that it holds: it was a fifth larger.
func TestNobodyKeepsEveryMethod(t *testing.T) {
	for _, s := range sources(t, parser.ImportsOnly) {
		for _, spec := range s.tree.Imports {
			if s.test() || s.kit() {
				continue
			}
			if path := spec.Path.Value; path == `"html/template"` || path == `"text/template"` {
				t.Errorf("%s imports %s: take github.com/DataDog/datadog-agent/pkg/template/html, the same without calls of methods", s.file, path)
			}
			if spec.Path.Value == `"github.com/invopop/jsonschema"` {
				t.Errorf("%s imports what makes schemas; the program holds them as files, and makes none: replay/spec/generate_test.go", s.file)
			}
		}
	}
}

// endings are the places that may ask whether an error is io.EOF anywhere inside: they look at bytes of a file or of an answer, and
// none of them reads records.
var endings = []string{"replay/connect/", "replay/klog/broken.go", "replay/foreign/codec.go", "replay/foreign/damage.go", "replay/source/oso/",
	"replay/source/gazette/", "replay/bucket/s3/"}

// The end of records is io.EOF itself. An error that wraps one is a connection that somebody closed, and who takes that for the end
// loses what was still to come.
func TestNobodyTakesAClosedConnectionForTheEndOfRecords(t *testing.T) {
	for _, s := range sources(t, parser.SkipObjectResolution) {
		if s.test() || s.room() != "replay" || slices.ContainsFunc(endings, func(p string) bool { return strings.HasPrefix(s.file, p) }) {
			continue
		}
		ast.Inspect(s.tree, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok && selects(call.Fun, "errors", "Is") && len(call.Args) == 2 && selects(call.Args[1], "io", "EOF") {
				t.Errorf("%s asks errors.Is(err, io.EOF): compare with ==", s.file)
			}
			return true
		})
	}
}

// selects says whether e is pkg.name.
func selects(e ast.Expr, pkg, name string) bool {
	sel, ok := e.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	x, ok := sel.X.(*ast.Ident)
	return ok && x.Name == pkg && sel.Sel.Name == name
}

func TestForbiddenKnowsTheRules(t *testing.T) {
	rows := []struct {
		file, target string
		want         bool // forbidden
	}{
		{"replay/worker/worker.go", "backstitch/cluster", true},
		{"cluster/node.go", "backstitch/replay/worker", true},
		{"cluster/client/client.go", "backstitch/replay/recovery", true},
		{"fsm/machine.go", "backstitch/partition/assign", true},
		{"fsm/machine.go", "backstitch/partition", false},
		{"storage/db.go", "backstitch/partition", true},
		{"replay/source/kafka/kafka.go", "backstitch/replay/source/archive", true},
		{"replay/source/kafka/kafka.go", "backstitch/replay/source", false},
		{"cluster/leader/loop.go", "backstitch/partition/assign", false},
		{"cmd/backstitch/wire.go", "backstitch/cluster", false},
		{"chaos/check/check.go", "backstitch/cmd/backstitch", true},
		{"cluster/node.go", "github.com/hashicorp/raft", false},
	}
	for _, row := range rows {
		got := forbidden(source{file: row.file, pkg: path.Join("backstitch", path.Dir(row.file))}, row.target) != ""
		if got != row.want {
			t.Errorf("%s imports %s: forbidden: got %t, want %t", row.file, row.target, got, row.want)
		}
	}
}
