package wasm

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/tetratelabs/wazero/sys"
)

// Why a module gives no new value.
var (
	// ErrTime says that it took longer than Limits.Time, twice: a machine may be busy once.
	ErrTime = errors.New("it takes too long")
	// ErrMemory says that it asked for more than Limits.MemoryBytes and then gave up.
	ErrMemory = errors.New("it needs more memory")
	// ErrStopped says that it failed by itself.
	ErrStopped = errors.New("it stopped")
	// ErrAnswer says that what it gave is no answer.
	ErrAnswer = errors.New("its answer is none")
)

// RefusedError is the module's own word that it does not change a value.
type RefusedError struct{ Text string }

// Error is what the module said.
func (e *RefusedError) Error() string { return e.Text }

// maxText bounds what is kept of a module's word, in bytes.
const maxText = 256

const refusedBit = 1 << 31

// Runner hands values to instances of a module, one after the other. It is used by one goroutine.
type Runner struct {
	m      *Module
	memory linear
}

// Runner makes a runner.
func (m *Module) Runner() *Runner { return &Runner{m: m, memory: linear{limit: m.limits.MemoryBytes}} }

// Append appends what the module makes of value to dst. err is one of the above or a *RefusedError, and dst then as it was.
func (r *Runner) Append(ctx context.Context, dst, value []byte) ([]byte, error) {
	out, err := r.once(ctx, dst, value)
	if errors.Is(err, ErrTime) && ctx.Err() == nil {
		out, err = r.once(ctx, dst, value)
	}
	return out, err
}

// once makes an instance, which ends with it.
func (r *Runner) once(ctx context.Context, dst, value []byte) (out []byte, err error) {
	if int64(len(value)) > r.m.limits.MemoryBytes {
		return dst, fmt.Errorf("%w: the value has %d bytes, its memory at most %d", ErrMemory, len(value), r.m.limits.MemoryBytes)
	}
	ctx, cancel := context.WithTimeout(ctx, r.m.limits.Time)
	defer cancel()
	instance, err := r.m.runtime.InstantiateModule(experimental.WithMemoryAllocator(ctx, &r.memory), r.m.compiled, r.m.config)
	if err != nil {
		return dst, r.why(err)
	}
	defer func() { err = errors.Join(err, instance.Close(ctx)) }()
	var stack [2]uint64
	stack[0] = api.EncodeU32(uint32(len(value)))
	if err := instance.ExportedFunction(Alloc).CallWithStack(ctx, stack[:]); err != nil {
		return dst, r.why(err)
	}
	at := api.DecodeU32(stack[0])
	if !instance.Memory().Write(at, value) {
		return dst, r.badAnswer("%s gave the address %d, and %d bytes there are not all in its memory", Alloc, at, len(value))
	}
	stack[0], stack[1] = api.EncodeU32(at), api.EncodeU32(uint32(len(value)))
	if err := instance.ExportedFunction(r.m.function).CallWithStack(ctx, stack[:]); err != nil {
		return dst, r.why(err)
	}
	return r.answer(instance.Memory(), dst, stack[0])
}

// answer takes the answer out of memory.
func (r *Runner) answer(memory api.Memory, dst []byte, packed uint64) ([]byte, error) {
	at, size := uint32(packed>>32), uint32(packed)&^refusedBit
	text, ok := memory.Read(at, size)
	switch {
	case !ok:
		return dst, r.badAnswer("%d bytes at address %d are not all in its memory", size, at)
	case packed&refusedBit != 0:
		return dst, &RefusedError{plain(text)}
	case size == 0:
		return dst, r.badAnswer("it is empty, and a record can not be dropped")
	case size > MaxAnswer:
		return dst, fmt.Errorf("%w: %d bytes, at most %d are taken", ErrAnswer, size, MaxAnswer)
	}
	return append(dst, text...), nil
}

// badAnswer is what a module says that has no memory left and does not look.
func (r *Runner) badAnswer(format string, args ...any) error {
	if r.memory.refused {
		return r.tooMuch()
	}
	return fmt.Errorf("%w: %s", ErrAnswer, fmt.Sprintf(format, args...))
}

func (r *Runner) tooMuch() error {
	return fmt.Errorf("%w than %d bytes", ErrMemory, r.m.limits.MemoryBytes)
}

// why names the bound that stopped the module, if one did.
func (r *Runner) why(err error) error {
	var exit *sys.ExitError
	switch {
	case errors.As(err, &exit) && exit.ExitCode() == sys.ExitCodeDeadlineExceeded:
		return fmt.Errorf("%w, more than %v", ErrTime, r.m.limits.Time)
	case errors.As(err, &exit):
		return err // whoever called has ended it
	case r.memory.refused:
		return r.tooMuch()
	}
	first, _, _ := strings.Cut(err.Error(), "\n") // behind it comes the module's stack
	return fmt.Errorf("%w: %s", ErrStopped, plain([]byte(first)))
}

// plain is what a module says, cut and without what moves cursors.
func plain(text []byte) string {
	cut := ""
	if len(text) > maxText {
		text, cut = text[:maxText], "..."
	}
	s := strings.Map(func(c rune) rune {
		if !unicode.IsPrint(c) {
			return ' '
		}
		return c
	}, strings.ToValidUTF8(string(text), "?"))
	if s = strings.TrimSpace(s); s == "" {
		return "without a word"
	}
	return s + cut
}
