package reach_test

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"backstitch/fsm"
	"backstitch/replay/gap"
	"backstitch/replay/record"
	"backstitch/replay/recovery"
	"backstitch/replay/source"
	"backstitch/replay/verify"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/avro"
	"github.com/twmb/franz-go/pkg/sr"
)

const (
	guidV1   = "00000000-0000-4000-8000-000000000001"
	guidOut  = "00000000-0000-4000-8000-000000000041"
	guidGone = "00000000-0000-4000-8000-000000000077"
)

// guid is a GUID as clients write it.
func guid(text string) []byte {
	raw, err := hex.DecodeString(strings.ReplaceAll(text, "-", ""))
	if err != nil {
		panic(err)
	}
	return append([]byte{1}, raw...)
}

func inHeader(name []byte) record.Header {
	return record.Header{Key: record.ValueSchemaHeader, Value: name}
}

// elsewhere adds to the topic of reshape what names its schema in other ways, and returns from which offset on.
func elsewhere(t *testing.T, l *reshaping) (from int64) {
	from = int64(len(l.want) + len(l.bad))
	l.one.PutGUID(guidV1, sr.Schema{Schema: orderV1})
	payload, err := avro.MustParse(orderV1).AppendEncode(nil, map[string]any{"n": "7", "old": 1.5})
	if err != nil {
		t.Fatal(err)
	}
	number := binary.BigEndian.AppendUint32([]byte{0}, 1)
	own := record.Header{Key: "trace", Value: []byte("t")}
	l.kafka.Produce("orders", 0,
		record.Record{Key: []byte("front"), Value: append(guid(guidV1), payload...)},
		record.Record{Key: []byte("header"), Value: payload, Headers: []record.Header{own, inHeader(guid(guidV1)), own}},
		record.Record{Key: []byte("number in a header"), Value: payload, Headers: []record.Header{inHeader(number)}},
		record.Record{Key: []byte("tombstone"), Headers: []record.Header{inHeader(guid(guidV1))}},
		// And what is refused.
		record.Record{Key: []byte("unknown"), Value: payload, Headers: []record.Header{inHeader(guid(guidGone))}},
		record.Record{Key: []byte("twice"), Value: payload, Headers: []record.Header{inHeader(guid(guidV1)), inHeader(guid(guidV1))}},
		record.Record{Key: []byte("more in it"), Value: payload, Headers: []record.Header{inHeader(append(guid(guidV1), 0))}},
		record.Record{Key: []byte("nothing"), Value: payload},
	)
	return from
}

// TestNamesElsewhereToProof: each value comes out with the output schema's name where it had that of its own, and nothing else of the record is
// another. Who carries it out asks no registry.
func TestNamesElsewhereToProof(t *testing.T) {
	l := reshape(t)
	l.two.RegisterNamed("orders-v3-value", 41, guidOut, sr.Schema{Schema: orderV3})
	from := elsewhere(t, l)
	r := l.spec("values: {as: avro, schema: {version: 3}}, ", "")
	p, sub := l.submit(r)

	codes := map[int64]string{}
	for _, f := range p.Findings {
		if f.Kind == gap.Corrupt && f.Range.From >= from {
			codes[f.Range.From-from] = f.Code
		}
	}
	if diff := cmp.Diff(map[int64]string{4: source.CodeNoWriter, 5: source.CodeNotFramed, 6: source.CodeNotFramed, 7: source.CodeNotFramed}, codes); diff != "" {
		t.Errorf("refused: -want +got\n%s", diff)
	}
	d := p.Recipe.Source.Transform.Values
	if !d.Elsewhere || d.GUID != guidOut || p.Recipe.Version != recovery.ElsewhereVersion || d.Writers[len(d.Writers)-1].GUID != guidV1 {
		t.Errorf("the recipe has version %d, %+v", p.Recipe.Version, d)
	}

	l.one.SetDown(true)
	l.two.SetDown(true)
	l.killedAmid(sub)
	ends := l.run(sub)
	got := l.kafka.Committed("orders-v3", 0)
	if len(got) != len(l.want)+4 {
		t.Fatalf("got %d records in the topic, want %d", len(got), len(l.want)+4)
	}
	payload, err := avro.MustParse(orderV3).AppendEncode(nil, map[string]any{"n": int32(7), "new": 1.5, "note": "none"})
	if err != nil {
		t.Fatal(err)
	}
	own := record.Header{Key: "trace", Value: []byte("t")}
	for i, want := range []record.Record{
		{Key: []byte("front"), Value: append(guid(guidOut), payload...)},
		{Key: []byte("header"), Value: payload, Headers: []record.Header{own, inHeader(guid(guidOut)), own}},
		{Key: []byte("number in a header"), Value: payload, Headers: []record.Header{inHeader([]byte{0, 0, 0, 0, outID})}},
		{Key: []byte("tombstone"), Headers: []record.Header{inHeader(guid(guidV1))}},
	} {
		is := got[len(l.want)+i]
		if diff := cmp.Diff([]string{string(want.Key), fmt.Sprintf("%x", want.Value), fmt.Sprint(want.Headers)}, []string{string(is.Key), fmt.Sprintf("%x", is.Value), fmt.Sprint(is.Headers)}); diff != "" {
			t.Errorf("%s: -want +got\n%s", want.Key, diff)
		}
	}
	cs, err := verify.New(verify.DefaultConfig()).Job(t.Context(), sub.Slices, nil, ends, 1)
	if err != nil {
		t.Fatal(err)
	}
	if v, _ := fsm.Judge(verify.Comparisons(cs), fsm.Writers{}); v != fsm.Pass {
		t.Errorf("got %s, want a pass", v)
	}
}

// TestAGUIDThatTheTargetHasNot: an older registry gives no GUIDs, and a number in its place would be another way to name it than the topic's readers
// know.
func TestAGUIDThatTheTargetHasNot(t *testing.T) {
	l := reshape(t)
	from := elsewhere(t, l)
	p, _ := l.submit(l.spec(fromAvro, ""))
	refused := map[int64]string{}
	for _, f := range p.Findings {
		if f.Kind == gap.Corrupt && f.Range.From >= from {
			refused[f.Range.From-from] = f.Code + " " + f.Reason
		}
	}
	for _, i := range []int64{0, 1} {
		if why := refused[i]; !strings.Contains(why, source.CodeNotFramed) || !strings.Contains(why, "has none for the output schema") {
			t.Errorf("record %d: got %q", i, why)
		}
	}
	if why, is := refused[2]; is {
		t.Errorf("a number in a header: got %q, want it written", why)
	}
}
