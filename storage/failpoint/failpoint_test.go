package failpoint

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// leastPoints is how many places are worth dying at, at least.
const leastPoints = 40

// module is the root of the source, seen from this package.
const module = "../.."

// site is one call in the program.
type site struct {
	file string
	verb string // Reach or Err
	name string // of the constant, e.g. BookRestored
}

// sites reads the whole program, but for tests, for calls of this package with a point.
func sites(t *testing.T) []site {
	t.Helper()
	var out []site
	err := filepath.WalkDir(module, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || d.Name() == "failpoint" || strings.HasPrefix(d.Name(), ".") && name != module) {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		tree, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			verb, ok := selected(call.Fun)
			if !ok || verb != "Reach" && verb != "Err" {
				return true
			}
			if len(call.Args) != 1 {
				t.Errorf("%s: failpoint.%s wants one point", name, verb)
				return true
			}
			point, ok := selected(call.Args[0])
			if !ok {
				t.Errorf("%s: failpoint.%s of something else than a constant of this package", name, verb)
			}
			out = append(out, site{file: name, verb: verb, name: point})
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// selected is x of failpoint.x.
func selected(e ast.Expr) (string, bool) {
	sel, ok := e.(*ast.SelectorExpr)
	if !ok {
		return "", false
	}
	pkg, ok := sel.X.(*ast.Ident)
	return sel.Sel.Name, ok && pkg.Name == "failpoint"
}

// constants are the names of the constants of table.go and what they stand for.
func constants(t *testing.T) map[string]Point {
	t.Helper()
	tree, err := parser.ParseFile(token.NewFileSet(), "table.go", nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	out := make(map[string]Point)
	ast.Inspect(tree, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok || len(v.Values) != 1 {
			return true
		}
		if typ, ok := v.Type.(*ast.Ident); ok && typ.Name == "Point" {
			text, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			out[v.Names[0].Name] = Point(text)
		}
		return true
	})
	return out
}

func TestEveryPointIsReachedAtExactlyOnePlace(t *testing.T) {
	named := constants(t)
	if len(named) != len(table) || len(named) < leastPoints {
		t.Fatalf("got %d constants and %d rows, want as many, and at least %d", len(named), len(table), leastPoints)
	}
	rows := make(map[Point]row)
	for _, r := range table {
		if _, twice := rows[r.point]; twice {
			t.Errorf("%s has two rows", r.point)
		}
		if r.window == "" {
			t.Errorf("%s does not say what the world looks like there", r.point)
		}
		rows[r.point] = r
	}
	where := make(map[string]string)
	for _, s := range sites(t) {
		p, ok := named[s.name]
		if !ok {
			t.Errorf("%s reaches %s, which is no point", s.file, s.name)
			continue
		}
		if at, twice := where[s.name]; twice {
			t.Errorf("%s is reached in %s and in %s: a crash there would not say where", s.name, at, s.file)
		}
		where[s.name] = s.file
		if (s.verb == "Err") != rows[p].fails {
			t.Errorf("%s: %s is reached by failpoint.%s, its row says fails=%v", s.file, p, s.verb, rows[p].fails)
		}
	}
	for name, p := range named {
		file, ok := where[name]
		if !ok {
			t.Errorf("%s (%s) is reached nowhere", name, p)
			continue
		}
		room, _, _ := strings.Cut(string(p), ".")
		if dir := filepath.ToSlash(strings.TrimPrefix(file, module+string(filepath.Separator))); !strings.HasPrefix(dir, room+"/") {
			t.Errorf("%s is reached in %s", p, dir)
		}
	}
}

func TestPlansAreReadStrictly(t *testing.T) {
	good := "storage/raftlog.after-sync=crash@3;fsm.before-commit=delay:200ms;replay/engine.read=error@2x;replay/sink/kafka.ended=error@4"
	got, err := parse(good)
	if err != nil {
		t.Fatal(err)
	}
	want := map[Point]action{
		RaftlogAfterSync: {do: doCrash, from: 3},
		BookBeforeCommit: {do: doDelay, delay: 200e6, from: 1},
		EngineRead:       {do: doError, from: 1, times: 2},
		KafkaEnded:       {do: doError, from: 4},
	}
	if len(got) != len(want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for p, a := range want {
		if got[p] != a {
			t.Errorf("%s: got %+v, want %+v", p, got[p], a)
		}
	}
	for _, bad := range []string{
		";", "fsm.before-commit", "fsm.before-comit=crash", "fsm.before-commit=crash;", "fsm.before-commit=crash;fsm.before-commit=crash",
		"fsm.before-commit=error", "fsm.before-commit=crash@0", "fsm.before-commit=crash@01", "fsm.before-commit=crash@",
		"fsm.before-commit=crash@2x", "fsm.before-commit=crash:1s", "fsm.before-commit=delay", "fsm.before-commit=delay:-1s",
		"fsm.before-commit=delay:1", "fsm.before-commit= crash", "replay/engine.read=error:1", "fsm.before-commit=panic", "=crash",
	} {
		if got, err := parse(bad); err == nil {
			t.Errorf("%q is taken as %v", bad, got)
		}
	}
}

func TestAnActionIsDueFromItsReachOn(t *testing.T) {
	for _, c := range []struct {
		a    action
		want string
	}{
		{action{from: 1}, "yyyyy"},
		{action{from: 3}, "nnyyy"},
		{action{from: 1, times: 2}, "yynnn"},
	} {
		got := ""
		for n := 1; n <= 5; n++ {
			if c.a.due(n) {
				got += "y"
			} else {
				got += "n"
			}
		}
		if got != c.want {
			t.Errorf("%+v: got %s, want %s", c.a, got, c.want)
		}
	}
}
