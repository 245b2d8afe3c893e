package ui

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"text/template/parse"
)

// Templates here can call no methods. One that tries fails only when its line is executed, and some lines need a job that was rolled back
// or a flow that failed. So each name that follows a dot must be a field of something that pages show, and takes no arguments.
func TestTemplatesCallNoMethods(t *testing.T) {
	fields := map[string]bool{}
	for _, dir := range []string{".", "incident", "../../client"} {
		names, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if !strings.HasSuffix(name, "_test.go") {
				addFields(t, name, fields)
			}
		}
	}
	names, err := filepath.Glob("templates/*.html")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	words := (&server{}).words(nil)
	for _, builtin := range []string{"and", "eq", "ge", "gt", "index", "le", "len", "lt", "ne", "not", "or", "printf"} {
		words[builtin] = true
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		trees, err := parse.Parse(name, string(text), "", "", words)
		if err != nil {
			t.Fatal(err)
		}
		for _, tree := range trees {
			commands(tree.Root, func(c *parse.CommandNode) {
				for i, arg := range c.Args {
					var path []string
					switch arg := arg.(type) {
					case *parse.FieldNode:
						path = arg.Ident
					case *parse.VariableNode:
						path = arg.Ident[1:]
					case *parse.ChainNode:
						path = arg.Field
					}
					for _, ident := range path {
						if !fields[ident] {
							t.Errorf("%s: %s is no field: make it a word of templates", name, c)
						}
					}
					if i == 0 && len(path) > 0 && len(c.Args) > 1 {
						t.Errorf("%s: %s calls a method: make it a word of templates", name, c)
					}
				}
			})
		}
	}
}

// addFields adds the names of fields of the structs of a file.
func addFields(t *testing.T, name string, fields map[string]bool) {
	t.Helper()
	tree, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(tree, func(n ast.Node) bool {
		s, ok := n.(*ast.StructType)
		if !ok {
			return true
		}
		for _, f := range s.Fields.List {
			for _, id := range f.Names {
				fields[id.Name] = true
			}
			switch embedded := f.Type.(type) {
			case *ast.Ident:
				fields[embedded.Name] = true
			case *ast.SelectorExpr:
				fields[embedded.Sel.Name] = true
			}
		}
		return true
	})
}

// commands calls f for every command below a node.
func commands(n parse.Node, f func(*parse.CommandNode)) {
	pipe := func(p *parse.PipeNode) {
		if p == nil {
			return
		}
		for _, c := range p.Cmds {
			f(c)
			for _, arg := range c.Args {
				commands(arg, f)
			}
		}
	}
	branch := func(b *parse.BranchNode) {
		pipe(b.Pipe)
		commands(b.List, f)
		commands(b.ElseList, f)
	}
	switch n := n.(type) {
	case *parse.ListNode:
		if n == nil {
			return
		}
		for _, inner := range n.Nodes {
			commands(inner, f)
		}
	case *parse.ActionNode:
		pipe(n.Pipe)
	case *parse.TemplateNode:
		pipe(n.Pipe)
	case *parse.PipeNode:
		pipe(n)
	case *parse.ChainNode:
		commands(n.Node, f)
	case *parse.IfNode:
		branch(&n.BranchNode)
	case *parse.RangeNode:
		branch(&n.BranchNode)
	case *parse.WithNode:
		branch(&n.BranchNode)
	}
}
