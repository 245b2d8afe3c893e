package late_test

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"testing"
	"time"

	"backstitch/partition"
	"backstitch/replay/gap/gaptest"
	"backstitch/replay/late"
	"backstitch/replay/record"
	"backstitch/replay/replaytest"
	"backstitch/replay/sink"
	"backstitch/replay/source"
	"backstitch/replay/spec"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func rule(t *testing.T, at spec.EventTime, allowed time.Duration) *late.Rule {
	t.Helper()
	r, err := late.New(at, allowed)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

const day = 86_400_000

// The event time of a record is read from where the rule says, exactly or not at all.
func TestEventTimes(t *testing.T) {
	const absent, unread = source.CodeTimeAbsent, source.CodeTimeUnread
	value := func(text string) record.Record { return record.Record{TimestampMs: 5, Value: []byte(text)} }
	header := func(values ...string) (r record.Record) {
		for _, v := range values {
			r.Headers = append(r.Headers, record.Header{Key: "at", Value: []byte(v)})
		}
		return r
	}
	for name, c := range map[string]struct {
		at   spec.EventTime
		r    record.Record
		want int64
		code string
	}{
		"a timestamp":                {"timestamp", record.Record{TimestampMs: 7}, 7, ""},
		"none":                       {"timestamp", record.Record{TimestampMs: -1}, 0, absent},
		"one of the broker":          {"timestamp", record.Record{TimestampMs: 7, TimestampType: record.LogAppendTime}, 0, absent},
		"one beyond the years":       {"timestamp", record.Record{TimestampMs: late.MaxMs + 1}, 0, unread},
		"the last one":               {"timestamp", record.Record{TimestampMs: late.MaxMs}, late.MaxMs, ""},
		"a moment":                   {"value.at", value(`{"at":"1970-01-02T00:00:00Z"}`), day, ""},
		"a moment in a zone":         {"value.at", value(`{"at":"1970-01-02T02:00:00.0019+02:00"}`), day + 1, ""},
		"milliseconds":               {"value.o.at", value(`{"o":{"at":1795132800000}}`), 1_795_132_800_000, ""},
		"spelled otherwise":          {"value.at", value(`{"at":1.7951328E12}`), 1_795_132_800_000, ""},
		"zero":                       {"value.at", value(`{"at":-0.0}`), 0, ""},
		"the last millisecond":       {"value.at", value(`{"at":253402300799999}`), late.MaxMs, ""},
		"one more":                   {"value.at", value(`{"at":253402300800000}`), 0, unread},
		"a huge number":              {"value.at", value(`{"at":1e2000000000}`), 0, unread},
		"no number of a decimal":     {"value.at", value(`{"at":1e99999999999}`), 0, unread},
		"a part of a millisecond":    {"value.at", value(`{"at":1795132800.25}`), 0, unread},
		"before 1970":                {"value.at", value(`{"at":-1}`), 0, unread},
		"a moment before 1970":       {"value.at", value(`{"at":"1969-12-31T23:59:59Z"}`), 0, unread},
		"no zone":                    {"value.at", value(`{"at":"1970-01-02T00:00:00"}`), 0, unread},
		"digits in a text":           {"value.at", value(`{"at":"1795132800000"}`), 0, unread},
		"a truth":                    {"value.at", value(`{"at":true}`), 0, unread},
		"a list":                     {"value.at", value(`{"at":[1]}`), 0, unread},
		"twice":                      {"value.at", value(`{"at":1,"at":1}`), 0, unread},
		"no JSON":                    {"value.at", value(`{"at":1`), 0, unread},
		"a null":                     {"value.at", value(`{"at":null}`), 0, absent},
		"no member":                  {"value.at", value(`{}`), 0, absent},
		"a tombstone":                {"value.at", record.Record{}, 0, absent},
		"a header":                   {"header.at", header("1795132800000"), 1_795_132_800_000, ""},
		"a header with a moment":     {"header.at", header("1970-01-02T00:00:00Z"), day, ""},
		"a header with a sign":       {"header.at", header("-5"), 0, unread},
		"a header with a huge one":   {"header.at", header("99999999999999999999"), 0, unread},
		"a header beyond the years":  {"header.at", header(strconv.Itoa(math.MaxInt64)), 0, unread},
		"two headers":                {"header.at", header("1", "1"), 0, unread},
		"another header":             {"header.on", header("1"), 0, absent},
		"a header that is there, so": {"header.at", record.Record{Headers: []record.Header{{Key: "at"}}}, 0, absent},
	} {
		mark := rule(t, c.at, 0).Watermark(late.Mark{})
		_, why := mark.See(&c.r)
		got := mark.High().Ms()
		switch {
		case c.code != "" && (why == nil || why.Code != c.code || got != nil):
			t.Errorf("%s: got %v, %v, want %s and no time", name, got, why, c.code)
		case c.code == "" && (why != nil || got == nil || *got != c.want):
			t.Errorf("%s: got %v, %v, want %d", name, got, why, c.want)
		}
	}
	for _, bad := range []spec.EventTime{"", "value", "value.", "header.", "time", "key"} {
		if _, err := late.New(bad, 0); err == nil {
			t.Errorf("%q is taken for an event time", bad)
		}
	}
	if got := rule(t, "header.at", 0).Lacks(record.FieldValue | record.FieldTimestamp); got != record.FieldHeaders {
		t.Errorf("got %b lacking, want headers", got)
	}
}

// disorder is a topic whose event times go back and forth. Some have none, and some were copied from a topic where they were late.
func disorder(t *testing.T, n int) []record.Record {
	rng := replaytest.Seed(t)
	out := make([]record.Record, n)
	for i := range out {
		out[i] = record.Record{Offset: int64(2*i + i/10), TimestampMs: 1_795_132_800_000 + int64(i)*1000 + rng.Int64N(40_000)}
		switch rng.IntN(12) {
		case 0:
			out[i].TimestampMs = -1
		case 1:
			out[i].Headers = []record.Header{{Key: sink.LateHeader, Value: []byte("77")}, {Key: "b", Value: []byte("c")}}
		}
	}
	return out
}

// lateBy is what the package says, for each pair of records: how far a record lies below the highest before it, less what is allowed.
func lateBy(rs []record.Record, begin, allowed int64) map[partition.Offset]string {
	out := map[partition.Offset]string{}
	for i, r := range rs {
		by := begin - allowed - r.TimestampMs
		for _, q := range rs[:i] {
			by = max(by, q.TimestampMs-allowed-r.TimestampMs)
		}
		if by > 0 && r.TimestampMs >= 0 {
			out[r.Offset] = strconv.FormatInt(by, 10)
		}
	}
	return out
}

// says is what the records of a reader say.
func says(t *testing.T, r source.Reader) (all []partition.Offset, out map[partition.Offset]string) {
	t.Helper()
	defer r.Close()
	out = map[partition.Offset]string{}
	for {
		b, err := r.Next(t.Context())
		if err == io.EOF {
			return all, out
		}
		if err != nil {
			t.Fatal(err)
		}
		var bytes int64
		for _, rec := range b.Records {
			all, bytes = append(all, rec.Offset), bytes+rec.Size()
			for _, h := range rec.Headers {
				if h.Key == sink.LateHeader {
					out[rec.Offset] += string(h.Value)
				}
			}
		}
		if bytes != b.Bytes {
			t.Errorf("a batch of %d bytes says %d", bytes, b.Bytes)
		}
		b.Release()
	}
}

// A slice says the same from wherever it is read on, and nothing of what lies before.
func TestTheSameFromEveryCursor(t *testing.T) {
	rs := disorder(t, 120)
	begin := rs[0].TimestampMs + 30_000
	want := lateBy(rs, begin, 5000)
	if len(want) < 20 || len(want) > 100 {
		t.Fatalf("%d of %d are late, which means little", len(want), len(rs))
	}
	memory := &replaytest.Memory{Records: map[int32][]record.Record{0: rs}, Damaged: map[int64]int64{}}
	damaged := rs[50].Offset
	memory.Damaged[damaged] = damaged + 1
	src := late.Over(memory, rule(t, "timestamp", 5*time.Second), func(partition.Slice) late.Mark { return late.At(&begin) })
	kept := slices.Concat(rs[:50], rs[51:])
	want = lateBy(kept, begin, 5000)
	s := replaytest.FillSlice("bs-a", 0, 0, rs)
	for _, r := range rs[51:] {
		rd, err := src.Open(t.Context(), s, r.Offset)
		if err != nil {
			t.Fatal(err)
		}
		all, got := says(t, rd)
		if len(all) == 0 || all[0] != r.Offset {
			t.Fatalf("from %d: begins with %v", r.Offset, all)
		}
		for _, o := range all {
			if got[o] != want[o] {
				t.Errorf("from %d: the record at %d says %q, want %q", r.Offset, o, got[o], want[o])
			}
		}
	}
	s.Kind = partition.SliceVerify
	memory.Damaged = nil
	rd, err := src.Open(t.Context(), s, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, got := says(t, rd); slices.ContainsFunc(rs, func(r record.Record) bool { return (got[r.Offset] == "77") != (len(r.Headers) > 0) }) {
		t.Errorf("a slice that is compared is changed: %v", got)
	}
}

// What was read of a target is not read again, and the rest is.
func TestATargetIsHeardOnce(t *testing.T) {
	target := gaptest.New(1)
	for i := range int64(100) {
		target.Append(0, record.Record{TimestampMs: 1000 + (i*37)%100, Value: fmt.Appendf(nil, "%d", i)})
	}
	highest := func(to int64) (ms int64) {
		for _, r := range target.Logs[0].Records[:to] {
			ms = max(ms, r.TimestampMs)
		}
		return ms
	}
	h := late.Listen(target, rule(t, "timestamp", 0))
	read := func(from, to int64) {
		r, err := h.Read(t.Context(), 0, from, to)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		for err == nil {
			var b *record.Batch
			if b, err = r.Next(t.Context()); err == nil {
				b.Release()
			}
		}
		if err != io.EOF {
			t.Fatal(err)
		}
	}
	read(20, 40)
	read(30, 60)
	for _, to := range []int64{60, 100, 100} {
		got, from, err := h.Until(t.Context(), 0, to)
		if ms := got.Ms(); err != nil || from != 0 || ms == nil || *ms != highest(to) {
			t.Errorf("until %d: got %v from %d, %v, want %d", to, ms, from, err, highest(to))
		}
	}
	if got, _, err := late.Listen(gaptest.New(1), rule(t, "timestamp", 0)).Until(t.Context(), 0, 0); err != nil || got.Ms() != nil {
		t.Errorf("an empty one: got %v, %v, want no mark", got.Ms(), err)
	}
}
