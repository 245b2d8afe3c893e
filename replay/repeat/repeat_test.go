package repeat_test

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"testing"
	"time"

	"backstitch/partition"
	"backstitch/replay/record"
	"backstitch/replay/repeat"
	"backstitch/replay/replaytest"
	"backstitch/replay/source"
	"backstitch/replay/spec"
	"backstitch/storage/spill"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func rule(t *testing.T, window time.Duration, key ...spec.KeyPart) *repeat.Rule {
	t.Helper()
	r, err := repeat.New(key, window)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func headers(pairs ...string) (out []record.Header) {
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, record.Header{Key: pairs[i], Value: []byte(pairs[i+1])})
	}
	return out
}

// Two records are one event where all parts of their keys are equal, and nothing else is.
func TestKeys(t *testing.T) {
	value := func(text string) record.Record { return record.Record{Value: []byte(text)} }
	id := []spec.KeyPart{"value.id"}
	for name, c := range map[string]struct {
		key  []spec.KeyPart
		a, b record.Record
		same bool
	}{
		"equal":                       {id, value(`{"id":"a"}`), value(`{"n":1, "id" : "\u0061"}`), true},
		"other":                       {id, value(`{"id":"a"}`), value(`{"id":"b"}`), false},
		"a text is no number":         {id, value(`{"id":"1"}`), value(`{"id":1}`), false},
		"a text is no boolean":        {id, value(`{"id":"\u0001"}`), value(`{"id":true}`), false},
		"a number in other digits":    {id, value(`{"id":10}`), value(`{"id":1.0e1}`), true},
		"neighbours above 2^53":       {id, value(`{"id":9007199254740992}`), value(`{"id":9007199254740993}`), false},
		"a number and its negative":   {id, value(`{"id":1}`), value(`{"id":-1}`), false},
		"no zero is negative":         {id, value(`{"id":0}`), value(`{"id":-0.0}`), true},
		"parts do not run together":   {[]spec.KeyPart{"value.a", "value.b"}, value(`{"a":"x","b":"yz"}`), value(`{"a":"xy","b":"z"}`), false},
		"all parts count":             {[]spec.KeyPart{"value.a", "value.b"}, value(`{"a":"x","b":1}`), value(`{"a":"x","b":2}`), false},
		"a path":                      {[]spec.KeyPart{`value.o.i\.d`}, value(`{"o":{"i.d":7}}`), value(`{"o":{"i.d":7},"i":1}`), true},
		"the record's key":            {[]spec.KeyPart{"key"}, record.Record{Key: []byte("k"), Value: []byte("1")}, record.Record{Key: []byte("k")}, true},
		"an empty key is a key":       {[]spec.KeyPart{"key"}, record.Record{Key: []byte{}}, record.Record{Key: []byte{}}, true},
		"a header":                    {[]spec.KeyPart{"header.a.b"}, record.Record{Headers: headers("a.b", "1", "c", "2")}, record.Record{Headers: headers("a.b", "1")}, true},
		"another header":              {[]spec.KeyPart{"header.id"}, record.Record{Headers: headers("id", "1")}, record.Record{Headers: headers("id", "2")}, false},
		"of what lies beside no word": {id, value(`{"id":1,"x":1,"x":2}`), value(`{"id":1}`), true},
	} {
		f := rule(t, 0, c.key...).Finder(spill.Options{Dir: t.TempDir()})
		for i, r := range []record.Record{c.a, c.b} {
			got, why, err := f.See(&r)
			if want := i == 1 && c.same; got != want || why != nil || err != nil {
				t.Errorf("%s, record %d: repetition %t, %v, %v, want %t", name, i, got, why, err, want)
			}
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}

// A change event is one event where it stands at the same place of the same log, whatever else has changed about it since.
func TestChangeEvents(t *testing.T) {
	change := func(key, lsn, ts string) record.Record {
		r := record.Record{Value: fmt.Appendf(nil, `{"op":"u","ts_ms":%s,"source":{"connector":"postgresql","name":"shop","schema":"public","table":"orders","ts_ms":1,"lsn":%s}}`, ts, lsn)}
		if key != "" {
			r.Key = []byte(key)
		}
		return r
	}
	f := rule(t, 0, "debezium").Finder(spill.Options{Dir: t.TempDir()})
	defer f.Close()
	for i, c := range []struct {
		r          record.Record
		repetition bool
		code       string
	}{
		{change("1", "10", "100"), false, ""},
		{change("1", "10", "900"), true, ""}, // sent again after a restart
		{change("1", "11", "100"), false, ""},
		{change("2", "10", "100"), false, ""},
		{change("", "10", "100"), false, source.CodeKeyChange}, // nothing tells rows of one COPY apart
		{change("", "10", "100"), false, source.CodeKeyChange},
		{record.Record{Key: []byte("1")}, false, source.CodeKeyAbsent}, // a tombstone
		{record.Record{Value: []byte(`{"id":1}`)}, false, source.CodeKeyChange},
		{record.Record{Value: []byte(`{`)}, false, source.CodeKeyNotJSON},
	} {
		got, why, err := f.See(&c.r)
		code := ""
		if why != nil {
			code = why.Code
		}
		if got != c.repetition || code != c.code || err != nil {
			t.Errorf("%d: got %t, %q, %v, want %t, %q", i, got, code, err, c.repetition, c.code)
		}
	}
	if lacks := rule(t, 0, "debezium").Lacks(record.FieldValue); lacks != record.FieldKey {
		t.Errorf("a reference of values alone: lacks %v", lacks)
	}
}

// A record without a key is kept, however often it comes, and has a reason.
func TestWithoutAKeyARecordIsKept(t *testing.T) {
	value := func(text string) record.Record { return record.Record{Value: []byte(text)} }
	for name, c := range map[string]struct {
		key  spec.KeyPart
		r    record.Record
		code string
	}{
		"no JSON":         {"value.id", value(`{"id":`), source.CodeKeyNotJSON},
		"not UTF-8":       {"value.id", value("{\"id\":\"\xff\"}"), source.CodeKeyNotJSON},
		"no member":       {"value.id", value(`{"ID":1}`), source.CodeKeyAbsent},
		"no object":       {"value.id", value(`[1]`), source.CodeKeyAbsent},
		"a null":          {"value.id", value(`{"id":null}`), source.CodeKeyAbsent},
		"a tombstone":     {"value.id", record.Record{Key: []byte("k")}, source.CodeKeyAbsent},
		"no key":          {"key", record.Record{Value: []byte("{}")}, source.CodeKeyAbsent},
		"no header":       {"header.id", record.Record{Headers: headers("ID", "1")}, source.CodeKeyAbsent},
		"a null header":   {"header.id", record.Record{Headers: []record.Header{{Key: "id"}}}, source.CodeKeyAbsent},
		"two headers":     {"header.id", record.Record{Headers: headers("id", "1", "id", "1")}, source.CodeKeyTwice},
		"two members":     {"value.id", value(`{"id":1,"id":1}`), source.CodeKeyTwice},
		"two on the way":  {"value.o.id", value(`{"o":{"id":1},"o":{"id":1}}`), source.CodeKeyTwice},
		"an object":       {"value.id", value(`{"id":{}}`), source.CodeKeyKind},
		"a list":          {"value.id", value(`{"id":[1]}`), source.CodeKeyKind},
		"a number beyond": {"value.id", value(`{"id":1e99999999999}`), source.CodeKeyKind},
	} {
		f := rule(t, time.Hour, c.key).Finder(spill.Options{Dir: t.TempDir()})
		for range 2 {
			got, why, err := f.See(&c.r)
			if got || err != nil || why == nil || why.Code != c.code {
				t.Errorf("%s: repetition %t, %v, %v, want it kept and %s", name, got, why, err, c.code)
			}
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestWhatARuleLacks(t *testing.T) {
	r := rule(t, time.Hour, "key", "header.id")
	if got := r.Lacks(record.FieldValue | record.FieldKey); got != record.FieldHeaders|record.FieldTimestamp {
		t.Errorf("got %b, want headers and timestamps", got)
	}
	if got := rule(t, 0, "value.id").Lacks(record.FieldValue); got != 0 {
		t.Errorf("got %b, want nothing: without a window no timestamp is looked at", got)
	}
	if _, err := repeat.New(nil, 0); err == nil {
		t.Error("a rule without a key, want an error")
	}
}

// events are records of few keys whose times go back and forth by more than the window, and now and then are absurd.
func events(t *testing.T, n int) []record.Record {
	rng := replaytest.Seed(t)
	out := make([]record.Record, n)
	for i := range out {
		at := 1_795_132_800_000 + int64(i)*1000 + rng.Int64N(200_000) - 100_000
		if rng.IntN(40) == 0 {
			at = []int64{math.MinInt64, math.MaxInt64, -62135596800000, 0, 4_102_444_800_000}[rng.IntN(5)]
		}
		out[i] = record.Record{Offset: int64(i*2 + i/50), TimestampMs: at, Value: fmt.Appendf(nil, `{"id":%d}`, rng.IntN(20))}
		switch rng.IntN(25) {
		case 0:
			out[i].Value = []byte(`{"name":"nobody"}`)
		case 1:
			out[i].Value = nil
		}
	}
	return out
}

// repetitions is what the package says, for each pair of records.
func repetitions(rs []record.Record, window int64) (out []partition.Offset) {
	for i, r := range rs {
		for _, q := range rs[:i] {
			apart := uint64(max(r.TimestampMs, q.TimestampMs)) - uint64(min(r.TimestampMs, q.TimestampMs)) // the signed one may not fit
			keyed := string(r.Value) != "" && string(r.Value) != `{"name":"nobody"}`
			if keyed && string(r.Value) == string(q.Value) && (window == 0 || apart < uint64(window)) {
				out = append(out, r.Offset)
				break
			}
		}
	}
	return out
}

// Against all pairs, with so little memory that most of what was seen is on disk.
func TestTheSameAsLookingAtEachPair(t *testing.T) {
	rs := events(t, 400)
	for _, window := range []time.Duration{0, time.Millisecond, 20 * time.Second, 24 * time.Hour} {
		f := rule(t, window, "value.id").Finder(spill.Options{Dir: t.TempDir(), MemoryBytes: 16384})
		var got []partition.Offset
		for i := range rs {
			repetition, _, err := f.See(&rs[i])
			if err != nil {
				t.Fatal(err)
			}
			if repetition {
				got = append(got, rs[i].Offset)
			}
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		want := repetitions(rs, window.Milliseconds())
		if !slices.Equal(got, want) || window >= 20*time.Second && len(want) < 20 {
			t.Errorf("window %s: got %d repetitions, want %d: %v, %v", window, len(got), len(want), got, want)
		}
	}
}

// The source behind Over has all records but the repetitions, in batches that add up, and the book has the rest. Reading part of it again
// takes nothing out of the book.
func TestOverASource(t *testing.T) {
	rs := events(t, 400)
	const window = time.Minute
	left := repetitions(rs, window.Milliseconds())
	var want []record.Record
	for _, r := range rs {
		if !slices.Contains(left, r.Offset) {
			want = append(want, r)
		}
	}
	book := repeat.NewBook()
	src := repeat.Over(&replaytest.Memory{Records: map[int32][]record.Record{3: rs}}, repeat.Config{Rule: rule(t, window, "value.id"), Book: book, Spill: spill.Options{Dir: t.TempDir()}})
	slice := replaytest.FillSlice("bs-a", 0, 3, rs)
	slice.Ranges = partition.Ranges{{From: 0, To: rs[len(rs)-1].Offset + 1}}
	check := func() {
		t.Helper()
		p := book.Part(3)
		var got []partition.Offset
		for _, r := range p.Left {
			for o := r.From; o < r.To; o++ {
				got = append(got, o)
			}
		}
		var unkeyed int64
		for _, u := range p.Unkeyed {
			unkeyed += u.Records
			if u.Code != source.CodeKeyAbsent || u.Why == "" {
				t.Errorf("without a key: %+v, want %s", u, source.CodeKeyAbsent)
			}
		}
		if !slices.Equal(got, left) || p.Keyed+unkeyed != int64(len(rs)) || unkeyed == 0 {
			t.Errorf("the book has %d repetitions, %d with a key and %d without, want %d of %d", len(got), p.Keyed, unkeyed, len(left), len(rs))
		}
	}
	if got := replaytest.ReadSlice(t, src, slice, 0); !replaytest.Same(got, want) {
		t.Errorf("got %d records, want %d", len(got), len(want))
	}
	check()
	r, err := src.Open(t.Context(), slice, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Next(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	check()
	if _, err := src.Open(t.Context(), slice, 100); err == nil {
		t.Error("opened in the middle of a slice, want an error: what comes before decides")
	}
}

// Nothing is a repetition of a record that the job is not about, or that can not be read, and such a record is no repetition itself.
func TestWhatTheJobIsNotAbout(t *testing.T) {
	var rs []record.Record
	for i := range int64(30) {
		rs = append(rs, record.Record{Offset: i, TimestampMs: i, Value: []byte(`{"id":1}`)})
	}
	memory := &replaytest.Memory{Records: map[int32][]record.Record{0: rs}, Damaged: map[int64]int64{2: 5}}
	book := repeat.NewBook()
	src := repeat.Over(memory, repeat.Config{
		Rule: rule(t, time.Hour, "value.id"), Book: book, Spill: spill.Options{Dir: t.TempDir()},
		About: func(_ partition.Slice, r *record.Record) bool { return r.Offset >= 2 && r.Offset != 20 },
	})
	r, err := src.Open(t.Context(), replaytest.FillSlice("bs-a", 0, 0, rs), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var got []partition.Offset
	damages := 0
	for {
		b, err := r.Next(t.Context())
		var damaged *source.DamagedError
		if err == io.EOF {
			break
		}
		if errors.As(err, &damaged) {
			damages++
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, rec := range b.Records {
			got = append(got, rec.Offset)
		}
		b.Release()
	}
	if want := []partition.Offset{0, 1, 5, 20}; !slices.Equal(got, want) || damages != 1 {
		t.Errorf("got %v and %d damages, want %v and one", got, damages, want)
	}
	if p := book.Part(0); p.Keyed != 24 || p.Left.Len() != 23 {
		t.Errorf("the book has %d with a key, %d left out, want 24 and 23", p.Keyed, p.Left.Len())
	}
}
