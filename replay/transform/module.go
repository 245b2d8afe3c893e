package transform

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"backstitch/replay/source"
	"backstitch/replay/spec"
	"backstitch/replay/wasm"
)

// A module sees the object as the steps before have left it, and gives a whole one in its place. Which bytes it keeps is its own affair;
// what it gives has to be one JSON object, for that is what the steps behind it and all rules look at.

// module replaces the value by what a WebAssembly module makes of it.
type module struct{ code *wasm.Module }

func newModule(w *spec.Wasm) (*module, error) {
	code, err := w.Compile(context.Background()) // a module is bounded, and so is what compiling it takes
	if err != nil {
		return nil, fmt.Errorf("module %.12s: %w", w.SHA256, err)
	}
	return &module{code}, nil
}

func (s *module) do(e *Editor, root *object) error {
	e.now.text = root.append(e.now.text[:0])
	var failed error
	text := e.text(func(dst []byte) []byte {
		// Nobody waits longer than the step allows, so nobody has to be able to end it.
		dst, failed = e.runner(s.code).Append(context.Background(), dst, e.now.text)
		return dst
	})
	if failed != nil {
		return refuse(moduleCode(failed), "the module: %w", failed)
	}
	if bytes.Equal(text, e.now.text) {
		return nil
	}
	made, from, to, err := e.p.open(text)
	if err == nil && !(blank(text[:from]) && blank(text[to:])) {
		err = errMore
	}
	if err != nil {
		return refuse(source.CodeModuleAnswer, "the module gave %.60q: %w", text, err)
	}
	// Each of the two keeps members of its own: the parser uses their memory again.
	*root, *made, e.changed = *made, *root, true
	return nil
}

func blank(text []byte) bool { return len(bytes.Trim(text, " \t\r\n")) == 0 }

// runner is that of one module, which the editor keeps from value to value.
func (e *Editor) runner(m *wasm.Module) *wasm.Runner {
	r := e.runners[m]
	if r == nil {
		r = m.Runner()
		if e.runners == nil {
			e.runners = map[*wasm.Module]*wasm.Runner{}
		}
		e.runners[m] = r
	}
	return r
}

// moduleCode is the code of what a module could not do.
func moduleCode(err error) string {
	var refused *wasm.RefusedError
	switch {
	case errors.As(err, &refused):
		return source.CodeModuleRefuses
	case errors.Is(err, wasm.ErrTime):
		return source.CodeModuleTime
	case errors.Is(err, wasm.ErrMemory):
		return source.CodeModuleMemory
	case errors.Is(err, wasm.ErrAnswer):
		return source.CodeModuleAnswer
	}
	return source.CodeModuleStopped
}
