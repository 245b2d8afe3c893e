package synth

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sort"

	"backstitch/partition"
	"backstitch/replay/record"
)

// How a record is made. Everything that may differ from record to record is drawn from a generator of its own, seeded by partition
// and index, so that a record can be made again without those before it.

// MaxRecords bounds a replica.
const MaxRecords = 1_000_000_000

// Generator makes the records of a replica. It is safe for concurrent use.
type Generator struct {
	p      *Profile
	seed   uint64
	parts  map[int32]*part
	order  []int32
	makers *makers
	// share of a value's bytes that are drawn, the rest repeats: that makes it compress like the real ones
	drawn float64
}

// part is one partition of the replica.
type part struct {
	number  int32
	records int64
	keyed   float64   // share of records that have a key
	top     []float64 // cumulated share of keyed records that have the i-th of the most frequent keys
	rest    int64     // other keys
	firstMs int64
	hours   []float64 // cumulated share of records by the end of the n-th hour of the span
}

// NewGenerator makes a generator of so many records. The profile must have been checked, as Decode and Profile of a Learner do.
// Numbers of records and of keys are scaled alike, the span of time is kept.
func NewGenerator(p *Profile, records int64, seed uint64) (*Generator, error) {
	if records < 1 || records > MaxRecords {
		return nil, fmt.Errorf("%d records, want 1 to %d", records, MaxRecords)
	}
	g := &Generator{p: p, seed: seed, parts: map[int32]*part{}}
	scale := float64(records) / float64(p.Records)
	var before, made int64
	for i := range p.Partitions {
		// Cumulated and rounded, so that the parts add up to the whole.
		from := &p.Partitions[i]
		before += from.Records
		upTo := int64(math.Round(float64(before) * scale))
		g.parts[from.Partition] = newPart(p, from, upTo-made, scale)
		g.order = append(g.order, from.Partition)
		made = upTo
	}
	var err error
	if g.makers, err = newMakers(p); err != nil {
		return nil, err
	}
	g.drawn = calibrate(p.Values, g.makers)
	return g, nil
}

func newPart(p *Profile, from *Partition, records int64, scale float64) *part {
	out := &part{number: from.Partition, records: records, firstMs: p.From.UnixMilli()}
	keyed := from.Records - from.NullKeys
	if keyed > 0 {
		out.keyed = float64(keyed) / float64(from.Records)
		var sum int64
		for _, n := range from.Top {
			sum += n
			out.top = append(out.top, float64(sum)/float64(keyed))
		}
		if keyed > sum {
			out.rest = max(1, int64(math.Round(float64(from.Distinct-int64(len(from.Top)))*scale)))
		}
	}
	var sum float64
	first := hourOf(p.From.UnixMilli())
	for h := first; h < hourOf(p.To.UnixMilli()); h++ {
		sum += float64(from.Hours[h%24])
		out.hours = append(out.hours, sum)
	}
	for i := range out.hours {
		out.hours[i] /= max(sum, 1)
	}
	return out
}

// Partitions are the numbers of the partitions, in order.
func (g *Generator) Partitions() []int32 { return g.order }

// Records is how many records partition p has.
func (g *Generator) Records(p int32) int64 {
	if part := g.parts[p]; part != nil {
		return part.records
	}
	return 0
}

// Time is the time of record i of partition p, in milliseconds since 1970. Times never fall within a partition.
func (g *Generator) Time(p int32, i int64) int64 {
	part := g.parts[p]
	at := (float64(i) + 0.5) / float64(part.records)
	hour := sort.SearchFloat64s(part.hours, at)
	if hour == len(part.hours) {
		hour--
	}
	before := 0.0
	if hour > 0 {
		before = part.hours[hour-1]
	}
	within := 0.5
	if width := part.hours[hour] - before; width > 0 {
		within = min(1, max(0, (at-before)/width))
	}
	return part.firstMs + int64(hour)*hourMs + min(hourMs-1, int64(within*float64(hourMs)))
}

// Record makes record i of partition p; its offset is i.
func (g *Generator) Record(p int32, i int64) record.Record {
	part := g.parts[p]
	rng := rand.New(rand.NewPCG(g.seed, uint64(p)<<40^uint64(i)))
	r := record.Record{Offset: partition.Offset(i), TimestampMs: g.Time(p, i)}
	if rng.Float64() < part.keyed {
		r.Key = g.key(part, i, rng.Float64())
	}
	v := &g.p.Values
	if n := v.Bytes.Count(); n > 0 && rng.Float64()*float64(n+v.Null) < float64(n) {
		var named *record.Header
		if r.Value, named = v.make(v.Bytes.pick(rng.Float64()), g.drawn, rng, g.makers); named != nil {
			r.Headers = append(r.Headers, *named)
		}
	}
	r.Headers = append(r.Headers, g.headers(rng)...)
	return r
}

// key is the key of record i: one of the most frequent ones by the draw, or else the others in turn.
func (g *Generator) key(part *part, i int64, draw float64) []byte {
	number := int64(sort.SearchFloat64s(part.top, draw))
	if number >= int64(len(part.top)) {
		if part.rest == 0 {
			number = int64(len(part.top)) - 1
		} else {
			number = int64(len(part.top)) + i%part.rest
		}
	}
	// A key's size belongs to the key, not to the record.
	rng := rand.New(rand.NewPCG(^g.seed, uint64(part.number)<<40^uint64(number)))
	return name(number, g.p.KeyBytes.pick(rng.Float64()), rng)
}

func (g *Generator) headers(rng *rand.Rand) []record.Header {
	h := &g.p.Headers
	n := h.PerRecord.pick(rng.Float64())
	var out []record.Header
	for range n {
		var one record.Header
		if len(h.Names) > 0 {
			one.Key = h.pickName(rng.Float64())
		} else {
			one.Key = string(fill(make([]byte, h.NameBytes.pick(rng.Float64())), letters, 1, rng))
		}
		if count := h.ValueBytes.Count(); count > 0 && rng.Float64()*float64(count+h.Null) < float64(count) {
			one.Value = fill(make([]byte, h.ValueBytes.pick(rng.Float64())), letters, 1, rng)
		}
		out = append(out, one)
	}
	return out
}

func (h *Headers) pickName(u float64) string {
	var all, n float64
	for _, name := range h.Names {
		all += float64(name.Count)
	}
	for _, name := range h.Names {
		if n += float64(name.Count); n > u*all {
			return name.Name
		}
	}
	return h.Names[len(h.Names)-1].Name
}

// The letters that text is made of; 64 of them, so that one is six bits. None needs escaping in JSON.
const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"

// name is the text of a number, no two alike, padded to size. It is longer where size is too short for that.
func name(number int64, size int, rng *rand.Rand) []byte {
	var b []byte
	for n := number; n > 0 || len(b) == 0; n /= 32 {
		b = append(b, letters[n%32])
	}
	// Lower letters end the number, so that padding can not make one number look like another.
	b[len(b)-1] = letters[32+indexOf(b[len(b)-1])]
	if pad := size - len(b); pad > 0 {
		b = append(b, fill(make([]byte, pad), letters, 1, rng)...)
	}
	return b
}

func indexOf(c byte) int {
	for i := range len(letters) {
		if letters[i] == c {
			return i
		}
	}
	return 0
}

// make makes a value: of a schema, with the header that names it where one does; of the shape of those that were learnt, where that was kept;
// and of a size otherwise.
func (v *Values) make(size int, drawn float64, rng *rand.Rand, of *makers) ([]byte, *record.Header) {
	if m := of.pick(rng); m != nil {
		return m.make(drawn, rng)
	}
	if v.Shape == nil {
		return value(v.Format, size, drawn, rng), nil
	}
	w := shaped{rng: rng, drawn: drawn, items: maxItems}
	w.object(v.Shape)
	return w.out, nil
}

// value makes a value of a size. JSON is an object where there is room for one.
func value(format string, size int, drawn float64, rng *rand.Rand) []byte {
	out := make([]byte, size)
	const open, end = `{"s":"`, `"}`
	switch {
	case format == FormatBytes:
		if fill(out, "", drawn, rng); size > 0 && out[0] <= 3 {
			out[0] |= 0x80 // so that it never looks as if it named a schema
		}
	case format == FormatJSON && size >= len(open)+len(end):
		copy(out, open)
		copy(out[size-len(end):], end)
		fill(out[len(open):size-len(end)], letters, drawn, rng)
	case format == FormatJSON:
		for i := range out {
			out[i] = '1' + byte(rng.IntN(9))
		}
	default:
		fill(out, letters, drawn, rng)
	}
	return out
}

// run is how many bytes in a row are drawn, or not, together.
const run = 64

// fill writes bytes of an alphabet, any bytes where it is "", of which a share is drawn and the rest repeats one of them.
func fill(b []byte, alphabet string, drawn float64, rng *rand.Rand) []byte {
	debt := rng.Float64() * run
	for from := 0; from < len(b); from += run {
		part := b[from:min(len(b), from+run)]
		debt += drawn * float64(len(part))
		n := min(len(part), int(debt))
		debt -= float64(n)
		for i := range part {
			switch {
			case i >= n && alphabet != "":
				part[i] = alphabet[0]
			case i >= n:
				part[i] = 0
			case alphabet == "":
				part[i] = byte(rng.Uint32())
			default:
				part[i] = alphabet[rng.Uint32()%64]
			}
		}
	}
	return b
}

// maxCalibrated is how many values at most are made to find how well they compress.
const maxCalibrated = 1 << 16

// calibrate finds the share of drawn bytes with which values of these sizes compress as the profile says. Text of 64 letters does
// not compress worse than to three quarters; that is then what the replica does.
func calibrate(v Values, of *makers) float64 {
	low, high := 0.0, 1.0
	var r ratio // one for all, since its writer is large
	for range 8 {
		drawn := (low + high) / 2
		rng := rand.New(rand.NewPCG(1, 2))
		r = ratio{block: r.block[:0], writer: r.writer}
		for n := 0; r.blocks < 2 && n < maxCalibrated; n++ { // a value may have no bytes
			size := v.Bytes.pick(rng.Float64())
			if size == 0 && v.Bytes.Bytes() == 0 {
				return 1
			}
			value, _ := v.make(min(size, 2*blockBytes), drawn, rng, of)
			r.add(value)
		}
		got := r.value() // of less than a block
		if r.blocks > 0 {
			got = float64(r.out) / float64(r.in)
		}
		if got < v.Compressed {
			low = drawn
		} else {
			high = drawn
		}
	}
	return (low + high) / 2
}
