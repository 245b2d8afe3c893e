package wasm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

const (
	// MaxModule bounds a module, in bytes. It travels in recipes, which a book bounds by 1 MiB each, as text that is a third longer.
	MaxModule = 512 << 10
	// MaxMemory and MinMemory bound Limits.MemoryBytes. Each reader has that much for itself.
	MaxMemory = 64 << 20
	MinMemory = pageBytes
	// MaxTime bounds Limits.Time.
	MaxTime = time.Second
	// MaxAnswer bounds a new value, in bytes.
	MaxAnswer = 16 << 20
	// Alloc and Memory are what a module exports besides its function.
	Alloc  = "alloc"
	Memory = "memory"

	initialize = "_initialize"
	pageBytes  = 64 << 10
)

// Limits are what one value may cost.
type Limits struct {
	MemoryBytes int64         // a multiple of 64 KiB
	Time        time.Duration // on the clock
}

// Module is compiled, and may be used by several goroutines. What it holds is freed by the garbage collector.
type Module struct {
	runtime  wazero.Runtime
	compiled wazero.CompiledModule
	config   wazero.ModuleConfig
	function string
	limits   Limits
}

// features are those of WebAssembly 2.0 without reference types: with them a module could have tables grow, which no limit of memory bounds.
const features = api.CoreFeaturesV2 &^ api.CoreFeatureReferenceTypes

// Compile makes a module of its binary form and checks that it keeps the interface.
func Compile(ctx context.Context, code []byte, function string, limits Limits) (*Module, error) {
	switch {
	case len(code) > MaxModule:
		return nil, fmt.Errorf("it has %d bytes, a module has at most %d", len(code), MaxModule)
	case limits.MemoryBytes < MinMemory || limits.MemoryBytes > MaxMemory || limits.MemoryBytes%pageBytes != 0:
		return nil, fmt.Errorf("a memory of %d bytes, want a multiple of 64 KiB of at most %d", limits.MemoryBytes, MaxMemory)
	case limits.Time <= 0 || limits.Time > MaxTime:
		return nil, fmt.Errorf("a time of %v, want more than nothing and at most %v", limits.Time, MaxTime)
	}
	code, err := prepare(code)
	if err != nil {
		return nil, err
	}
	m := &Module{function: function, limits: limits}
	// No module can ask for random numbers; a source of none keeps each instance from seeding one, which costs more than all else of it.
	m.config = wazero.NewModuleConfig().WithName("").WithStartFunctions(initialize).WithRandSource(nothing{})
	m.runtime = wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfig().
		WithCoreFeatures(features).WithCloseOnContextDone(true).WithDebugInfoEnabled(false))
	if m.compiled, err = m.runtime.CompileModule(ctx, code); err == nil {
		err = m.check()
	}
	if err != nil {
		return nil, errors.Join(err, m.runtime.Close(ctx))
	}
	return m, nil
}

type nothing struct{}

func (nothing) Read([]byte) (int, error) { return 0, io.EOF }

// check says what is lacking of the interface.
func (m *Module) check() error {
	memory, ok := m.compiled.ExportedMemories()[Memory]
	if !ok {
		return fmt.Errorf("it exports no memory of the name %q", Memory)
	}
	if n := int64(memory.Min()) * pageBytes; n > m.limits.MemoryBytes {
		return fmt.Errorf("it begins with %d bytes of memory, and the step allows %d", n, m.limits.MemoryBytes)
	}
	i32, i64 := api.ValueTypeI32, api.ValueTypeI64
	if err := m.checkFunction(Alloc, []api.ValueType{i32}, []api.ValueType{i32}); err != nil {
		return err
	}
	if _, ok := m.compiled.ExportedFunctions()[initialize]; ok {
		if err := m.checkFunction(initialize, nil, nil); err != nil {
			return err
		}
	}
	return m.checkFunction(m.function, []api.ValueType{i32, i32}, []api.ValueType{i64})
}

func (m *Module) checkFunction(name string, params, results []api.ValueType) error {
	f, ok := m.compiled.ExportedFunctions()[name]
	if !ok {
		return fmt.Errorf("it exports no function %q", name)
	}
	if !slices.Equal(f.ParamTypes(), params) || !slices.Equal(f.ResultTypes(), results) {
		return fmt.Errorf("its function %s is %s, want %s", name, signature(f.ParamTypes(), f.ResultTypes()), signature(params, results))
	}
	return nil
}

// signature is (i32 i32) i64.
func signature(params, results []api.ValueType) string {
	names := func(types []api.ValueType) (out []string) {
		for _, t := range types {
			out = append(out, api.ValueTypeName(t))
		}
		return out
	}
	return fmt.Sprintf("%v gives %v", names(params), names(results))
}
