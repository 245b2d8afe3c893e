package transform

import (
	"fmt"

	"backstitch/replay/expr"
	"backstitch/replay/source"
	"backstitch/replay/spec"
	"backstitch/replay/tree"
)

// An expression sees the value as the steps before have left it. So the object is written and read once more for it, which is what
// expressions cost beside the other steps.

// compute gives a member what an expression gives.
type compute struct {
	fill
	program *expr.Program
}

func newCompute(p spec.Path, text string) (*compute, error) {
	f, err := newField(p, false)
	if err != nil {
		return nil, err
	}
	program, err := expr.Of(text)
	if err != nil {
		return nil, fmt.Errorf("expression of %s: %w", p, err)
	}
	return &compute{fill{field: f, orNull: true, always: true}, program}, nil
}

// look is the value at hand as expressions see it.
type look struct {
	text   []byte
	parser tree.Parser
	input  expr.Input
}

func (s *compute) do(e *Editor, root *object) error {
	e.now.text = root.append(e.now.text[:0])
	doc, err := e.now.parser.Parse(e.now.text)
	if err != nil {
		return refuse(source.CodeNotJSON, "the value is %w", err)
	}
	e.now.input.Root = doc.Root
	var failed error
	text := e.text(func(dst []byte) []byte {
		dst, failed = s.program.JSON(dst, &e.now.input)
		return dst
	})
	if failed != nil {
		return refuse(source.CodeExpression, "the expression of %s: %w", s.path, failed)
	}
	return s.put(e, root, text)
}
