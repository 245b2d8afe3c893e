package synth

import (
	"bytes"
	"compress/flate"
	"encoding/json"
	"hash/maphash"
	"io"
	"math"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"backstitch/replay/framed"
	"backstitch/replay/record"
)

// Options of learning.
type Options struct {
	KeepNames bool // the names of headers, which may say something themselves
	KeepShape bool // the names and types of members of values in JSON, which may, too
}

// Learner is shown records and makes a profile of them. It keeps nothing that it was shown. It is used by one goroutine.
type Learner struct {
	opt        Options
	seed       maphash.Seed
	partitions map[int32]*learning
	firstMs    int64
	lastMs     int64
	records    int64

	keys, values, perRecord, names, headers histogram
	nullValues, nullHeaders                 int64
	formats                                 map[string]int64
	ratio                                   ratio
	kept                                    map[string]int64
	shape                                   shaping

	met        map[record.SchemaName]*meeting
	taker      framed.Taker
	placesLeft int
	texts      int // bytes of the schemas that were met
}

// learning is one partition.
type learning struct {
	records, nullKeys int64
	hours             [24]int64
	distinct          smallest
	frequent          frequent
}

// NewLearner returns a learner that was shown nothing. Keys are hashed with a seed of the process: a hash tells nobody else anything.
func NewLearner(opt Options) *Learner {
	return &Learner{
		opt: opt, seed: maphash.MakeSeed(), partitions: map[int32]*learning{}, firstMs: math.MaxInt64, lastMs: math.MinInt64,
		formats: map[string]int64{}, kept: map[string]int64{}, placesLeft: maxPlaces,
	}
}

// Partition makes sure that a partition is in the profile, whether it has records or not.
func (l *Learner) Partition(p int32) { l.partition(p) }

func (l *Learner) partition(p int32) *learning {
	part := l.partitions[p]
	if part == nil {
		part = new(learning)
		l.partitions[p] = part
	}
	return part
}

const hourMs = int64(time.Hour / time.Millisecond)

// Add learns from one record of a partition. Headers of backstitch's own are left out: a repair added them.
func (l *Learner) Add(p int32, r *record.Record) {
	part := l.partition(p)
	l.records++
	part.records++
	part.hours[hourOf(r.TimestampMs)%24]++
	l.firstMs, l.lastMs = min(l.firstMs, r.TimestampMs), max(l.lastMs, r.TimestampMs)
	if r.Key == nil {
		part.nullKeys++
	} else {
		hash := maphash.Bytes(l.seed, r.Key)
		part.distinct.add(hash)
		part.frequent.add(hash)
		l.keys.add(len(r.Key))
	}
	if r.Value == nil {
		l.nullValues++
	} else {
		l.values.add(len(r.Value))
		if !l.framed(r) {
			format := formatOf(r.Value)
			l.formats[format]++
			if l.opt.KeepShape && format == FormatJSON {
				l.shape.add(r.Value)
			}
		}
		l.ratio.add(r.Value)
	}
	l.headersOf(r.Headers)
}

func (l *Learner) headersOf(headers []record.Header) {
	n := 0
	for _, h := range headers {
		if strings.HasPrefix(h.Key, record.OwnHeaderPrefix) {
			continue
		}
		if len(l.met) > 0 && h.Key == record.ValueSchemaHeader {
			continue // it belongs to the value
		}
		n++
		l.names.add(len(h.Key))
		if h.Value == nil {
			l.nullHeaders++
		} else {
			l.headers.add(len(h.Value))
		}
		if _, known := l.kept[h.Key]; l.opt.KeepNames && len(h.Key) <= maxNameBytes && utf8.ValidString(h.Key) && (known || len(l.kept) < maxNames) {
			l.kept[strings.Clone(h.Key)]++
		}
	}
	l.perRecord.add(n)
}

// hourOf is the number of the hour since 1970, at least 0: Kafka allows times before and no time at all.
func hourOf(ms int64) int64 { return max(0, ms) / hourMs }

// Profile returns what was learnt, or ErrNothing.
func (l *Learner) Profile() (*Profile, error) {
	if l.records == 0 {
		return nil, ErrNothing
	}
	from, to := hourOf(l.firstMs), hourOf(l.lastMs)+1
	out := &Profile{
		Kind: Kind, Version: Version, Records: l.records,
		From: time.UnixMilli(from * hourMs).UTC(), To: time.UnixMilli(to * hourMs).UTC(),
		KeyBytes: l.keys.sizes(),
		Values:   Values{Null: l.nullValues, Format: l.format(), Bytes: l.values.sizes(), Compressed: l.ratio.value()},
		Headers:  Headers{PerRecord: l.perRecord.sizes(), NameBytes: l.names.sizes(), Null: l.nullHeaders, ValueBytes: l.headers.sizes()},
	}
	if out.Values.Format == FormatJSON {
		out.Values.Shape = l.shape.object()
	}
	out.Schemas = l.schemas()
	for number, p := range l.partitions {
		out.Partitions = append(out.Partitions, Partition{
			Partition: number, Records: p.records, Hours: p.hours, NullKeys: p.nullKeys, Top: p.frequent.top(),
			// An estimate may be higher than there are records, or lower than what was counted.
			Distinct: max(int64(len(p.frequent.top())), min(p.distinct.distinct(), p.records-p.nullKeys)),
		})
	}
	slices.SortFunc(out.Partitions, func(a, b Partition) int { return int(a.Partition) - int(b.Partition) })
	for name, count := range l.kept {
		out.Headers.Names = append(out.Headers.Names, Name{Name: name, Count: count})
	}
	slices.SortFunc(out.Headers.Names, func(a, b Name) int { return strings.Compare(a.Name, b.Name) })
	if err := out.check(); err != nil {
		return nil, err
	}
	_, err := newMakers(out) // a schema that reads may still be one of which no values can be made
	return out, err
}

// format is what nine in ten values are.
func (l *Learner) format() string {
	var all int64
	for _, n := range l.formats {
		all += n
	}
	for _, f := range []string{FormatJSON, FormatText} {
		if n := l.formats[f]; n > 0 && n*10 >= all*9 {
			return f
		}
	}
	return FormatBytes
}

func formatOf(v []byte) string {
	if len(v) > 0 && (v[0] == '{' || v[0] == '[') && json.Valid(v) {
		return FormatJSON
	}
	if !utf8.Valid(v) || bytes.ContainsFunc(v, func(r rune) bool { return unicode.IsControl(r) && !unicode.IsSpace(r) }) {
		return FormatBytes
	}
	return FormatText
}

// ratio measures how well values compress, one block after another. The first blocks are all looked at, then one in 64.
type ratio struct {
	block   []byte
	blocks  int
	in, out int64
	writer  *flate.Writer
}

const (
	blockBytes  = 64 << 10
	firstBlocks = 64
	oneBlockIn  = 64
)

func (r *ratio) add(v []byte) {
	for len(v) > 0 {
		n := min(len(v), blockBytes-len(r.block))
		r.block = append(r.block, v[:n]...)
		v = v[n:]
		if len(r.block) == blockBytes {
			if r.blocks < firstBlocks || r.blocks%oneBlockIn == 0 {
				r.measure()
			}
			r.blocks++
			r.block = r.block[:0]
		}
	}
}

func (r *ratio) measure() {
	var n counted
	if r.writer == nil {
		r.writer, _ = flate.NewWriter(&n, flate.BestSpeed) // fails for an unknown level only
	} else {
		r.writer.Reset(&n)
	}
	_, _ = r.writer.Write(r.block) // counted never fails
	_ = r.writer.Close()
	r.in += int64(len(r.block))
	r.out += int64(n)
}

// value is the ratio to two digits; more of them would be about the content.
func (r *ratio) value() float64 {
	if r.in == 0 && len(r.block) > 0 {
		r.measure()
	}
	if r.in == 0 {
		return 0
	}
	return math.Round(100*min(1, float64(r.out)/float64(r.in))) / 100
}

// counted is a writer that counts.
type counted int64

func (c *counted) Write(b []byte) (int, error) {
	*c += counted(len(b))
	return len(b), nil
}

var _ io.Writer = (*counted)(nil)
