package spec

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"backstitch/replay/wasm"
	"backstitch/replay/wasm/wasmtest"
)

func parseModule(step string, files map[string][]byte) (*Recovery, error) {
	text := "apiVersion: backstitch.dev/v1\nkind: Recovery\nmetadata: {name: lab}\nspec:\n  source: {dir: {path: /a, topic: orders}}\n" +
		"  target: {kafka: {brokers: \"localhost:9092\", topic: orders-v3}}\n  transform: {version: v1, steps: [{wasm: " + step + "}]}\n"
	opts := Options{}
	if files != nil {
		opts.ReadFile = func(name string) ([]byte, error) {
			if code, ok := files[name]; ok {
				return code, nil
			}
			return nil, os.ErrNotExist
		}
	}
	return Parse("lab.yaml", []byte(text), opts)
}

// A module of a file becomes a part of the spec, with all that it may cost written out.
func TestAModuleIsTakenIn(t *testing.T) {
	code := wasmtest.Append()
	sum := (&Wasm{Inline: code}).Digest()
	r, err := parseModule("{file: a.wasm, sha256: "+sum+"}", map[string][]byte{"a.wasm": code})
	if err != nil {
		t.Fatal(err)
	}
	got := r.WithDefaults().Spec.Transform.Steps[0].Wasm
	if got.File != "" || string(got.Inline) != string(code) || got.Function != "transform" || got.Memory != "16MiB" || got.Time != "50ms" {
		t.Errorf("got %+v", got)
	}
	if r.Spec.Transform.Steps[0].Wasm.Memory != "" {
		t.Error("defaults were written into the spec that was read")
	}
	if _, err := parseModule("{inline: "+base64.StdEncoding.EncodeToString(code)+", sha256: "+sum+", memory: 64KiB, time: 1s}", nil); err != nil {
		t.Errorf("written in: %v", err)
	}
}

func TestModulesThatAreRefused(t *testing.T) {
	code := wasmtest.Append()
	sum := (&Wasm{Inline: code}).Digest()
	imports := wasmtest.Module{Imports: true, Body: wasmtest.Unreachable}.Bytes()
	files := map[string][]byte{"a.wasm": code, "empty.wasm": {}, "imports.wasm": imports, "large.wasm": make([]byte, wasm.MaxModule+1)}
	other := strings.Repeat("0", 64)
	for name, c := range map[string]struct{ step, code, says string }{
		"another digest": {"{file: a.wasm, sha256: " + fmt.Sprintf("%q", other) + "}", CodeModuleDigest, "write sha256: " + sum},
		"no digest":      {"{file: a.wasm}", CodeRequired, "sha256"},
		"no module":      {"{sha256: " + sum + "}", CodeOneOf, "file or inline"},
		"both":           {"{file: a.wasm, inline: AAAA, sha256: " + sum + "}", CodeOneOf, "file or inline"},
		"no such file":   {"{file: b.wasm, sha256: " + sum + "}", CodeValue, "not exist"},
		"empty":          {"{file: empty.wasm, sha256: " + sum + "}", CodeModule, "empty"},
		"too large":      {"{file: large.wasm, sha256: " + sum + "}", CodeModule, "512 KiB"},
		"imports":        {"{file: imports.wasm, sha256: " + (&Wasm{Inline: imports}).Digest() + "}", CodeModule, "random_get"},
		"no function":    {"{file: a.wasm, function: migrate, sha256: " + sum + "}", CodeModule, "migrate"},
		"memory":         {"{file: a.wasm, memory: 1GiB, sha256: " + sum + "}", CodeValue, "64MiB"},
		"part of a page": {"{file: a.wasm, memory: 100KiB, sha256: " + sum + "}", CodeValue, "multiple"},
		"time":           {"{file: a.wasm, time: 1m, sha256: " + sum + "}", CodeValue, "1s"},
		"no base64":      {"{inline: \"*\", sha256: " + sum + "}", CodeType, "base64"},
	} {
		_, err := parseModule(c.step, files)
		var wrong *Error
		if !errors.As(err, &wrong) || wrong.Problems[0].Code != c.code || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v, want %s and %q", name, err, c.code, c.says)
		}
	}
	if _, err := parseModule("{file: a.wasm, sha256: "+sum+"}", nil); err == nil || !strings.Contains(err.Error(), "inline") {
		t.Errorf("a file where there are none: got %v", err)
	}
}
