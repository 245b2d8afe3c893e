package sequence

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"backstitch/replay/record"

	"github.com/google/go-cmp/cmp"
)

func path(t testing.TB, s string) Path {
	t.Helper()
	p, err := ParsePath(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func config(t testing.TB) Config {
	return Config{Source: []Path{path(t, "key")}, Sequence: path(t, "/n"), MemoryBytes: DefaultMemory}
}

func TestPaths(t *testing.T) {
	r := &record.Record{
		Key:     []byte("host-1"),
		Value:   []byte(`{"meta":{"host":"a/b","seq":17,"~x":"18"},"list":[1,{"n":2}],"no":null,"f":1.5,"neg":-1,"big":99999999999999999999}`),
		Headers: []record.Header{{Key: "seq", Value: []byte("1")}, {Key: "seq", Value: []byte("2")}, {Key: "null"}},
	}
	rows := []struct {
		path, text string
		found      bool
		number     int64
		numbered   bool
	}{
		{"key", "host-1", true, 0, false},
		{"header:seq", "2", true, 2, true},
		{"header:null", "", false, 0, false},
		{"header:none", "", false, 0, false},
		{"/meta/host", "a/b", true, 0, false},
		{"/meta/seq", "17", true, 17, true},
		{"/meta/~0x", "18", true, 18, true},
		{"/list/1/n", "2", true, 2, true},
		{"/list/7", "", false, 0, false},
		{"/no", "null", false, 0, false},
		{"/meta", "", false, 0, false},
		{"/f", "1.5", true, 0, false},
		{"/neg", "-1", true, 0, false},
		{"/big", "99999999999999999999", true, 0, false},
		{"/meta/host/deeper", "", false, 0, false},
	}
	for _, row := range rows {
		p := path(t, row.path)
		text, found := p.find(r)
		n, numbered := p.number(r)
		if found != row.found || found && string(text) != row.text || n != row.number && numbered || numbered != row.numbered {
			t.Errorf("%s: got %q %t, %d %t, want %q %t, %d %t", row.path, text, found, n, numbered, row.text, row.found, row.number, row.numbered)
		}
	}
	if _, found := path(t, "/n").find(&record.Record{Value: []byte("not json")}); found {
		t.Error("a value that is no JSON has a field")
	}
	for _, bad := range []string{"", "value", "header:", "meta/host"} {
		if _, err := ParsePath(bad); err == nil {
			t.Errorf("%q was taken for a path", bad)
		}
	}
}

// FuzzPath: a value of any form is read or not, and never ends the program.
func FuzzPath(f *testing.F) {
	f.Add("/a/0/b", []byte(`{"a":[{"b":"1"}]}`))
	f.Add("/~1", []byte(`{"/":1}`))
	f.Fuzz(func(t *testing.T, text string, value []byte) {
		p, err := ParsePath(text)
		if err != nil {
			return
		}
		if n, ok := p.number(&record.Record{Value: value}); ok && n < 0 {
			t.Errorf("%q in %q: got %d", text, value, n)
		}
	})
}

// numbers in any order make the same spans as their sorted set has.
func TestSpansAreTheSet(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for range 200 {
		var r run
		seen, twice, again, grown := map[int64]bool{}, map[int64]bool{}, 0, 0
		for range rng.IntN(200) {
			n := rng.Int64N(100)
			g, was := r.add(n, 0)
			grown += g
			if was != seen[n] {
				t.Fatalf("%d: got there already: %t, want %t", n, was, seen[n])
			}
			if seen[n] {
				again++
				twice[n] = true
			}
			seen[n] = true
		}
		for _, row := range []struct {
			spans []span
			want  map[int64]bool
		}{{r.spans, seen}, {r.twice, twice}} {
			got := map[int64]bool{}
			for i, s := range row.spans {
				if i > 0 && s.from <= row.spans[i-1].to {
					t.Fatalf("spans touch: %v", row.spans)
				}
				for n := s.from; n < s.to; n++ {
					got[n] = true
				}
			}
			if !maps.Equal(got, row.want) {
				t.Fatalf("got %v, want %v", slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(row.want)))
			}
		}
		if grown != len(r.spans)+len(r.twice) {
			t.Fatalf("grown by %d, and there are %d", grown, len(r.spans)+len(r.twice))
		}
	}
}

// feed gives numbers to one source, a second apart, and returns what is missing and how many were twice. A content may be given
// after a colon.
func feed(t *testing.T, numbers string) (missing []int64, twice int64, runs int) {
	t.Helper()
	var s state
	for i, word := range strings.Fields(numbers) {
		n, content := int64(0), ""
		fmt.Sscanf(word, "%d:%s", &n, &content)
		if content == "" {
			content = word
		}
		s.add(n, int64(i)*1000, 0, func() [16]byte { return record.Hash(&record.Record{Value: []byte(content)}, record.FieldValue) })
	}
	holes, _, _ := s.holes(edges{young: 1 << 62})
	for _, h := range holes {
		for n := h.From; n < h.To; n++ {
			missing = append(missing, n)
		}
	}
	return missing, s.twice, len(s.runs)
}

func TestLivesOfASource(t *testing.T) {
	rows := []struct {
		name, numbers string
		missing       []int64
		twice         int64
		runs          int
	}{
		{"in order", "5 6 7 8", nil, 0, 1},
		{"a hole", "5 6 9", []int64{7, 8}, 0, 1},
		{"late", "5 7 6 9 8", nil, 0, 1},
		{"twice", "5 6 6 7 5", nil, 2, 1},
		{"the same first record again is no new life", "0 1 2 0 3", nil, 1, 1},
		{"a new life", "0:a 1:a 2:a 0:b 1:b 2:b", nil, 0, 2},
		{"a new life that counts from 1", "1:a 2:a 3:a 1:b 2:b", nil, 0, 2},
		{"a new life after one whose beginning expired", "500 501 0 1 2", nil, 0, 2},
		{"a hole in each of two lives", "0:a 2:a 3:a 0:b 1:b 3:b", []int64{1, 2}, 0, 2},
		{"the last of the old life comes late", "0:a 1:a 2:a 0:b 3:a 1:b 2:b", nil, 0, 2},
		{"the first record comes late", "1 0 2", nil, 0, 1},
	}
	for _, row := range rows {
		missing, twice, runs := feed(t, row.numbers)
		if !cmp.Equal(missing, row.missing) || twice != row.twice || runs != row.runs {
			t.Errorf("%s: got %v missing, %d twice, %d runs, want %v, %d, %d", row.name, missing, twice, runs, row.missing, row.twice, row.runs)
		}
	}
}

// generated is a partition of a topic that never exists as a whole: sources write in turn to all partitions.
type generated struct {
	part, parts, sources, total int64
	at                          int64
	lose                        func(n int64) bool
}

func (g *generated) Next(context.Context) (*record.Batch, error) {
	b := &record.Batch{}
	for len(b.Records) < 1000 && g.at < g.total {
		i := g.at
		g.at++
		if n := i / g.sources; i%g.parts == g.part && !g.lose(n) {
			b.Records = append(b.Records, record.Record{
				Offset: i, TimestampMs: i, Key: fmt.Append(nil, "s", i%g.sources), Value: fmt.Append(nil, `{"n":`, n, `}`),
			})
		}
	}
	if len(b.Records) == 0 {
		return nil, io.EOF
	}
	return b, nil
}

func (g *generated) Close() error { return nil }

func detect(t testing.TB, cfg Config, parts, sources, total int64, lose func(n int64) bool) (*detector, error) {
	t.Helper()
	d := newDetector(cfg)
	var all []*lane
	for p := range parts {
		all = append(all, &lane{part: int32(p), at: -1, r: &generated{part: p, parts: parts, sources: sources, total: total, lose: lose}})
	}
	return d, merge(t.Context(), all, d.add)
}

// Memory is of holes, not of records, also when every source writes to every partition in turn.
func TestMemoryIsThatOfHoles(t *testing.T) {
	for _, total := range []int64{20_000, 200_000} {
		d, err := detect(t, config(t), 7, 10, total, func(n int64) bool { return n == 100 || n == 1000 })
		if err != nil {
			t.Fatal(err)
		}
		if limit := int64(10 * (stateBytes + 4 + 4*spanBytes)); d.used > limit {
			t.Errorf("%d records: got %d bytes, want at most %d", total, d.used, limit)
		}
		if d.records == 0 || len(d.sources) != 10 {
			t.Fatalf("got %d records of %d sources", d.records, len(d.sources))
		}
	}
	cfg := config(t)
	cfg.MemoryBytes = 20 * stateBytes
	if _, err := detect(t, cfg, 3, 1000, 20_000, func(int64) bool { return false }); !errors.Is(err, ErrTooMany) {
		t.Errorf("a thousand sources in room for twenty: got %v, want %v", err, ErrTooMany)
	}
	if _, err := detect(t, cfg, 3, 2, 20_000, func(n int64) bool { return n%2 == 0 }); !errors.Is(err, ErrTooMany) {
		t.Errorf("ten thousand holes in room for a few: got %v, want %v", err, ErrTooMany)
	}
}
