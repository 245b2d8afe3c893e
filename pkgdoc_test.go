package backstitch

import (
	"fmt"
	"go/ast"
	"go/parser"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	documented := map[string]bool{}
	for _, s := range sources(t, parser.ParseComments|parser.PackageClauseOnly) {
		if s.test() {
			continue
		}
		documented[s.pkg] = documented[s.pkg] || s.tree.Doc != nil
	}
	for pkg, ok := range documented {
		if !ok {
			t.Errorf("package %s has no package comment", pkg)
		}
	}
}

// headings are those of every room's DESIGN.md, in order.
var headings = []string{
	"Purpose", "What the obvious design gets wrong", "How it works", "Crash windows", "Non-obvious", "Not done",
}

func designs(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("*/DESIGN.md")
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestEachRoomHasADesignDocument: rooms are the folders of README's layout.
func TestEachRoomHasADesignDocument(t *testing.T) {
	for _, room := range []string{"cmd", "cluster", "fsm", "partition", "replay", "storage", "chaos", "deploy"} {
		if !slices.Contains(designs(t), filepath.Join(room, "DESIGN.md")) {
			t.Errorf("%s has no DESIGN.md", room)
		}
	}
}

func TestDesignDocumentsHaveTheSameHeadings(t *testing.T) {
	for _, file := range designs(t) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for line := range strings.Lines(string(text)) {
			if h, ok := strings.CutPrefix(strings.TrimSpace(line), "## "); ok {
				got = append(got, h)
			}
		}
		if diff := cmp.Diff(got, headings); diff != "" {
			t.Errorf("%s: headings (-got +want):\n%s", file, diff)
		}
	}
}

var symbolRef = regexp.MustCompile("`([a-z][a-z0-9]*)\\.([A-Z][A-Za-z0-9]*)(?:\\.([A-Za-z][A-Za-z0-9]*))?(?:\\(\\))?`")

// TestDesignDocumentsNameThingsThatExist looks up every backticked pkg.Symbol and pkg.Type.Member. A package of another
// module counts as known when some file imports it; only its name is checked then.
func TestDesignDocumentsNameThingsThatExist(t *testing.T) {
	ours, foreign := symbols(sources(t, parser.SkipObjectResolution))
	for _, file := range designs(t) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range symbolRef.FindAllStringSubmatch(string(text), -1) {
			if why := unknown(ours, foreign, m[1], m[2], m[3]); why != "" {
				t.Errorf("%s: %s: %s", file, m[0], why)
			}
		}
	}
}

func unknown(ours map[string]map[string]bool, foreign map[string]bool, pkg, symbol, part string) string {
	names, ok := ours[pkg]
	if !ok {
		if foreign[pkg] {
			return ""
		}
		return fmt.Sprintf("no package %s", pkg)
	}
	full := symbol
	if part != "" {
		full += "." + part
	}
	if names[full] || foreign[pkg] {
		return ""
	}
	return fmt.Sprintf("package %s has no %s", pkg, full)
}

// symbols lists what our packages declare, by package name ("Type", "Type.Member", "Func"), and the names of packages that
// we import from elsewhere.
func symbols(files []source) (ours map[string]map[string]bool, foreign map[string]bool) {
	ours, foreign = map[string]map[string]bool{}, map[string]bool{}
	for _, s := range files {
		for _, spec := range s.tree.Imports {
			target, _ := strconv.Unquote(spec.Path.Value)
			if !strings.HasPrefix(target, "backstitch") {
				foreign[path.Base(strings.TrimRight(target, "/v23456789"))] = true
				foreign[path.Base(target)] = true
			}
		}
		if s.test() {
			continue
		}
		names := ours[s.tree.Name.Name]
		if names == nil {
			names = map[string]bool{}
			ours[s.tree.Name.Name] = names
		}
		for _, decl := range s.tree.Decls {
			declare(names, decl)
		}
	}
	for name := range ours {
		delete(foreign, name) // ours wins: otherwise a name that we share with a library is never checked
	}
	return ours, foreign
}

func declare(names map[string]bool, decl ast.Decl) {
	switch d := decl.(type) {
	case *ast.FuncDecl:
		name := d.Name.Name
		if d.Recv != nil {
			name = receiver(d.Recv.List[0].Type) + "." + name
		}
		names[name] = true
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				names[s.Name.Name] = true
				members(names, s)
			case *ast.ValueSpec:
				for _, id := range s.Names {
					names[id.Name] = true
				}
			}
		}
	}
}

// members declares the fields of a struct and the methods of an interface.
func members(names map[string]bool, s *ast.TypeSpec) {
	var list *ast.FieldList
	switch typ := s.Type.(type) {
	case *ast.StructType:
		list = typ.Fields
	case *ast.InterfaceType:
		list = typ.Methods
	default:
		return
	}
	for _, field := range list.List {
		for _, id := range field.Names {
			names[s.Name.Name+"."+id.Name] = true
		}
	}
}

func receiver(typ ast.Expr) string {
	switch e := typ.(type) {
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.IndexExpr:
		return receiver(e.X)
	case *ast.Ident:
		return e.Name
	}
	return ""
}
