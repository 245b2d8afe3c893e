package transform

import (
	"fmt"

	"backstitch/replay/spec"
	"backstitch/replay/wasm"

	"github.com/go-json-experiment/json/jsontext"
)

// Chain is steps, in order. It is never changed, and may be used by several goroutines.
type Chain struct{ steps []step }

// New reads steps. What is wrong with them the spec's own checks say with line and column; here it is for recipes.
func New(steps []spec.Step) (*Chain, error) {
	c := &Chain{steps: make([]step, len(steps))}
	for i, s := range steps {
		var err error
		if c.steps[i], err = newStep(s); err != nil {
			return nil, fmt.Errorf("step %d: %w", i+1, err)
		}
	}
	return c, nil
}

// Refused says why a value can not be changed.
type Refused struct {
	Code string // stable, one of package source
	Step int    // from 1; 0 when no step came to see the value
	Err  error
}

// Error names the step and says why.
func (r *Refused) Error() string {
	if r.Step == 0 {
		return r.Err.Error()
	}
	return fmt.Sprintf("step %d: %v", r.Step, r.Err)
}

func (r *Refused) Unwrap() error { return r.Err }

func refuse(code, format string, args ...any) error {
	return &Refused{Code: code, Err: fmt.Errorf(format, args...)}
}

// Editor changes values by a chain, one after the other. It is used by one goroutine.
type Editor struct {
	chain   *Chain
	p       *parser
	made    []byte // what steps have made for the value at hand
	changed bool
	now     look // what expressions and modules see
	runners map[*wasm.Module]*wasm.Runner
}

// Editor makes an editor.
func (c *Chain) Editor() *Editor { return &Editor{chain: c, p: newParser()} }

// Append appends value, as the steps change it, to dst. changed is false when no step changed anything: dst is then as it was. err is
// a *Refused. value is not kept.
func (e *Editor) Append(dst, value []byte) (_ []byte, changed bool, err error) {
	e.made, e.changed = e.made[:0], false
	root, before, after, err := e.p.whole(value)
	if err != nil {
		return dst, false, err
	}
	for i, s := range e.chain.steps {
		if err := s.do(e, root); err != nil {
			return dst, false, at(err, i+1)
		}
	}
	if !e.changed {
		return dst, false, nil
	}
	return append(root.append(append(dst, before...)), after...), true, nil
}

// at says at which step a value was refused.
func at(err error, step int) error {
	if r, ok := err.(*Refused); ok {
		r.Step = step
	}
	return err
}

// text is a run of bytes that lives until the next value.
func (e *Editor) text(make func(dst []byte) []byte) []byte {
	from := len(e.made)
	e.made = make(e.made)
	return e.made[from:len(e.made):len(e.made)]
}

// quoted is s as JSON spells it.
func (e *Editor) quoted(s []byte) []byte {
	return e.text(func(dst []byte) []byte {
		// It came out of a JSON text or of a spec, so it is UTF-8.
		dst, _ = jsontext.AppendQuote(dst, s)
		return dst
	})
}
