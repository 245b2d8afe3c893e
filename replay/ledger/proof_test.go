package ledger_test

import (
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// A proof reads: nothing that compares or judges a job can reach a ledger, not over any other package either.
func TestNoProofReachesALedger(t *testing.T) {
	root := filepath.Join("..", "..")
	seen := map[string]bool{}
	var reach func(pkg, from string)
	reach = func(pkg, from string) {
		if seen[pkg] {
			return
		}
		seen[pkg] = true
		if pkg == "backstitch/replay/ledger" {
			t.Errorf("%s imports it", from)
			return
		}
		files, err := filepath.Glob(filepath.Join(root, strings.TrimPrefix(pkg, "backstitch/"), "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: got %v, %v, want its files", pkg, files, err)
		}
		for _, f := range files {
			if strings.HasSuffix(f, "_test.go") {
				continue
			}
			tree, err := parser.ParseFile(token.NewFileSet(), f, nil, parser.ImportsOnly)
			if err != nil {
				t.Fatal(err)
			}
			for _, i := range tree.Imports {
				if path, err := strconv.Unquote(i.Path.Value); err == nil && strings.HasPrefix(path, "backstitch/") {
					reach(path, pkg)
				}
			}
		}
	}
	for _, pkg := range []string{"replay/verify", "replay/worker", "replay/engine", "replay/open", "replay/report", "fsm", "cluster"} {
		reach("backstitch/"+pkg, "")
	}
	if !seen["backstitch/replay/gap"] {
		t.Error("the search does not get as far as a scan")
	}
}
