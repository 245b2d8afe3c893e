package rename_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"

	"backstitch/partition"
	"backstitch/replay/record"
	"backstitch/replay/rename"
	"backstitch/replay/replaytest"
	"backstitch/replay/source"

	"github.com/google/go-cmp/cmp"
)

func number(id uint32) record.SchemaName { return record.SchemaName{ID: id} }
func guid(b byte) record.SchemaName {
	return record.SchemaName{ByGUID: true, GUID: [16]byte{15: b}}
}

func front(n record.SchemaName, payload string) []byte {
	if n.ByGUID {
		return append(append([]byte{1}, n.GUID[:]...), payload...)
	}
	return append(binary.BigEndian.AppendUint32([]byte{0}, n.ID), payload...)
}

func header(key string, value []byte) record.Header { return record.Header{Key: key, Value: value} }

func print(b byte, indexed bool) record.Print {
	return record.Print{Sum: [16]byte{b}, Indexed: indexed}
}

func table() *rename.Table {
	return &rename.Table{
		Framed: true,
		Entries: map[record.SchemaName]rename.Entry{
			number(1): {To: number(57), Print: print(1, false)},
			number(2): {To: number(2), Print: print(2, false)},
			number(3): {To: number(59), Print: print(3, true)},
			guid(1):   {To: guid(57), Print: print(1, false)},
			guid(4):   {To: number(60), Print: print(4, false)},
		},
		Others: map[record.SchemaName]record.Print{number(12): print(1, false)},
	}
}

// read renames records and returns what comes out, by offset, and what is refused.
func read(t *testing.T, names rename.Names, records ...record.Record) ([]record.Record, map[int64]*source.DamagedError) {
	t.Helper()
	for i := range records {
		records[i].Offset = int64(i)
	}
	src := rename.Over(&replaytest.Memory{Records: map[int32][]record.Record{0: records}, Batch: 3}, names)
	r, err := src.Open(t.Context(), partition.Slice{Ranges: partition.Ranges{{From: 0, To: int64(len(records))}}}, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var out []record.Record
	refused := map[int64]*source.DamagedError{}
	for {
		b, err := r.Next(t.Context())
		var damaged *source.DamagedError
		switch {
		case err == io.EOF:
			return out, refused
		case errors.As(err, &damaged):
			refused[damaged.Offset] = damaged
			continue
		case err != nil:
			t.Fatal(err)
		}
		size := int64(0)
		for i := range b.Records {
			rec := b.Records[i]
			size += rec.Size()
			rec.Key, rec.Value = bytes.Clone(rec.Key), bytes.Clone(rec.Value)
			rec.Headers = slices.Clone(rec.Headers)
			for j := range rec.Headers {
				rec.Headers[j].Value = bytes.Clone(rec.Headers[j].Value)
			}
			out = append(out, rec)
		}
		if size != b.Bytes {
			t.Errorf("a batch says %d bytes and has %d", b.Bytes, size)
		}
		b.Release()
	}
}

func TestNamesOfEachFormAreRewritten(t *testing.T) {
	const vh, kh = record.ValueSchemaHeader, record.KeySchemaHeader
	other := header("trace", []byte{0, 0, 0, 0, 1})
	for _, c := range []struct {
		name     string
		in, want record.Record
	}{
		{"number in front", record.Record{Key: front(number(1), "k"), Value: front(number(1), "v")}, record.Record{Key: front(number(57), "k"), Value: front(number(57), "v")}},
		{"the same there", record.Record{Key: []byte("k"), Value: front(number(2), "v")}, record.Record{Key: []byte("k"), Value: front(number(2), "v")}},
		{"message indexes stay", record.Record{Value: front(number(3), "\x02\x02\x01v")}, record.Record{Value: front(number(59), "\x02\x02\x01v")}},
		{"nothing behind the number", record.Record{Value: front(number(1), "")}, record.Record{Value: front(number(57), "")}},
		{"a null", record.Record{Key: front(number(1), "k")}, record.Record{Key: front(number(57), "k")}},
		{"GUID in front", record.Record{Value: front(guid(1), "v")}, record.Record{Value: front(guid(57), "v")}},
		{"a GUID that has only a number there", record.Record{Value: front(guid(4), "v")}, record.Record{Value: front(number(60), "v")}},
		{"what only looks like a GUID", record.Record{Value: front(guid(9), "v")}, record.Record{Value: front(guid(9), "v")}},
		{"GUID in headers", record.Record{Key: []byte("\x00k"), Value: front(number(1), "v"), Headers: []record.Header{other, header(vh, front(guid(1), "")), header(kh, front(guid(1), ""))}},
			record.Record{Key: []byte("\x00k"), Value: front(number(1), "v"), Headers: []record.Header{other, header(vh, front(guid(57), "")), header(kh, front(guid(57), ""))}}},
		{"number in a header, and indexes", record.Record{Value: []byte("v"), Headers: []record.Header{header(vh, front(number(3), "\x02\x02"))}},
			record.Record{Value: []byte("v"), Headers: []record.Header{header(vh, front(number(59), "\x02\x02"))}}},
		{"a header on a null", record.Record{Headers: []record.Header{header(vh, front(number(1), ""))}}, record.Record{Headers: []record.Header{header(vh, front(number(57), ""))}}},
		{"Glue stays", record.Record{Value: append([]byte{3, 0}, make([]byte, 17)...)}, record.Record{Value: append([]byte{3, 0}, make([]byte, 17)...)}},
		{"no name", record.Record{Key: []byte("k"), Value: []byte("{}")}, record.Record{Key: []byte("k"), Value: []byte("{}")}},
	} {
		before := c.in
		before.Headers = slices.Clone(c.in.Headers)
		got, refused := read(t, table(), c.in)
		if len(got) != 1 || len(refused) > 0 {
			t.Errorf("%s: got %d records, refused %v", c.name, len(got), refused)
			continue
		}
		if diff := cmp.Diff(got[0], c.want); diff != "" {
			t.Errorf("%s (-got +want):\n%s", c.name, diff)
		}
		if diff := cmp.Diff(c.in.Headers, before.Headers); diff != "" {
			t.Errorf("%s: headers of whoever made the record have changed:\n%s", c.name, diff)
		}
	}
}

// A record that can not be renamed whole is named with its place, those around it pass.
func TestNamesThatNobodyKnowsAreSetAside(t *testing.T) {
	const vh = record.ValueSchemaHeader
	good := record.Record{Key: []byte("k"), Value: front(number(1), "v")}
	bad := map[int64]struct {
		code string
		rec  record.Record
	}{
		1: {source.CodeNoName, record.Record{Key: []byte("k"), Value: front(number(77), "v")}},
		2: {source.CodeNoName, record.Record{Key: front(number(77), "k"), Value: front(number(1), "v")}},
		4: {source.CodeNoName, record.Record{Value: []byte("v"), Headers: []record.Header{header(vh, front(guid(9), ""))}}},
		5: {source.CodeTwoNames, record.Record{Value: []byte("v"), Headers: []record.Header{header(vh, front(guid(1), "")), header(vh, front(guid(1), ""))}}},
		6: {source.CodeTwoNames, record.Record{Value: []byte("v"), Headers: []record.Header{header(vh, front(number(1), "\x02"))}}},
	}
	var in []record.Record
	for i := range int64(9) {
		if b, ok := bad[i]; ok {
			in = append(in, b.rec)
			continue
		}
		in = append(in, good)
	}
	got, refused := read(t, table(), in...)
	if len(got) != 9-len(bad) || len(refused) != len(bad) {
		t.Fatalf("got %d records and %d refused, want %d and %d", len(got), len(refused), 9-len(bad), len(bad))
	}
	for at, want := range bad {
		if refused[at].Code != want.code || !source.Refused(want.code) {
			t.Errorf("record %d: got %v, want %s", at, refused[at], want.code)
		}
	}
	for _, r := range got {
		if id, _ := record.FrameID(r.Value); id != 57 {
			t.Errorf("record %d has schema %d, want 57", r.Offset, id)
		}
	}
}

// What has any of the target's names for a schema is the same record, and what has a name that was not pinned is another one.
func TestFramesOfATable(t *testing.T) {
	h := record.Hasher{Frames: table().Frames()}
	hash := func(n uint32) [16]byte {
		return h.Hash(&record.Record{Key: front(number(n), "k"), Value: front(number(n), "v")}, record.AllFields)
	}
	if hash(57) != hash(12) {
		t.Error("two names of one schema are two records")
	}
	for _, other := range []uint32{1, 2, 77} {
		if hash(57) == hash(other) {
			t.Errorf("schema 57 and schema %d are one record", other)
		}
	}
}

type asking struct {
	*rename.Table
	asked map[rename.Met]int
	fail  error
}

func (a *asking) Learn(_ context.Context, m rename.Met) error {
	a.asked[m]++
	return a.fail
}

func TestWhatBatchesNameIsLearntFirst(t *testing.T) {
	a := &asking{Table: table(), asked: map[rename.Met]int{}}
	read(t, a, record.Record{Key: front(number(2), "k"), Value: front(number(1), "v")}, record.Record{Key: front(number(2), "k"), Value: front(number(1), "v")},
		record.Record{Value: []byte("v"), Headers: []record.Header{header(record.ValueSchemaHeader, front(guid(1), ""))}})
	want := map[rename.Met]int{{Name: number(2), Key: true}: 1, {Name: number(1)}: 1, {Name: guid(1), Header: true}: 1}
	if diff := cmp.Diff(a.asked, want); diff != "" {
		t.Errorf("asked (-got +want):\n%s", diff)
	}
	a.fail = errors.New("down")
	src := rename.Over(&replaytest.Memory{Records: map[int32][]record.Record{0: {{Value: front(number(1), "v")}}}}, a)
	r, err := src.Open(t.Context(), partition.Slice{Ranges: partition.Ranges{{From: 0, To: 1}}}, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := r.Next(t.Context()); !errors.Is(err, a.fail) {
		t.Errorf("got %v, want the reading to end", err)
	}
}

// FuzzRename makes sure of what a renamed record keeps: its payload, and each header that is no name.
func FuzzRename(f *testing.F) {
	f.Add([]byte("k"), front(number(1), "v"), []byte(nil))
	f.Add(front(number(3), "k"), []byte("v"), front(guid(1), ""))
	f.Add([]byte{0}, front(guid(4), "v"), front(number(3), "\x02\x02"))
	f.Fuzz(func(t *testing.T, key, value, head []byte) {
		in := record.Record{Key: key, Value: value, Headers: []record.Header{{Key: "x", Value: head}, {Key: record.ValueSchemaHeader, Value: head}}}
		got, refused := read(t, table(), in)
		if len(got)+len(refused) != 1 {
			t.Fatalf("got %d records, %d refused", len(got), len(refused))
		}
		if len(got) == 0 {
			return
		}
		tail := func(b []byte) string {
			if len(b) >= 17 && b[0] == 1 {
				return string(b[17:])
			}
			if len(b) >= 5 && b[0] == 0 {
				return string(b[5:])
			}
			return string(b)
		}
		r := got[0]
		if tail(r.Key) != tail(key) || tail(r.Value) != tail(value) || !bytes.Equal(r.Headers[0].Value, head) || tail(r.Headers[1].Value) != tail(head) {
			t.Errorf("%s became %s", fmt.Sprintf("%x %x %x", key, value, head), fmt.Sprintf("%x %x %x", r.Key, r.Value, r.Headers[1].Value))
		}
		again, _ := read(t, table(), in)
		if diff := cmp.Diff(again, got); diff != "" {
			t.Errorf("a second time it is another one:\n%s", diff)
		}
	})
}
