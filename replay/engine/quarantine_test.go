package engine_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"backstitch/replay/engine"
)

// written are codes of records that are written all the same: nothing is set aside for them.
var written = []string{"BST-Q328", "BST-Q329", "BST-Q335", "BST-Q353", "BST-Q354", "BST-Q355", "BST-Q356"}

// TestEveryCodeHasAReason: a person who looks at what was set aside reads more than a number, whichever source, step or target has said it.
func TestEveryCodeHasAReason(t *testing.T) {
	seen := 0
	for _, room := range []string{"source", "sink"} {
		files, err := filepath.Glob("../" + room + "/*.go")
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %d files, %v", room, len(files), err)
		}
		for _, name := range files {
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(file, func(n ast.Node) bool {
				spec, ok := n.(*ast.ValueSpec)
				if !ok || len(spec.Values) != 1 || !strings.HasPrefix(spec.Names[0].Name, "Code") {
					return true
				}
				value, ok := spec.Values[0].(*ast.BasicLit)
				if !ok {
					return true
				}
				code, err := strconv.Unquote(value.Value)
				if err != nil || !strings.HasPrefix(code, "BST-Q") {
					return true
				}
				seen++
				if reason := engine.Reason(code, ""); (reason == "") != slices.Contains(written, code) {
					t.Errorf("%s, %s: the reason is %q", spec.Names[0].Name, code, reason)
				}
				return true
			})
		}
	}
	if seen < 60 {
		t.Errorf("only %d codes were found", seen)
	}
}
