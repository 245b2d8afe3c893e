package framed_test

import (
	"bytes"
	"compress/zlib"
	"errors"
	"slices"
	"strings"
	"testing"

	"backstitch/replay/framed"
	"backstitch/replay/record"
	"backstitch/replay/source"
	"backstitch/replay/transform"

	"pgregory.net/rapid"
)

// deflate compresses at a level: clients of AWS take the default one, and what is kept is kept whatever it was.
func deflate(t interface{ Fatal(...any) }, level int, b []byte) []byte {
	var out bytes.Buffer
	w, err := zlib.NewWriterLevel(&out, level)
	if err == nil {
		_, err = w.Write(b)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// glueFrame is a value in AWS Glue's frame.
func glueFrame(uuid [16]byte, how byte, payload []byte) []byte {
	return slices.Concat([]byte{3, how}, uuid[:], payload)
}

// inGlue is payload, which stands behind a number, as it stands in AWS Glue's frame.
func inGlue(s framed.Schema, payload []byte) []byte {
	if g, ok := s.(framed.Glued); ok {
		return append(bytes.Clone(g.GlueIndex()), payload[len(g.Index()):]...)
	}
	return payload
}

var glueNames = framed.Names{Glue: &outputGUID}

// TestGlueIsANameLikeOthers: in AWS Glue's frame, compressed or not, a value becomes what it becomes behind a number. What steps have changed is
// written as it is, and rules see it.
func TestGlueIsANameLikeOthers(t *testing.T) {
	for kind, k := range kinds {
		w, out := parse(t, k.form, k.writer, k.message), parse(t, k.form, k.out, k.message)
		payload, err := w.Payload([]byte(k.value))
		if err != nil {
			t.Fatal(err)
		}
		chain := steps(t, k.form, out, k.steps)
		pinned := framed.Pinned{{ID: writerID}: w, record.GlueVersion(writerGUID): w}
		want, changed, err := framed.NewEditor(chain, pinned, framed.Names{}).Append(nil, append([]byte{0, 0, 0, 0, writerID}, payload...))
		if err != nil || !changed {
			t.Fatalf("%s behind a number: changed %t, %v", kind, changed, err)
		}
		want = glueFrame(outputGUID, 0, inGlue(out, want[record.FrameLen:]))
		for how, body := range map[byte][]byte{0: inGlue(w, payload), 5: deflate(t, 6, inGlue(w, payload))} {
			value := glueFrame(writerGUID, how, body)
			r := record.Record{Value: bytes.Clone(value)}
			got, changed, err := framed.NewEditor(chain, pinned, glueNames).Record([]byte("before"), &r)
			if err != nil || !changed || !bytes.Equal(got, append([]byte("before"), want...)) {
				t.Errorf("%s, %d: got %x, %t, %v, want %x", kind, how, got, changed, err, want)
			}
			if !bytes.Equal(r.Value, value) || r.Headers != nil {
				t.Errorf("%s, %d: what was given is another", kind, how)
			}
			values := framed.NewValues(chain)
			for _, after := range [][]byte{want, glueFrame(outputGUID, 5, deflate(t, 9, want[record.GlueLen:]))} {
				if doc, err := values.Read(&record.Record{Value: after}); err != nil || doc.Root == nil {
					t.Errorf("%s: rules see %v, %v in %x", kind, doc.Root, err, after)
				}
			}
		}
	}
}

// TestWhatIsCompressedStaysSo where steps leave it alone: the UUID alone becomes another, and a value that has that already is not touched.
func TestWhatIsCompressedStaysSo(t *testing.T) {
	for kind, k := range kinds {
		w := parse(t, k.form, k.writer, k.message)
		payload, err := w.Payload([]byte(k.value))
		if err != nil {
			t.Fatal(err)
		}
		pinned := framed.Pinned{record.GlueVersion(writerGUID): w, record.GlueVersion(outputGUID): w}
		e := framed.NewEditor(steps(t, k.form, w, `[]`), pinned, glueNames)
		for _, level := range []int{zlib.NoCompression, zlib.BestCompression} {
			body := deflate(t, level, inGlue(w, payload))
			got, changed, err := e.Append([]byte("x"), glueFrame(writerGUID, 5, body))
			if want := append([]byte("x"), glueFrame(outputGUID, 5, body)...); err != nil || !changed || !bytes.Equal(got, want) {
				t.Errorf("%s, another UUID: got %x, %t, %v, want %x", kind, got, changed, err, want)
			}
			if got, changed, err = e.Append([]byte("x"), glueFrame(outputGUID, 5, body)); err != nil || changed || string(got) != "x" {
				t.Errorf("%s, its UUID: got %x, %t, %v, want nothing", kind, got, changed, err)
			}
		}
	}
}

// TestGlueThatCountsForNothing is refused by name, and what is to be typed is said.
func TestGlueThatCountsForNothing(t *testing.T) {
	k := kinds["avro"]
	w := parse(t, k.form, k.writer, "")
	chain := steps(t, k.form, w, `[]`)
	payload, err := w.Payload([]byte(k.value))
	if err != nil {
		t.Fatal(err)
	}
	const unknown = "05000000-0000-0000-0000-000000000000"
	body := deflate(t, 6, payload)
	p := kinds["protobuf"]
	pw := parse(t, p.form, p.writer, p.message)
	for name, tc := range map[string]struct {
		value []byte
		names framed.Names
		code  string
		says  string
	}{
		"not asked for":         {glueFrame(writerGUID, 0, payload), framed.Names{Elsewhere: true, GUID: &outputGUID}, source.CodeNotFramed, "spec.transform.values.glue"},
		"not asked for, either": {glueFrame(writerGUID, 5, body), framed.Names{}, source.CodeNotFramed, record.GlueVersion(writerGUID).Text()},
		"not in the spec":       {glueFrame([16]byte{5}, 0, payload), glueNames, source.CodeNoVersion, "add {uuid: " + unknown + ", file: FILE} to spec.transform.values.glue.versions"},
		"another compression":   {glueFrame(writerGUID, 1, payload), glueNames, source.CodeDeflated, "the byte 1"},
		"no zlib":               {glueFrame(writerGUID, 5, payload), glueNames, source.CodeDeflated, "does not read"},
		"cut off":               {glueFrame(writerGUID, 5, body[:len(body)-1]), glueNames, source.CodeDeflated, "unexpected EOF"},
		"another checksum":      {glueFrame(writerGUID, 5, append(slices.Clone(body[:len(body)-1]), body[len(body)-1]^1)), glueNames, source.CodeDeflated, "checksum"},
		"bytes behind it":       {glueFrame(writerGUID, 5, append(slices.Clone(body), 0)), glueNames, source.CodeDeflated, "bytes follow"},
		"an UUID that is cut":   {glueFrame(writerGUID, 0, nil)[:17], glueNames, source.CodeNotFramed, "within the UUID"},
		"another datum":         {glueFrame(writerGUID, 0, []byte{3}), glueNames, source.CodeNotDatum, "no datum"},
		"a number":              {append([]byte{0, 0, 0, 0, writerID}, payload...), glueNames, source.CodeNoWriter, "schema 7"},
	} {
		e := framed.NewEditor(chain, framed.Pinned{record.GlueVersion(writerGUID): w}, tc.names)
		for range 2 { // and leaves nothing behind that the next would meet
			got, changed, err := e.Record([]byte("x"), &record.Record{Value: tc.value})
			var refused *transform.Refused
			if !errors.As(err, &refused) || refused.Code != tc.code || !strings.Contains(err.Error(), tc.says) || changed || string(got) != "x" {
				t.Errorf("%s: got %q, %t, %v, want %s and %q", name, got, changed, err, tc.code, tc.says)
			}
		}
		if _, _, err := e.Append(nil, glueFrame(writerGUID, 5, body)); tc.names.Glue != nil && err != nil {
			t.Errorf("%s: the next is refused: %v", name, err)
		}
	}
	e := framed.NewEditor(steps(t, p.form, pw, `[]`), framed.Pinned{record.GlueVersion(writerGUID): pw}, glueNames)
	for _, place := range [][]byte{{2}, {0x81, 0}, {0xff}, {}} { // the file has two, a longer form of 1, no end, nothing
		_, changed, err := e.Append(nil, glueFrame(writerGUID, 0, place))
		var refused *transform.Refused
		if !errors.As(err, &refused) || refused.Code != source.CodeNoMessage || changed {
			t.Errorf("place %x: got %t, %v, want %s", place, changed, err, source.CodeNoMessage)
		}
	}
}

// TestOnePathHasAnotherPlace: a message that is added in another place of the alphabet moves those behind it, so the number in front is another one
// although the message has the same bytes and the same path.
func TestOnePathHasAnotherPlace(t *testing.T) {
	f := kinds["protobuf"].form
	w := parse(t, f, `syntax = "proto3"; message Z {} message R { string n = 1; }`, "R")
	out := parse(t, f, `syntax = "proto3"; message A {} message R { string n = 1; }`, "R")
	payload, err := w.Payload([]byte(`{"n":"41"}`))
	if err != nil {
		t.Fatal(err)
	}
	body := payload[len(w.(framed.Indexed).Index()):]
	e := framed.NewEditor(steps(t, f, out, `[]`), framed.Pinned{record.GlueVersion(writerGUID): w, record.GlueVersion(outputGUID): w}, glueNames)
	want := glueFrame(outputGUID, 0, append([]byte{1}, body...))
	for _, uuid := range [][16]byte{writerGUID, outputGUID} {
		for how, value := range map[byte][]byte{0: append([]byte{0}, body...), 5: deflate(t, 6, append([]byte{0}, body...))} {
			if got, changed, err := e.Append(nil, glueFrame(uuid, how, value)); err != nil || !changed || !bytes.Equal(got, want) {
				t.Errorf("%d: got %x, %t, %v, want %x", how, got, changed, err, want)
			}
		}
	}
}

// TestGlueSaysWhatNumbersSay, whatever bytes stand behind either: one is refused when the other is, with the same code, and else both become
// the same payload.
func TestGlueSaysWhatNumbersSay(t *testing.T) {
	type set struct {
		w, out framed.Schema
		chain  framed.Chain
	}
	sets := map[string]set{}
	for kind, k := range kinds {
		w, out := parse(t, k.form, k.writer, k.message), parse(t, k.form, k.out, k.message)
		sets[kind] = set{w, out, steps(t, k.form, out, k.steps)}
	}
	rapid.Check(t, func(t *rapid.T) {
		s := sets[rapid.SampledFrom([]string{"avro", "json", "protobuf"}).Draw(t, "kind")]
		payload := rapid.SliceOfN(rapid.ByteRange(0, 70), 0, 12).Draw(t, "payload")
		if text := rapid.StringMatching(`[0-9]{0,4}`).Draw(t, "text"); rapid.Bool().Draw(t, "valid") {
			var err error
			if payload, err = s.w.Payload([]byte(`{"n":"` + text + `"}`)); err != nil {
				t.Fatal(err)
			}
		} else if x, ok := s.w.(framed.Indexed); ok {
			payload = append(bytes.Clone(x.Index()), payload...)
		}
		pinned := framed.Pinned{{ID: writerID}: s.w, record.GlueVersion(writerGUID): s.w}
		apply := func(value []byte) ([]byte, string) {
			got, changed, err := framed.NewEditor(s.chain, pinned, glueNames).Append(nil, value)
			var refused *transform.Refused
			switch {
			case errors.As(err, &refused):
				return nil, refused.Code
			case err != nil || !changed: // the names differ, so something always changes
				t.Fatalf("%x: got %t, %v", value, changed, err)
			}
			return got, ""
		}
		want, code := apply(append([]byte{0, 0, 0, 0, writerID}, payload...))
		body, how := inGlue(s.w, payload), byte(0)
		if rapid.Bool().Draw(t, "deflated") {
			body, how = deflate(t, rapid.IntRange(0, 9).Draw(t, "level"), body), 5
		}
		got, why := apply(glueFrame(writerGUID, how, body))
		if why != code {
			t.Fatalf("%x: got %q, want %q", payload, why, code)
		}
		if code != "" {
			return
		}
		if got[1] == 5 { // kept
			if !bytes.Equal(got[record.GlueLen:], body) {
				t.Fatalf("%x: compressed bytes are others", payload)
			}
			body = inGlue(s.w, payload)
		} else {
			body = got[record.GlueLen:]
		}
		if !bytes.Equal(body, inGlue(s.out, want[record.FrameLen:])) {
			t.Fatalf("%x: got %x, want %x", payload, body, want[record.FrameLen:])
		}
	})
}
