package dedupe

import (
	"context"
	"io"
	"math/rand/v2"
	"testing"

	"backstitch/partition"
	"backstitch/replay/record"
	"backstitch/replay/sink"
	"backstitch/storage/spill"

	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rows is a target in memory.
type rows struct{ left []record.Record }

func (r *rows) Next(context.Context) (*record.Batch, error) {
	if len(r.left) == 0 {
		return nil, io.EOF
	}
	n := min(3, len(r.left))
	b := &record.Batch{Records: r.left[:n]}
	r.left = r.left[n:]
	return b, nil
}

func (r *rows) Position() int64 { return 0 }
func (r *rows) Close() error    { return nil }

func at(offset int64, value string, headers ...string) record.Record {
	r := record.Record{Offset: offset, Value: []byte(value)}
	for i := 0; i < len(headers); i += 2 {
		r.Headers = append(r.Headers, record.Header{Key: headers[i], Value: []byte(headers[i+1])})
	}
	return r
}

func load(t rapid.TB, opt Options, rs ...record.Record) *Present {
	t.Helper()
	p, err := Load(context.Background(), &rows{left: rs}, opt)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func options() Options {
	return Options{Topic: "orders", Partition: 3, Job: "bs-mine", Fields: record.AllFields}
}

func (p *Present) take(t rapid.TB, r record.Record) (int64, bool) {
	t.Helper()
	v, ok, err := p.Take(r.Offset, record.Hash(&r, p.opt.Fields))
	if err != nil {
		t.Fatal(err)
	}
	return v, ok
}

func TestOrigins(t *testing.T) {
	const origin, job = sink.OriginHeader, sink.JobHeader
	p := load(t, options(),
		at(10, "a", origin, "orders/3/7", job, "bs-other"),
		at(11, "b", origin, "orders/3/8", job, "bs-mine"), // our own
		at(12, "x", origin, "orders/3/9", job, "bs-other"),
		at(13, "d", origin, "orders/4/10", job, "bs-other"),
		at(14, "e"),
	)
	defer p.Close()
	for _, c := range []struct {
		want record.Record
		at   int64
		ok   bool
		why  string
	}{
		{at(6, "a"), 0, false, "a record of another origin"},
		{at(7, "a"), 10, true, "its own origin"},
		{at(7, "a"), 0, false, "one that was used up"},
		{at(8, "b"), 0, false, "what this job wrote itself"},
		{at(9, "c"), 0, false, "its own origin with another content"},
		{at(10, "d"), 0, false, "an origin in another partition"},
		{at(99, "e"), 14, true, "equal content of no origin"},
	} {
		if v, ok := p.take(t, c.want); v != c.at || ok != c.ok {
			t.Errorf("%s: got %d, %t, want %d, %t", c.why, v, ok, c.at, c.ok)
		}
	}
}

// However often owners change, a multiset of the reference and one of the target are matched as multisets.
func TestMatchesMultisets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.SampledFrom([]string{"a", "b", "c", "d"})
		target := rapid.SliceOfN(value, 0, 30).Draw(t, "target")
		reference := rapid.SliceOfN(value, 0, 30).Draw(t, "reference")
		want := map[string]int{}
		var there []record.Record
		for i, v := range target {
			there = append(there, at(int64(i), v))
			want[v]++
		}
		opt := options()
		opt.Spill = spill.Options{MemoryBytes: 1}
		p := load(t, opt, there...)
		for i, v := range reference {
			if rapid.IntRange(0, 5).Draw(t, "owner changes") == 0 {
				p.Close()
				p = load(t, opt, there...)
			}
			off, ok := p.take(t, at(int64(1000+i), v))
			if ok != (want[v] > 0) {
				t.Fatalf("record %d, %q: suppressed %t with %d left", i, v, ok, want[v])
			}
			if ok {
				want[v]--
				opt.Consumed = partition.Normalize(append(opt.Consumed, partition.Range{From: off, To: off + 1}))
			}
		}
		p.Close()
	})
}

func TestLargeSets(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var there []record.Record
	for i := range int64(5000) {
		there = append(there, at(i, string(rune('a'+rng.IntN(2000)))))
	}
	opt := options()
	opt.Spill = spill.Options{Dir: t.TempDir(), MemoryBytes: 4 << 10}
	p := load(t, opt, there...)
	defer p.Close()
	for i := range there {
		r := there[i]
		if _, ok := p.take(t, r); !ok {
			t.Fatalf("record %d is not found", i)
		}
	}
	if p.Len() != 0 {
		t.Errorf("%d left, want none", p.Len())
	}
}
