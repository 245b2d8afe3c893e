package wasm_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"backstitch/replay/wasm"
	"backstitch/replay/wasm/wasmtest"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// tight are limits under which a module that does not end costs a test little.
var tight = wasm.Limits{MemoryBytes: 1 << 20, Time: 20 * time.Millisecond}

func runner(tb testing.TB, code []byte, limits wasm.Limits) *wasm.Runner {
	tb.Helper()
	m, err := wasm.Compile(tb.Context(), code, "transform", limits)
	if err != nil {
		tb.Fatal(err)
	}
	return m.Runner()
}

func TestEachBoundIsNamedAndTheNextValueWorks(t *testing.T) {
	r := runner(t, wasmtest.Picky(), tight)
	for name, c := range map[string]struct {
		in   string
		want error
		says string
	}{
		"spins":             {`{"s":1}`, wasm.ErrTime, "20ms"},
		"takes memory":      {`{"g":1}`, wasm.ErrMemory, "1048576 bytes"},
		"stops":             {`{"t":1}`, wasm.ErrStopped, "unreachable"},
		"drops":             {`{"d":1}`, wasm.ErrAnswer, "can not be dropped"},
		"points out":        {`{"o":1}`, wasm.ErrAnswer, "not all in its memory"},
		"has a large value": {`{"` + strings.Repeat("x", 1<<20), wasm.ErrMemory, "value has 1048578 bytes"},
	} {
		got, err := r.Append(t.Context(), []byte("dst"), []byte(c.in))
		if !errors.Is(err, c.want) || !strings.Contains(fmt.Sprint(err), c.says) || string(got) != "dst" {
			t.Errorf("%s: got %q, %v, want %v and %q", name, got, err, c.want, c.says)
		}
		got, err = r.Append(t.Context(), []byte("dst"), []byte(`{"a":1}`))
		if want := `dst{"a":1` + wasmtest.Suffix + `}`; err != nil || string(got) != want {
			t.Errorf("after it %s: got %q, %v, want %q", name, got, err, want)
		}
	}
}

// The runtime looks whether time is up where a loop begins. Calls that call each other twice go on for hours without one.
func TestCallsWithoutALoopEndInTime(t *testing.T) {
	less := wasmtest.Seq(wasmtest.Get(0), wasmtest.I32(1), wasmtest.Sub, wasmtest.Call, wasmtest.Drop)
	m := wasmtest.Module{Alloc: wasmtest.Seq(wasmtest.Get(0), wasmtest.If(less, less), wasmtest.I32(wasmtest.Free)), Body: wasmtest.Unreachable}
	r, ended := runner(t, m.Bytes(), tight), make(chan error, 1)
	go func() {
		_, err := r.Append(t.Context(), nil, make([]byte, 60))
		ended <- err
	}()
	select {
	case err := <-ended:
		if !errors.Is(err, wasm.ErrTime) {
			t.Errorf("got %v, want %v", err, wasm.ErrTime)
		}
	case <-time.After(20 * time.Second):
		panic("a module of calls without a loop can not be stopped") // it holds a thread, so the test can not end
	}
}

func TestAModuleRefusesInItsOwnWords(t *testing.T) {
	var refused *wasm.RefusedError
	if _, err := runner(t, wasmtest.Picky(), tight).Append(t.Context(), nil, []byte(`{"r":1}`)); !errors.As(err, &refused) || refused.Text != wasmtest.Word {
		t.Errorf("got %v, want %q", err, wasmtest.Word)
	}
	hostile := wasmtest.Module{Data: "\x1b[2Jgone\n" + strings.Repeat("x", 1000), Body: wasmtest.Refuse(wasmtest.Data, 1000)}
	_, err := runner(t, hostile.Bytes(), tight).Append(t.Context(), nil, []byte(`{}`))
	if !errors.As(err, &refused) || strings.ContainsAny(refused.Text, "\x1b\n") || len(refused.Text) > 300 {
		t.Errorf("got %q, want it short and without control characters", err)
	}
}

// Whatever a module keeps of a value, in memory or in a global, the next value does not meet it.
func TestNothingIsLeftOfTheValueBefore(t *testing.T) {
	for name, code := range map[string][]byte{"memory": wasmtest.Counter(), "global": wasmtest.Forgetful()} {
		r := runner(t, code, tight)
		want := map[string]string{"memory": `{"n":1}`, "global": `{"n":0}`}[name]
		for i := range 3 {
			if got, err := r.Append(t.Context(), nil, []byte(`{"a":1}`)); err != nil || string(got) != want {
				t.Errorf("%s, value %d: got %s, %v, want %s", name, i, got, err, want)
			}
		}
	}
}

// What an instance has written beyond its first page is zero for the next one that grows into it.
func TestGrownMemoryIsZeroAgain(t *testing.T) {
	const far = 64<<10 + 7
	body := wasmtest.Seq(
		wasmtest.I32(1), wasmtest.Grow, wasmtest.Drop,
		wasmtest.I32(wasmtest.Data+5), wasmtest.I32(far), wasmtest.Load8, wasmtest.I32('0'), wasmtest.Add, wasmtest.Store8,
		wasmtest.I32(far), wasmtest.I32(5), wasmtest.Store8,
		wasmtest.Answer(wasmtest.I32(wasmtest.Data), wasmtest.I32(7)),
	)
	r := runner(t, wasmtest.Module{Data: `{"n":_}`, Body: body}.Bytes(), tight)
	for i := range 3 {
		if got, err := r.Append(t.Context(), nil, []byte(`{}`)); err != nil || string(got) != `{"n":0}` {
			t.Fatalf("value %d: got %s, %v", i, got, err)
		}
	}
}

func TestAModuleThatCanNotBeUsedIsRefused(t *testing.T) {
	ok := wasmtest.Append()
	for name, c := range map[string]struct {
		code     []byte
		function string
		limits   wasm.Limits
		says     string
	}{
		"text":             {[]byte("(module)"), "transform", tight, "no WebAssembly module"},
		"cut off":          {ok[:len(ok)-3], "transform", tight, "broken"},
		"imports":          {wasmtest.Module{Imports: true, Body: wasmtest.Unreachable}.Bytes(), "transform", tight, `imports "random_get"`},
		"large tables":     {wasmtest.Module{Table: 1 << 26, Body: wasmtest.Unreachable}.Bytes(), "transform", tight, "elements"},
		"locals":           {wasmtest.Module{Locals: 1 << 31, Body: wasmtest.Unreachable}.Bytes(), "transform", tight, "locals"},
		"globals":          {[]byte("\x00asm\x01\x00\x00\x00\x06\x05\xff\xff\xff\xff\x07"), "transform", tight, "broken"},
		"large memory":     {wasmtest.Module{Pages: 17, Body: wasmtest.Unreachable}.Bytes(), "transform", tight, "begins with 1114112 bytes"},
		"another name":     {ok, "migrate", tight, `no function "migrate"`},
		"another type":     {ok, "alloc", tight, "want [i32 i32] gives [i64]"},
		"too large":        {make([]byte, wasm.MaxModule+1), "transform", tight, "at most"},
		"a body of faults": {wasmtest.Module{Body: wasmtest.Add}.Bytes(), "transform", tight, "invalid"},
		"no time":          {ok, "transform", wasm.Limits{MemoryBytes: 1 << 20}, "a time of 0s"},
		"half a page":      {ok, "transform", wasm.Limits{MemoryBytes: 100_000, Time: time.Second}, "a memory of 100000 bytes"},
	} {
		if _, err := wasm.Compile(t.Context(), c.code, c.function, c.limits); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v, want %q", name, err, c.says)
		}
	}
	if _, err := wasm.Compile(t.Context(), wasmtest.Module{Table: 4, Named: "migrate", Body: wasmtest.Unreachable}.Bytes(), "migrate", tight); err != nil {
		t.Errorf("a small table and a function of another name: got %v", err)
	}
}

func TestWhoeverCallsMayStop(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := runner(t, wasmtest.Picky(), tight).Append(ctx, nil, []byte(`{"s":1}`))
	for _, bound := range []error{nil, wasm.ErrTime, wasm.ErrStopped} {
		if errors.Is(err, bound) {
			t.Errorf("got %v, which blames the module", err)
		}
	}
}

// Wherever alloc and the answer point, an answer is a piece of the module's memory or there is none.
func FuzzAnswer(f *testing.F) {
	for _, seed := range []struct {
		at     int32
		packed int64
	}{{0, 0}, {-1, -1}, {4096, 4096<<32 | 7}, {65530, 65530<<32 | 7}, {1 << 30, 1<<62 | 1<<31}, {0, 65536}, {0, 65535<<32 | 1<<31 | 2}} {
		f.Add(seed.at, seed.packed, []byte(`{"a":1}`))
	}
	f.Fuzz(func(t *testing.T, at int32, packed int64, value []byte) {
		const pages = 1
		code := wasmtest.Module{Pages: pages, Alloc: wasmtest.I32(at), Body: wasmtest.I64(packed)}
		code.Body = wasmtest.Seq(code.Body, wasmtest.Return)
		got, err := runner(t, code.Bytes(), wasm.Limits{MemoryBytes: 1 << 20, Time: time.Second}).Append(t.Context(), nil, value)
		from, size, refused := uint64(uint32(packed>>32)), uint64(uint32(packed)&^(1<<31)), packed&(1<<31) != 0
		fits := uint64(uint32(at))+uint64(len(value)) <= pages<<16 && from+size <= pages<<16
		var word *wasm.RefusedError
		switch {
		case err == nil && (!fits || refused || uint64(len(got)) != size || size == 0):
			t.Errorf("alloc gave %d, the answer is %#x: got %d bytes", at, packed, len(got))
		case errors.As(err, &word) && (!fits || !refused):
			t.Errorf("alloc gave %d, the answer is %#x: got a refusal", at, packed)
		case err != nil && word == nil && fits && !refused && size > 0:
			t.Errorf("alloc gave %d, the answer is %#x: got %v", at, packed, err)
		}
	})
}

// No bytes are a module that brings its host down. One that compiles is run.
func FuzzModule(f *testing.F) {
	for _, m := range [][]byte{wasmtest.Append(), wasmtest.Picky(), wasmtest.Counter(), wasmtest.Module{Imports: true}.Bytes(), wasmtest.Module{Table: 1 << 20}.Bytes()} {
		f.Add(m)
	}
	f.Fuzz(func(t *testing.T, code []byte) {
		m, err := wasm.Compile(t.Context(), code, "transform", wasm.Limits{MemoryBytes: 1 << 20, Time: 10 * time.Millisecond})
		if err != nil {
			return
		}
		if out, err := m.Runner().Append(t.Context(), []byte("dst"), []byte(`{"a":1}`)); !strings.HasPrefix(string(out), "dst") || err != nil && len(out) != 3 {
			t.Errorf("got %q, %v", out, err)
		}
	})
}
