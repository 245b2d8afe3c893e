// Command gosec looks for faults of security in Go code. It runs as a tool of go vet, which keeps what it found good in Go's build cache:
// only what has changed is looked at again.
//
//	go vet -vettool=bin/gosec ./...
//
// A finding that is no fault is excused in its line, with the rule and the reason: // #nosec G304 -- the operator names it. An excuse
// without either is a finding, too. What no line can answer for is in rules.go.
package main

import (
	"go/ast"
	"go/token"
	"regexp"
	"strings"

	"github.com/securego/gosec/v2/goanalysis"
	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/unitchecker"
)

func main() {
	unitchecker.Main(scoped(goanalysis.Analyzer))
}

// scoped is gosec without what rules.go leaves out, and with a reason for each excuse.
func scoped(whole *analysis.Analyzer) *analysis.Analyzer {
	if err := whole.Flags.Set("exclude", strings.Join(left(), ",")); err != nil {
		panic(err) // it has that flag
	}
	out := *whole
	out.Run = func(pass *analysis.Pass) (any, error) {
		excuses(pass)
		codes := codes(pass)
		inner := *pass
		inner.Report = func(d analysis.Diagnostic) {
			if asked(d.Category, pass.Fset.Position(d.Pos).Filename) && !(d.Category == "G101" && codes[d.Pos]) {
				pass.Report(d)
			}
		}
		return whole.Run(&inner)
	}
	return &out
}

// codes are where constants stand that are codes of errors and notes. Some are named after what they are about, tokens and secrets.
func codes(pass *analysis.Pass) map[token.Pos]bool {
	out := map[token.Pos]bool{}
	for _, f := range pass.Files {
		ast.Inspect(f, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || len(spec.Values) != 1 {
				return true
			}
			if lit, ok := spec.Values[0].(*ast.BasicLit); ok && code.MatchString(lit.Value) {
				out[spec.Pos()] = true
			}
			return true
		})
	}
	return out
}

var (
	code     = regexp.MustCompile(`^"BST-[A-Z][0-9]{3,4}"$`)
	excuse   = regexp.MustCompile(`^//\s*(#nosec|gosec:disable)\b`)
	reasoned = regexp.MustCompile(`^// #nosec G\d{3} -- \S`)
)

// excuses reports those that name no rule or give no reason.
func excuses(pass *analysis.Pass) {
	for _, f := range pass.Files {
		for _, group := range f.Comments {
			for _, c := range group.List {
				if excuse.MatchString(c.Text) && !reasoned.MatchString(c.Text) {
					pass.Reportf(c.Pos(), "write an excuse as // #nosec G304 -- REASON")
				}
			}
		}
	}
}
