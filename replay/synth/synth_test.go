package synth

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"backstitch/replay/record"
)

// real are records as a topic might hold them: four partitions, hot keys in one, nights that are quiet.
func real(n int, seed uint64) map[int32][]record.Record {
	rng := rand.New(rand.NewPCG(seed, 0))
	day := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	random := func(size int) []byte {
		b := make([]byte, size)
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		return b
	}
	hot, pool := random(12), make([][]byte, 300)
	for i := range pool {
		pool[i] = random(8 + i%9)
	}
	out := map[int32][]record.Record{}
	for i := range n {
		p := int32(i % 4)
		hour := 8 + rng.IntN(10)
		r := record.Record{TimestampMs: day.Add(time.Duration(hour)*time.Hour + time.Duration(rng.IntN(3600))*time.Second).UnixMilli()}
		switch {
		case p == 1 && i%3 == 0:
			r.Key = hot
		case p == 2:
			r.Key = random(16) // each its own
		case p != 3:
			r.Key = pool[rng.IntN(len(pool))]
		}
		if i%50 != 0 {
			r.Value = append(bytes.Repeat([]byte{0xee}, 40+rng.IntN(100)), random(30)...)
		}
		if i%2 == 0 {
			r.Headers = []record.Header{{Key: string(random(9)), Value: random(20)}}
		}
		out[p] = append(out[p], r)
	}
	return out
}

func learn(t *testing.T, records map[int32][]record.Record, opt Options) *Profile {
	t.Helper()
	l := NewLearner(opt)
	for p, list := range records {
		for i := range list {
			l.Add(p, &list[i])
		}
	}
	p, err := l.Profile()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func generator(t *testing.T, p *Profile, n int64, seed uint64) *Generator {
	t.Helper()
	g, err := NewGenerator(p, n, seed)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func replica(g *Generator) map[int32][]record.Record {
	out := map[int32][]record.Record{}
	for _, p := range g.Partitions() {
		for i := range g.Records(p) {
			out[p] = append(out[p], g.Record(p, i))
		}
	}
	return out
}

func encoded(t *testing.T, p *Profile) []byte {
	t.Helper()
	b, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Real content is random text outside ASCII, which neither the file nor a replica of text can hold by chance: what is found there flowed there.
func TestNothingRealIsInTheProfileOrTheReplica(t *testing.T) {
	for seed := range uint64(2) {
		rng := rand.New(rand.NewPCG(seed, 9))
		secret := func() []byte { // a letter outside ASCII and the replica's alphabet, 2 bytes each: text, and so the replica is text
			var b strings.Builder
			for range 3 + rng.IntN(20) {
				b.WriteRune(rune(0x400 + rng.IntN(0x100)))
			}
			return []byte(b.String())
		}
		records := map[int32][]record.Record{}
		grams := map[string]bool{}
		for i := range 200 {
			r := record.Record{TimestampMs: int64(i), Key: secret(), Value: secret(), Headers: []record.Header{{Key: string(secret()), Value: secret()}}}
			for _, b := range [][]byte{r.Key, r.Value, r.Headers[0].Value, []byte(r.Headers[0].Key)} {
				for at := 0; at+4 <= len(b); at++ {
					grams[string(b[at:at+4])] = true
				}
			}
			records[int32(i%3)] = append(records[int32(i%3)], r)
		}
		p := learn(t, records, Options{})
		look := func(where string, b []byte) {
			for at := 0; at+4 <= len(b); at++ {
				if grams[string(b[at:at+4])] {
					t.Fatalf("seed %d: %q of a real record is in %s", seed, b[at:at+4], where)
				}
			}
		}
		look("the profile", encoded(t, p))
		for _, list := range replica(generator(t, p, 400, seed)) {
			for _, r := range list {
				look("a key", r.Key)
				look("a value", r.Value)
				for _, h := range r.Headers {
					look("a header", []byte(h.Key))
					look("a header's value", h.Value)
				}
			}
		}
	}
}

// What a profile says of content is its format and how well it compresses. Where these agree, two topics have the same profile.
func TestAProfileDoesNotDependOnContent(t *testing.T) {
	swap := func(b []byte) []byte {
		if b == nil {
			return nil
		}
		out := make([]byte, len(b))
		for i, c := range b {
			out[i] = c ^ 1 // letters stay letters, digits digits
		}
		return out
	}
	a, b := map[int32][]record.Record{}, map[int32][]record.Record{}
	for i := range 3000 {
		r := record.Record{TimestampMs: int64(i), Key: fmt.Appendf(nil, "customer-%d", i%70), Value: fmt.Appendf(nil, "order %d of %d", i, i*7919),
			Headers: []record.Header{{Key: "trace", Value: fmt.Appendf(nil, "%x", i)}}}
		a[0] = append(a[0], r)
		r.Key, r.Value = swap(r.Key), swap(r.Value)
		r.Headers = []record.Header{{Key: string(swap([]byte("trace"))), Value: swap(r.Headers[0].Value)}}
		b[0] = append(b[0], r)
	}
	pa, pb := learn(t, a, Options{}), learn(t, b, Options{})
	if math.Abs(pa.Values.Compressed-pb.Values.Compressed) > 0.02 {
		t.Errorf("compressed: %g and %g", pa.Values.Compressed, pb.Values.Compressed)
	}
	pb.Values.Compressed = pa.Values.Compressed
	if diff := cmp.Diff(string(encoded(t, pa)), string(encoded(t, pb))); diff != "" {
		t.Errorf("profiles differ (-one +other):\n%s", diff)
	}
}

func near(t *testing.T, what string, got, want, within float64) {
	t.Helper()
	if math.Abs(got-want) > within*math.Max(1, math.Abs(want)) {
		t.Errorf("%s: got %g, want %g within %g of it", what, got, want, within)
	}
}

// The bounds are those of docs/rehearse.md.
func TestAReplicaGivesTheProfileBack(t *testing.T) {
	want := learn(t, real(12_000, 1), Options{})
	got := learn(t, replica(generator(t, want, want.Records, 7)), Options{})
	if got.Records != want.Records || got.Values.Format != want.Values.Format || len(got.Partitions) != len(want.Partitions) {
		t.Fatalf("got %d records of %s in %d partitions", got.Records, got.Values.Format, len(got.Partitions))
	}
	near(t, "compressed", got.Values.Compressed, want.Values.Compressed, 0.05)
	near(t, "null values", float64(got.Values.Null), float64(want.Values.Null), 0.2)
	near(t, "bytes of values", got.Values.Bytes.Bytes(), want.Values.Bytes.Bytes(), 0.03)
	near(t, "bytes of keys", got.KeyBytes.Bytes(), want.KeyBytes.Bytes(), 0.05)
	near(t, "headers", float64(got.Headers.NameBytes.Count()), float64(want.Headers.NameBytes.Count()), 0.05)
	for _, q := range []float64{0.1, 0.5, 0.9, 0.99} {
		near(t, fmt.Sprintf("quantile %g", q), float64(got.Values.Bytes.Quantile(q)), float64(want.Values.Bytes.Quantile(q)), 0.125)
	}
	for i, w := range want.Partitions {
		g := got.Partitions[i]
		name := fmt.Sprintf("partition %d: ", w.Partition)
		if g.Records != w.Records {
			t.Errorf("%sgot %d records, want %d", name, g.Records, w.Records)
		}
		near(t, name+"null keys", float64(g.NullKeys), float64(w.NullKeys), 0.05)
		near(t, name+"distinct keys", float64(g.Distinct), float64(w.Distinct), 0.1)
		for h := range w.Hours {
			near(t, fmt.Sprintf("%shour %d", name, h), float64(g.Hours[h]), float64(w.Hours[h]), 0.02)
		}
		if len(w.Top) > 0 && w.Top[0] > w.Records/10 {
			near(t, name+"hottest key", float64(g.Top[0]), float64(w.Top[0]), 0.1)
		}
	}
	if hot := want.Partitions[1].Top; len(hot) == 0 || hot[0] < want.Partitions[1].Records/4 {
		t.Errorf("the hot key was not learnt: %v", hot)
	}
}

func TestRecordsAreAFunctionOfTheSeed(t *testing.T) {
	p := learn(t, real(4000, 1), Options{})
	one, same, other := replica(generator(t, p, 800, 7)), replica(generator(t, p, 800, 7)), replica(generator(t, p, 800, 8))
	if !reflect.DeepEqual(one, same) {
		t.Error("the same seed: other records")
	}
	if reflect.DeepEqual(one, other) {
		t.Error("another seed: the same records")
	}
	n := 0
	for number, list := range one {
		n += len(list)
		for i := range list {
			if i > 0 && list[i].TimestampMs < list[i-1].TimestampMs {
				t.Fatalf("partition %d: time falls at %d", number, i)
			}
		}
	}
	if n != 800 {
		t.Errorf("got %d records, want 800", n)
	}
	back, err := Decode(encoded(t, p))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(replica(generator(t, back, 800, 7)), one) {
		t.Error("from the file: other records")
	}
}

func TestNamesOfHeadersAreKeptWhenAskedFor(t *testing.T) {
	records := map[int32][]record.Record{0: {{Headers: []record.Header{{Key: "trace-id", Value: []byte("x")}, {Key: record.OwnHeaderPrefix + "job"}}}}}
	if p := learn(t, records, Options{}); bytes.Contains(encoded(t, p), []byte("trace-id")) || p.Headers.NameBytes.Count() != 1 {
		t.Errorf("got %+v, want one header without its name", p.Headers)
	}
	p := learn(t, records, Options{KeepNames: true})
	if r := generator(t, p, 10, 1).Record(0, 3); len(r.Headers) != 1 || r.Headers[0].Key != "trace-id" {
		t.Errorf("got %+v, want the name", r.Headers)
	}
}

func TestKeysOfOtherNumbersDiffer(t *testing.T) {
	seen := map[string]int64{}
	for n := range int64(5_000) {
		k := string(name(n, int(n%9), rand.New(rand.NewPCG(1, uint64(n)))))
		if before, ok := seen[k]; ok {
			t.Fatalf("%d and %d: %q", before, n, k)
		}
		seen[k] = n
	}
}

func TestPlantedIsExactlyWhatIsLost(t *testing.T) {
	g := generator(t, learn(t, real(8000, 1), Options{}), 8000, 3)
	w, err := ParseWindow("p01:09:00-12:30")
	if err != nil {
		t.Fatal(err)
	}
	p, err := NewPlanter(g, Loss{Windows: []Window{w}, Doubled: 0.01, Corrupt: 12})
	if err != nil {
		t.Fatal(err)
	}
	if !p.Hits(w) || p.Hits(Window{Partition: 1, From: 0, To: 8 * time.Hour}) {
		t.Error("hits: want records in the window, and none in the night")
	}
	out := p.Planted()
	if out.Records != 8000 || out.Lost < 400 || out.Corrupted != 12 || out.Doubled < 30 || out.Doubled > 150 {
		t.Errorf("got %d lost, %d corrupt, %d twice of %d", out.Lost, out.Corrupted, out.Doubled, out.Records)
	}
	var found, wrong, listed int64
	for _, part := range out.Partitions {
		for _, r := range part.Lost {
			for i := r.From; i < r.To; i++ {
				at := time.UnixMilli(g.Time(part.Partition, i)).UTC()
				if part.Partition != 1 || at.Hour() < 9 || at.Hour()*60+at.Minute() >= 12*60+30 {
					t.Fatalf("partition %d at %s is lost", part.Partition, at)
				}
			}
		}
		for _, r := range append(part.Lost, part.Corrupted...) {
			f, w := p.Score(part.Partition, r)
			found, wrong, listed = found+f, wrong+w, listed+r.To-r.From
		}
	}
	if found != out.Missing() || wrong != 0 || listed != out.Missing() {
		t.Errorf("score of the list itself: %d found and %d wrong, want %d and 0", found, wrong, out.Missing())
	}
	for s := range p.corrupt {
		r := g.Record(s.partition, s.index)
		if c := Corrupt(r); bytes.Equal(c.Value, r.Value) || len(c.Value) != len(r.Value) {
			t.Errorf("corrupt: %q of %q", c.Value, r.Value)
		}
	}
}

func TestWhatCanNotBeIsRefused(t *testing.T) {
	for _, s := range []string{"", "p1", "p1:05:00-02:00", "x:02:00-05:00", "p-1:02:00-05:00", "p1:02:00", "p1:25:00-26:00"} {
		if w, err := ParseWindow(s); err == nil {
			t.Errorf("%q: got %+v", s, w)
		}
	}
	p := learn(t, real(400, 1), Options{})
	good := string(encoded(t, p))
	for _, row := range [][2]string{
		{`"version": 1`, `"version": 2`}, {`"kind": "backstitch.dev/profile"`, `"kind": "x"`}, {`"records": 400`, `"records": 401`},
		{`"format": "bytes"`, `"format": "xml"`}, {`"null":`, `"nul":`}, {`"partition": 1`, `"partition": 0`},
	} {
		bad := strings.Replace(good, row[0], row[1], 1)
		if _, err := Decode([]byte(bad)); err == nil || bad == good {
			t.Errorf("%s: got no error", row[1])
		}
	}
	far := map[int32][]record.Record{0: {{TimestampMs: 0}, {TimestampMs: time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC).UnixMilli()}}}
	l := NewLearner(Options{})
	l.Add(0, &far[0][0])
	l.Add(0, &far[0][1])
	if _, err := l.Profile(); !errors.Is(err, ErrSpan) {
		t.Errorf("a record of 1970: got %v, want ErrSpan", err)
	}
	if _, err := NewLearner(Options{}).Profile(); err == nil {
		t.Error("no records: got a profile")
	}
	if _, err := NewGenerator(p, 0, 1); err == nil {
		t.Error("no records: got a generator")
	}
	g := generator(t, p, 100, 1)
	for _, l := range []Loss{{Doubled: 2}, {Corrupt: -1}, {Windows: []Window{{Partition: 9}}}, {Corrupt: 101}} {
		if _, err := NewPlanter(g, l); err == nil {
			t.Errorf("%+v: got no error", l)
		}
	}
}
