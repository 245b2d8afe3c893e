package spec

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"backstitch/replay/wasm"
)

// Wasm hands the value to a function of a WebAssembly module, which gives another one or refuses it.
type Wasm struct {
	// A file with the module in its binary form, beside the spec. Its bytes become a part of the plan.
	File string `json:"file,omitempty" jsonschema:"minLength=1"`
	// The module itself, in base64. Instead of file.
	Inline []byte `json:"inline,omitempty"`
	// SHA-256 of the module, in 64 hexadecimal digits. Any other module is refused.
	SHA256 string `json:"sha256" jsonschema:"pattern=^[0-9a-f]{64}$"`
	// Function that is called with each value.
	Function string `json:"function,omitempty" jsonschema:"minLength=1,maxLength=64,default=transform"`
	// Memory that the module may take for one value, from 64KiB to 64MiB.
	Memory Bytes `json:"memory,omitempty"`
	// Time that the module may take for one value, at most 1s.
	Time Duration `json:"time,omitempty"`
}

// Limits are what one value may cost. Of what is not said it is the default.
func (w *Wasm) Limits() (wasm.Limits, error) {
	filled := w.withDefaults()
	memory, err := filled.Memory.Parse()
	if err != nil {
		return wasm.Limits{}, err
	}
	limit, err := filled.Time.Parse()
	return wasm.Limits{MemoryBytes: memory, Time: limit}, err
}

func (w *Wasm) withDefaults() *Wasm {
	out := *w
	orText(&out.Function, DefaultWasmFunction)
	if out.Memory == "" {
		out.Memory = DefaultWasmMemory
	}
	if out.Time == "" {
		out.Time = DefaultWasmTime
	}
	return &out
}

// Digest is the SHA-256 of the module at hand.
func (w *Wasm) Digest() string {
	sum := sha256.Sum256(w.Inline)
	return hex.EncodeToString(sum[:])
}

// Pinned refuses a module that is not the one of w.SHA256.
func (w *Wasm) Pinned() error {
	if got := w.Digest(); got != w.SHA256 {
		return fmt.Errorf("the module has sha256 %s, and the step says %.64s", got, w.SHA256)
	}
	return nil
}

// Compile makes the module ready for use.
func (w *Wasm) Compile(ctx context.Context) (*wasm.Module, error) {
	if err := w.Pinned(); err != nil {
		return nil, err
	}
	limits, err := w.Limits()
	if err != nil {
		return nil, err
	}
	return wasm.Compile(ctx, w.Inline, w.withDefaults().Function, limits)
}

// readModules takes the files of modules in, so that every agent has the bytes that the spec was written for.
func (c *checker) readModules(t *Transform) {
	if t == nil {
		return
	}
	for i := range t.Steps {
		w := t.Steps[i].Wasm
		if w == nil || w.File == "" || len(w.Inline) > 0 {
			continue
		}
		path := fmt.Sprintf("spec.transform.steps.%d.wasm.file", i)
		if c.opts.ReadFile == nil {
			c.add(CodeValue, path, "there are no files here: "+w.File, "write the module in, as base64: inline")
			continue
		}
		switch code, err := c.opts.ReadFile(w.File); {
		case err != nil:
			c.add(CodeValue, path, err.Error(), "a file beside the spec")
		case len(code) > wasm.MaxModule:
			c.add(CodeModule, path, fmt.Sprintf("%s has more than %d bytes", w.File, wasm.MaxModule), "a plan takes a module of at most 512 KiB: build it for size, and without debug information")
		case len(code) == 0:
			c.add(CodeModule, path, w.File+" is empty", "a module in its binary form")
		default:
			taken := *w
			taken.File, taken.Inline = "", code
			t.Steps[i].Wasm = &taken
		}
	}
}

// wasm finds what is wrong with a module. A spec that reads no files comes from one that did: its modules were compiled before.
func (c *checker) wasm(path string, w *Wasm) {
	memory, err := w.Memory.Parse()
	switch {
	case err != nil:
		c.add(CodeUnit, path+".memory", err.Error(), "")
		return
	case w.Memory != "" && (memory < wasm.MinMemory || memory > wasm.MaxMemory || memory%wasm.MinMemory != 0):
		c.add(CodeValue, path+".memory", fmt.Sprintf("%s.memory is %s", path, w.Memory), "from 64KiB to 64MiB, a multiple of 64KiB")
		return
	}
	limit, err := w.Time.Parse()
	switch {
	case err != nil:
		c.add(CodeUnit, path+".time", err.Error(), "")
		return
	case w.Time != "" && (limit < time.Millisecond || limit > wasm.MaxTime):
		c.add(CodeValue, path+".time", fmt.Sprintf("%s.time is %s", path, w.Time), "from 1ms to 1s")
		return
	}
	switch {
	case (len(w.Inline) > 0) == (w.File != ""):
		c.add(CodeOneOf, path, path+" has to say file or inline", "write one of them")
	case w.File != "":
		// What is wrong with the file has been said.
	case w.Pinned() != nil:
		c.add(CodeModuleDigest, path+".sha256", w.Pinned().Error(), "if it is the module that you mean, write sha256: "+w.Digest())
	case c.opts.ReadFile != nil:
		if _, err := w.Compile(context.Background()); err != nil { // a module is bounded, and so is what compiling it takes
			c.add(CodeModule, path, "the module can not be used: "+err.Error(), "docs/transforms.md says what a module exports")
		}
	}
}
