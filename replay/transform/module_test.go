package transform_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"backstitch/partition"
	"backstitch/replay/record"
	"backstitch/replay/replaytest"
	"backstitch/replay/source"
	"backstitch/replay/spec"
	"backstitch/replay/transform"
	"backstitch/replay/wasm/wasmtest"
)

// moduleStep is a step with that module, and little time.
func moduleStep(code []byte) spec.Step {
	w := &spec.Wasm{Inline: code, Memory: "1MiB", Time: "20ms"}
	w.SHA256 = w.Digest()
	return spec.Step{Wasm: w}
}

func moduleChain(tb testing.TB, before string, code []byte, after string) *transform.Chain {
	tb.Helper()
	all := append(steps(tb, before), moduleStep(code))
	c, err := transform.New(append(all, steps(tb, after)...))
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func TestAModuleStandsAmongSteps(t *testing.T) {
	e := moduleChain(t, `[{"rename":{"field":"old","to":"new"}}]`, wasmtest.Append(), `[{"cast":{"field":"wasm","to":"string"}},{"drop":{"field":"b"}}]`).Editor()
	for range 3 { // the memory of one value is used again for the next
		for in, want := range map[string]string{
			`{"old": 1.0, "b":2 }`:           `{"new": 1.0,"wasm":"true"}`,
			" {\"a\":\"\\u00e9\",\"b\":0}\n": " {\"a\":\"\\u00e9\",\"wasm\":\"true\"}\n",
		} {
			got, changed, err := e.Append([]byte("dst"), []byte(in))
			if err != nil || !changed || string(got) != "dst"+want {
				t.Errorf("%s: got %s, %t, %v, want %s", in, got, changed, err, want)
			}
		}
	}
	same := moduleChain(t, `[]`, wasmtest.Module{Body: wasmtest.Answer(wasmtest.Get(0), wasmtest.Get(1))}.Bytes(), `[]`)
	if got, changed, err := same.Editor().Append(nil, []byte(` { "a" : 1 }`)); err != nil || changed || len(got) > 0 {
		t.Errorf("a module that gives the value back: got %s, %t, %v", got, changed, err)
	}
}

func TestWhatAModuleCanNotDoIsNamed(t *testing.T) {
	e := moduleChain(t, `[{"drop":{"field":"x"}}]`, wasmtest.Picky(), `[]`).Editor()
	for in, c := range map[string]struct{ code, says string }{
		`{"r":1}`: {source.CodeModuleRefuses, "step 2: the module: " + wasmtest.Word},
		`{"t":1}`: {source.CodeModuleStopped, "unreachable"},
		`{"s":1}`: {source.CodeModuleTime, "20ms"},
		`{"g":1}`: {source.CodeModuleMemory, "1048576 bytes"},
		`{"d":1}`: {source.CodeModuleAnswer, "dropped"},
		`{"o":1}`: {source.CodeModuleAnswer, "not all in its memory"},
		`{"j":1}`: {source.CodeModuleAnswer, `the module gave "{]"`},
		`{"l":1}`: {source.CodeModuleAnswer, "a list"},
		`[1]`:     {source.CodeNotObject, "a list"},
	} {
		got, changed, err := e.Append([]byte("dst"), []byte(in))
		var refused *transform.Refused
		if !errors.As(err, &refused) || refused.Code != c.code || !strings.Contains(err.Error(), c.says) || changed || string(got) != "dst" {
			t.Errorf("%s: got %q, %t, %v, want %s and %q", in, got, changed, err, c.code, c.says)
		}
		if !source.Refused(c.code) {
			t.Errorf("%s is not counted among what steps refuse", c.code)
		}
		if got, _, err := e.Append(nil, []byte(`{"a":1}`)); err != nil || string(got) != `{"a":1,"wasm":true}` {
			t.Errorf("after %s: got %s, %v", in, got, err)
		}
	}
}

// An answer is one object, in valid UTF-8, with nothing behind it.
func TestAnAnswerIsOneObject(t *testing.T) {
	for _, answer := range []string{`{}{}`, `{} x`, `"a"`, `1`, `{"a":"` + "\xff" + `"}`, `{"a":01}`, `null`, ` `} {
		code := wasmtest.Module{Data: answer, Body: wasmtest.Answer(wasmtest.I32(wasmtest.Data), wasmtest.I32(int32(len(answer))))}.Bytes()
		var refused *transform.Refused
		if _, _, err := moduleChain(t, `[]`, code, `[]`).Editor().Append(nil, []byte(`{"a":1}`)); !errors.As(err, &refused) || refused.Code != source.CodeModuleAnswer {
			t.Errorf("%q: got %v, want %s", answer, err, source.CodeModuleAnswer)
		}
	}
}

func TestTheSourceSuiteHoldsWithAModule(t *testing.T) {
	replaytest.RunSourceSuite(t, func(t *testing.T) replaytest.SourceCase {
		before, after := orders(60)
		for i := range after {
			if v := before[i].Value; v != nil {
				after[i].Value = []byte(strings.TrimSuffix(string(v), "}") + wasmtest.Suffix + "}")
			}
		}
		src := &replaytest.Memory{Records: map[int32][]record.Record{0: before}}
		return replaytest.SourceCase{Source: transform.Over(src, moduleChain(t, `[]`, wasmtest.Append(), `[]`)), Slice: whole(60), Want: after}
	})
}

// One record on which a module does not end is named, and those around it come out changed.
func TestAModuleThatSpinsCostsOneRecord(t *testing.T) {
	recs := []record.Record{{Offset: 0, Value: []byte(`{"a":0}`)}, {Offset: 1, Value: []byte(`{"s":0}`)}, {Offset: 2, Value: []byte(`{"b":0}`)}}
	src := transform.Over(&replaytest.Memory{Records: map[int32][]record.Record{0: recs}}, moduleChain(t, `[]`, wasmtest.Picky(), `[]`))
	got, damage := read(t, src, partition.Slice{Kind: partition.SliceFill, Ranges: partition.Ranges{{From: 0, To: 3}}}, 0)
	if len(got) != 2 || string(got[1].Value) != `{"b":0,"wasm":true}` || len(damage) != 1 || damage[0].Offset != 1 || damage[0].Code != source.CodeModuleTime {
		t.Errorf("got %v and %v", got, damage)
	}
}

func TestAnotherModuleThanThePinnedOneIsRefused(t *testing.T) {
	s := moduleStep(wasmtest.Append())
	s.Wasm.Inline = wasmtest.Counter()
	if _, err := transform.New([]spec.Step{s}); err == nil || !strings.Contains(err.Error(), s.Wasm.Digest()) {
		t.Errorf("got %v, want the digest of the module at hand", err)
	}
	text, err := json.Marshal(moduleStep(wasmtest.Append()))
	if err != nil {
		t.Fatal(err)
	}
	var back spec.Step
	if err := json.Unmarshal(text, &back); err != nil || string(back.Wasm.Inline) != string(wasmtest.Append()) {
		t.Errorf("got %s, %v, which is another module than was written", text, err)
	}
}
