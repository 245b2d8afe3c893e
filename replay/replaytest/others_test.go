package replaytest_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"backstitch/partition"
	"backstitch/replay/bucket/dir"
	"backstitch/replay/foreign"
	"backstitch/replay/foreign/foreigntest"
	"backstitch/replay/layout"
	"backstitch/replay/record"
	"backstitch/replay/replaytest"
)

// Every layout that somebody else writes, recognised by its names and contents, keeps the promises of a source.
func TestArchivesOfOthers(t *testing.T) {
	for _, writer := range foreigntest.All() {
		if writer == "confluent-hourly" {
			continue // its positions are those of no topic; the others keep the same promises with the same code
		}
		t.Run(writer, func(t *testing.T) {
			replaytest.RunSourceSuite(t, func(t *testing.T) replaytest.SourceCase { return other(t, writer) })
		})
	}
}

func other(t *testing.T, writer string) replaytest.SourceCase {
	var rs []record.Record
	for i := range int64(60) {
		o := 40 + i + i/13 // a hole now and then, between objects
		rs = append(rs, record.Record{
			Offset: o, TimestampMs: 1_795_132_800_000 + i, Key: fmt.Appendf(nil, "k%d", i%7), Value: fmt.Appendf(nil, `{"n":%d}`, o),
			Headers: []record.Header{{Key: "h", Value: fmt.Append(nil, i)}, {Key: "g", Value: []byte("x")}},
		})
	}
	path := t.TempDir()
	foreigntest.Write(t, path, writer, map[int32][]record.Record{0: rs}, 13)
	b, err := dir.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	found, err := layout.Detect(t.Context(), b, foreigntest.Topic)
	if err != nil {
		t.Fatal(err)
	}
	if found.Layout != foreigntest.Layout(writer) {
		t.Fatalf("got layout %s, want %s", found.Evidence, foreigntest.Layout(writer))
	}
	if writer == "aiven-csv-offset" {
		found.Fields = []string{"key", "value", "timestamp", "offset", "headers"}
	}
	container, contained := foreigntest.Containers[writer]
	if contained {
		found.Format, found.Values = container.Format, foreign.Rendering(container.As)
	}
	opts, err := layout.Settle(t.Context(), b, found.Options)
	if err != nil {
		t.Fatal(err)
	}
	s, err := layout.Open(b, opts)
	if err != nil {
		t.Fatal(err)
	}
	l, err := s.Catalog(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(l.Damaged) + len(l.Unread) + len(l.Misplaced) + len(l.Overlaps); n > 0 {
		t.Fatalf("got %+v, want nothing wrong", l)
	}
	var at partition.Offset
	for i := range rs {
		switch foreigntest.Layout(writer) {
		case "gazette":
			rs[i].Offset = at
			at += partition.Offset(len(rs[i].Value)) + 1
		case "firehose":
			rs[i].Offset = partition.Offset(i)
		}
		switch {
		case container.Envelope: // what it says of headers is less than it gives
			if strings.HasPrefix(writer, "lenses") {
				rs[i].Headers = nil
			} else {
				slices.SortFunc(rs[i].Headers, func(a, b record.Header) int { return strings.Compare(a.Key, b.Key) })
			}
		case s.Fields() != record.AllFields:
			whole := rs[i]
			rs[i] = record.Record{Offset: whole.Offset, Value: whole.Value}
			if s.Fields()&record.FieldKey != 0 {
				rs[i].Key = whole.Key
			}
			if s.Fields()&record.FieldHeaders != 0 {
				rs[i].Headers = whole.Headers
			}
		}
	}
	slice := replaytest.FillSlice("bs-a", 0, 0, rs)
	slice.Objects = l.Objects[0]
	return replaytest.SourceCase{Source: s, Slice: slice, Want: rs}
}
