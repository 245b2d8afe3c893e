package datum

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"backstitch/replay/framed"
	"backstitch/replay/spec"

	"github.com/twmb/avro"
	"pgregory.net/rapid"
)

// Random schemas and datums of them. rapid prints how to draw a failure again.

// maker draws schemas. Names are never used twice.
type maker struct {
	t     *rapid.T
	named int
}

var scalarTypes = []string{
	`"boolean"`, `"int"`, `"long"`, `"float"`, `"double"`, `"bytes"`, `"string"`,
	`{"type":"long","logicalType":"timestamp-millis"}`, `{"type":"int","logicalType":"date"}`, `{"type":"bytes","logicalType":"decimal","precision":30,"scale":4}`,
}

func (m *maker) typ(depth int) string {
	kinds := 8
	if depth == 0 {
		kinds = 3
	}
	m.named++
	name := fmt.Sprintf("T%d", m.named)
	switch rapid.IntRange(0, kinds-1).Draw(m.t, "kind") {
	case 0, 1:
		return rapid.SampledFrom(scalarTypes).Draw(m.t, "scalar")
	case 2:
		return `{"type":"enum","name":"` + name + `","symbols":["A","B","C"]}`
	case 3:
		return `{"type":"fixed","name":"` + name + `","size":3}`
	case 4:
		return `{"type":"array","items":` + m.typ(depth-1) + `}`
	case 5:
		return `{"type":"map","values":` + m.typ(depth-1) + `}`
	case 6:
		return `["null",` + m.record(name, depth-1) + `,"string",{"type":"map","values":` + m.typ(0) + `}]`
	}
	return m.record(name, depth-1)
}

func (m *maker) record(name string, depth int) string {
	var fields []string
	for i := range rapid.IntRange(1, 4).Draw(m.t, "fields") {
		fields = append(fields, fmt.Sprintf(`{"name":"f%d","type":%s}`, i, m.typ(depth)))
	}
	return `{"type":"record","name":"` + name + `","fields":[` + strings.Join(fields, ",") + `]}`
}

// datum draws a datum of t, with all that a reader may meet: NaN, maps with two entries of one name, arrays in several blocks.
func datumOf(t *rapid.T, dst []byte, of *typ) []byte {
	switch of.kind {
	case kBoolean:
		return appendBool(dst, rapid.Bool().Draw(t, "bool"))
	case kInt:
		return appendLong(dst, int64(rapid.Int32().Draw(t, "int")))
	case kLong:
		return appendLong(dst, rapid.Int64().Draw(t, "long"))
	case kFloat:
		return binary.LittleEndian.AppendUint32(dst, rapid.OneOf(rapid.Uint32(), rapid.SampledFrom([]uint32{1 << 31, 0x7fc00001, 0xff800000})).Draw(t, "float"))
	case kDouble:
		return binary.LittleEndian.AppendUint64(dst, rapid.OneOf(rapid.Uint64(), rapid.SampledFrom([]uint64{1 << 63, 0x7ff8000000000001, 0xfff0000000000000})).Draw(t, "double"))
	case kBytes:
		most := 20
		if of.logical == "decimal" {
			most = 12
		}
		return appendRun(dst, rapid.SliceOfN(rapid.Byte(), 0, most).Draw(t, "bytes"))
	case kString:
		return appendRun(dst, rapid.String().Draw(t, "string"))
	case kEnum:
		return appendLong(dst, int64(rapid.IntRange(0, len(of.symbols)-1).Draw(t, "symbol")))
	case kFixed:
		return append(dst, rapid.SliceOfN(rapid.Byte(), of.size, of.size).Draw(t, "fixed")...)
	case kUnion:
		i := rapid.IntRange(0, len(of.parts)-1).Draw(t, "branch")
		return datumOf(t, appendLong(dst, int64(i)), of.parts[i])
	case kRecord:
		for i := range of.fields {
			dst = datumOf(t, dst, of.fields[i].typ)
		}
		return dst
	case kArray, kMap:
		for range rapid.IntRange(0, 2).Draw(t, "blocks") {
			n := rapid.IntRange(1, 3).Draw(t, "items")
			dst = appendLong(dst, int64(n))
			for range n {
				if of.kind == kMap {
					dst = appendRun(dst, rapid.SampledFrom([]string{"a", "b", "", "é"}).Draw(t, "key"))
				}
				dst = datumOf(t, dst, of.parts[0])
			}
		}
		return append(dst, 0)
	}
	return dst
}

// shuffled is the schema with the fields of each record, the branches of each union and the symbols of each enum in another order.
func shuffled(t *rapid.T, text string) string {
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	var walk func(v any)
	turn := func(list []any) {
		for i := range list {
			j := rapid.IntRange(i, len(list)-1).Draw(t, "swap")
			list[i], list[j] = list[j], list[i]
		}
	}
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			turn(v)
			for _, x := range v {
				walk(x)
			}
		case map[string]any:
			for _, name := range []string{"fields", "symbols"} {
				if list, ok := v[name].([]any); ok {
					turn(list)
					for _, x := range list {
						walk(x)
					}
				}
			}
			for _, name := range []string{"type", "items", "values"} {
				walk(v[name])
			}
		}
	}
	walk(v)
	out, _ := json.Marshal(v)
	return string(out)
}

// A chain that asks for nothing changes no byte; nor does the way to another order of everything and back.
func TestIdentity(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := &maker{t: rt}
		text := m.record("Root", 2)
		s, again := mustParse(t, text), mustParse(t, text)
		value := datumOf(rt, []byte{0, 0, 0, 0, 9}, s.root)
		for _, steps := range []string{`[]`, `[{"drop":{"field":"none"}},{"cast":{"field":"f9","to":"string"}}]`} {
			if made, changed, err := mustChain(t, steps, s).Editor(framed.Pinned{{ID: 9}: again}).Append(nil, value); err != nil || changed {
				rt.Fatalf("%s by %s: got %x, %v, want nothing changed in %x", text, steps, made, err, value)
			}
		}
		// Each member on its own is what it was, too.
		there, _, err := mustChain(t, `[{"rename":{"field":"f0","to":"x"}},{"rename":{"field":"x","to":"f0"}}]`, s).Editor(framed.Pinned{{ID: 9}: again}).Append([]byte("front"), value)
		if err != nil || len(there) != len("front") {
			rt.Fatalf("%s there and back: got %x, %v, want nothing changed in %x", text, there, err, value)
		}
		other := mustParse(t, shuffled(rt, text))
		made, changed, err := mustChain(t, `[]`, other).Editor(framed.Pinned{{ID: 9}: s}).Append(nil, value)
		if !changed {
			made = value
		}
		if err != nil {
			rt.Fatalf("%s as %s: %v of %x", text, other.Text(), err, value)
		}
		back, changed, err := mustChain(t, `[]`, s).Editor(framed.Pinned{{ID: 9}: other}).Append(nil, made)
		if !changed {
			back = made
		}
		if err != nil || !bytes.Equal(back, value) {
			rt.Fatalf("%s as %s and back: got %x, %v, want %x", text, other.Text(), back, err, value)
		}
	})
}

// said is a datum as the library reads it, with what JSON does not say.
func said(t *rapid.T, schema string, datum []byte) string {
	var v any
	rest, err := avro.MustParse(schema).Decode(datum, &v, avro.TaggedUnions())
	if err != nil || len(rest) > 0 {
		t.Fatalf("the library does not read %x by %s: %v, %d bytes left", datum, schema, err, len(rest))
	}
	return exact(v)
}

// exact spells Go values of the library with their types, floats by their bits.
func exact(v any) string {
	switch v := v.(type) {
	case float32:
		return fmt.Sprintf("f%x", math.Float32bits(v))
	case float64:
		return fmt.Sprintf("d%x", math.Float64bits(v))
	case map[string]any:
		var out []string
		for _, k := range slices.Sorted(maps.Keys(v)) {
			out = append(out, strconv.Quote(k)+":"+exact(v[k]))
		}
		return "{" + strings.Join(out, ",") + "}"
	case []any:
		var out []string
		for _, x := range v {
			out = append(out, exact(x))
		}
		return "[" + strings.Join(out, ",") + "]"
	}
	return fmt.Sprintf("%T(%v)", v, v)
}

// What the library resolves between two schemas is what comes out, wherever something comes out.
func TestResolutionAgainstTheLibrary(t *testing.T) {
	wider := strings.NewReplacer(`"type":"int"}`, `"type":"long"}`, `"type":"float"}`, `"type":"double"}`, `"type":"boolean"}`, `"type":["null","boolean"]}`,
		`"symbols":["A","B","C"]`, `"symbols":["C","A","B","D"]`, `"items":"int"`, `"items":"double"`, `"values":"string"`, `"values":["null","string"]`)
	done := 0
	rapid.Check(t, func(rt *rapid.T) {
		m := &maker{t: rt}
		text := m.record("Root", 2)
		to := strings.TrimSuffix(wider.Replace(text), "]}") + `,{"name":"more","type":["null","int"],"default":null}]}`
		w, r := mustParse(t, text), mustParse(t, to)
		value := datumOf(rt, []byte{0, 0, 0, 0, 7}, w.root)
		made, _, err := mustChain(t, `[]`, r).Editor(framed.Pinned{{ID: 7}: w}).Append(nil, value)
		if err != nil {
			rt.Fatalf("%s as %s: %v of %x", text, to, err, value)
		}
		resolved, err := avro.Resolve(avro.MustParse(text), avro.MustParse(to))
		if err != nil {
			rt.Fatalf("%s as %s: %v", text, to, err)
		}
		var v any
		if _, err := resolved.Decode(value[5:], &v, avro.TaggedUnions()); err != nil {
			rt.Fatal(err)
		}
		if got, want := said(rt, to, made[5:]), exact(v); got != want {
			rt.Fatalf("%s as %s:\ngot  %s\nwant %s", text, to, got, want)
		}
		done++
	})
	if done == 0 {
		t.Error("nothing was compared")
	}
}

// Each step does what it does to the map that the library makes of the datum.
func TestStepsAgainstAReference(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := &maker{t: rt}
		kept := m.typ(2)
		fields := []string{`{"name":"n","type":"long"}`, `{"name":"s","type":"string"}`, `{"name":"keep","type":` + kept + `}`, `{"name":"o","type":["null","int"]}`,
			`{"name":"in","type":{"type":"record","name":"In","fields":[{"name":"a","type":"int"},{"name":"b","type":"boolean"}]}}`}
		w := mustParse(t, record1(strings.Join(fields, ",")))
		// A step, what it does to the map, and what it does to the list of fields.
		type change struct {
			step   string
			do     func(map[string]any)
			field  int
			become string
		}
		number := rapid.Int64().Draw(rt, "number")
		all := []change{
			{`{"rename":{"field":"keep","to":"kept"}}`, func(v map[string]any) { v["kept"] = v["keep"]; delete(v, "keep") }, 2, `{"name":"kept","type":` + kept + `}`},
			{`{"cast":{"field":"n","to":"string"}}`, func(v map[string]any) { v["n"] = fmt.Sprint(v["n"]) }, 0, `{"name":"n","type":"string"}`},
			{`{"split":{"field":"s","by":"|","into":["s1","s2"]}}`, func(v map[string]any) {
				v["s1"], v["s2"], _ = strings.Cut(v["s"].(string), "|")
				delete(v, "s")
			}, 1, `{"name":"s2","type":"string"},{"name":"s1","type":"string"}`},
			{`{"default":{"field":"o","value":5,"orNull":true}}`, func(v map[string]any) {
				if v["o"] == nil {
					v["o"] = int32(5)
				}
			}, 3, fields[3]},
			{fmt.Sprintf(`{"set":{"field":"in.c","value":%d}}`, number), func(v map[string]any) { v["in"].(map[string]any)["c"] = number }, 4,
				`{"name":"in","type":{"type":"record","name":"In","fields":[{"name":"c","type":"long"},{"name":"b","type":"boolean"},{"name":"a","type":"int"}]}}`},
			{`{"drop":{"field":"in.b"}}`, func(v map[string]any) { delete(v["in"].(map[string]any), "b") }, 4,
				`{"name":"in","type":{"type":"record","name":"In","fields":[{"name":"a","type":"int"}]}}`},
			{`{"drop":{"field":"keep"}}`, func(v map[string]any) { delete(v, "keep") }, 2, ``},
			{`{"default":{"field":"s","value":"x"}}`, func(map[string]any) {}, 1, fields[1]},
		}
		s := rapid.StringMatching(`[a-zé]{0,3}\|[^|]{0,3}`).Draw(rt, "s")
		in := []byte{0, 0, 0, 0, 7}
		in = appendRun(datumOf(rt, in, w.root.fields[0].typ), s)
		for _, f := range w.root.fields[2:] {
			in = datumOf(rt, in, f.typ)
		}
		var v any
		if _, err := avro.MustParse(w.Text()).Decode(in[5:], &v); err != nil {
			rt.Fatal(err)
		}
		want, steps, taken := v.(map[string]any), []string{}, map[int]bool{}
		for _, i := range rapid.Permutation([]int{0, 1, 2, 3, 4, 5, 6, 7}).Draw(rt, "order") {
			if c := all[i]; !taken[c.field] && rapid.Bool().Draw(rt, "take") {
				taken[c.field] = true
				steps, fields[c.field] = append(steps, c.step), c.become
				c.do(want)
			}
		}
		r := record1(strings.Join(slices.DeleteFunc(fields, func(f string) bool { return f == "" }), ","))
		var list []spec.Step
		if err := json.Unmarshal([]byte("["+strings.Join(steps, ",")+"]"), &list); err != nil {
			rt.Fatal(err)
		}
		chain, err := New(list, mustParse(t, r), 7, false)
		if err != nil {
			rt.Fatal(err)
		}
		made, changed, err := chain.Editor(framed.Pinned{{ID: 7}: w}).Append(nil, in)
		if !changed {
			made = in
		}
		if err != nil {
			rt.Fatalf("%v by %s of %x", err, steps, in)
		}
		var got any
		if rest, err := avro.MustParse(r).Decode(made[5:], &got); err != nil || len(rest) > 0 {
			rt.Fatalf("%s: the library does not read %x by %s: %v", steps, made, r, err)
		}
		if exact(got) != exact(want) {
			rt.Fatalf("%s:\ngot  %s\nwant %s", steps, exact(got), exact(want))
		}
	})
}

// FuzzDatum gives hostile bytes to schemas of every kind: no panic, no growth beyond the limit, and what comes out is a datum of the output
// schema and the same each time.
func FuzzDatum(f *testing.F) {
	const (
		deep = `{"type":"record","name":"L","fields":[{"name":"v","type":["null","int","L"]},{"name":"m","type":{"type":"map","values":["null","L","bytes"]}}]}`
		wide = `{"type":"record","name":"L","fields":[{"name":"x","type":"string","default":"xxxxxxxx"},{"name":"m","type":{"type":"map","values":["L","bytes","null"]}},{"name":"v","type":["L","long","null"]}]}`
		nums = `{"type":"record","name":"N","fields":[{"name":"d","type":{"type":"bytes","logicalType":"decimal","precision":20,"scale":3}},{"name":"f","type":"double"},{"name":"e","type":{"type":"enum","name":"E","symbols":["A","B"]}},{"name":"l","type":{"type":"array","items":["null","int"]}}]}`
		less = `{"type":"record","name":"N","fields":[{"name":"d","type":{"type":"fixed","name":"F","size":4,"logicalType":"decimal","precision":8,"scale":2}},{"name":"f","type":"float"},{"name":"e","type":{"type":"enum","name":"E","symbols":["B","A"]}},{"name":"l","type":{"type":"array","items":["string","int","null"]}}]}`
	)
	schemas := []*Schema{mustParse(f, deep), mustParse(f, wide), mustParse(f, nums), mustParse(f, less)}
	read := make([]*avro.Schema, len(schemas))
	for i, s := range schemas {
		read[i] = avro.MustParse(s.Text())
	}
	all := []string{`[]`, `[{"default":{"field":"v","value":3,"orNull":true}},{"cast":{"field":"f","to":"string"}},{"set":{"field":"m.k","expr":"value.v"}},{"drop":{"field":"m.a.v"}}]`}
	chains := map[*Schema][]*Chain{}
	for _, r := range schemas {
		for _, steps := range all {
			chains[r] = append(chains[r], mustChain(f, steps, r))
		}
	}
	f.Add(uint8(0), uint8(1), []byte("\x04\x02\x06\x00\x02\x02a\x02\x00\x00\x00"))
	f.Add(uint8(2), uint8(3), []byte("\x02\x05\x00\x00\x00\x00\x00\x00\xf8\x7f\x02\x80\x80\x01\x00"))
	f.Fuzz(func(t *testing.T, from, to uint8, datum []byte) {
		w, r := schemas[int(from)%len(schemas)], schemas[int(to)%len(schemas)]
		for steps, chain := range chains[r] {
			e := chain.editor()
			e.most = 1 << 20
			made, err := e.Change(make([]byte, 5), w, datum)
			if err != nil {
				continue
			}
			if len(made) > e.most+5+maxPreset {
				t.Fatalf("%d bytes", len(made))
			}
			var v any
			if rest, err := read[int(to)%len(schemas)].Decode(made[5:], &v); err != nil || len(rest) > 0 {
				t.Fatalf("by %d: what came out of %x is no datum: %x, %v", steps, datum, made, err)
			}
			again, err := e.Change(make([]byte, 5), w, datum)
			if err != nil || !bytes.Equal(again, made) {
				t.Fatalf("by %d: %x and then %x, %v", steps, made, again, err)
			}
			// Who looks at it does not fall over either.
			_, _ = r.Doc(made[5:])
		}
	})
}
