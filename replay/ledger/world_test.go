package ledger_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync/atomic"
	"testing"

	"backstitch/partition"
	"backstitch/replay/gap"
	"backstitch/replay/gap/gaptest"
	"backstitch/replay/ledger"
	"backstitch/replay/record"
	"backstitch/replay/sink"
	"backstitch/replay/source"

	gocmp "github.com/google/go-cmp/cmp"
)

// thing is an object of an archive in memory. Offsets of its records ascend.
type thing struct {
	partition.Object
	to      partition.Offset // behind its last position
	records []record.Record
	damaged partition.Range // of its positions, empty for none
	rotten  bool            // all its records can be read, and then its checksum does not fit
}

// world is an archive and a topic of it in memory, with everything that vouches for them.
type world struct {
	t       testing.TB
	rng     *rand.Rand
	dir     string
	parts   int32
	things  map[int32][]thing
	spans   bool // whether objects say what positions they hold
	holds   record.Fields
	target  *gaptest.Target
	epochs  map[int32][]gap.EpochEnd // of the topic: epoch and where it begins, ascending
	id      int
	cluster string
	wrap    func(gap.Log) gap.Log // nil for nothing
	policy  string
	nextMs  int64
	version int
	read    atomic.Int64 // bytes that came out of either side since same began its scan with a ledger
}

func newWorld(t testing.TB, rng *rand.Rand, parts int32) *world {
	w := &world{t: t, rng: rng, dir: t.TempDir(), parts: parts, things: map[int32][]thing{}, spans: rng.IntN(2) == 0, holds: record.AllFields,
		target: gaptest.New(parts), epochs: map[int32][]gap.EpochEnd{}, id: 1, cluster: "c", policy: "delete", nextMs: 1_795_132_800_000}
	w.target.Batch = 97
	for p := range parts {
		w.epochs[p] = []gap.EpochEnd{{Epoch: 0}}
	}
	return w
}

// fresh makes a record; some are equal to others.
func (w *world) fresh(small int) record.Record {
	w.nextMs += w.rng.Int64N(2000)
	r := record.Record{TimestampMs: w.nextMs, Key: fmt.Appendf(nil, "k%d", w.rng.IntN(5)), Value: fmt.Appendf(nil, "value %d", w.rng.IntN(1<<30))}
	if w.rng.IntN(small) == 0 {
		r = record.Record{TimestampMs: 1_795_132_800_000, Value: fmt.Appendf(nil, "%d", w.rng.IntN(4))}
	}
	return r
}

// write appends n records to topic and archive; lose says which of them the topic does not get.
func (w *world) write(part int32, n int, lose func(i int) bool) {
	list := w.things[part]
	base := int64(0)
	for _, o := range list {
		base = max(base, o.to)
	}
	base += w.rng.Int64N(3)
	var rs []record.Record
	at := base
	for i := range n {
		r := w.fresh(12)
		r.Offset = at
		at += 1 + int64(w.rng.IntN(8)/7) // holes of markers
		rs = append(rs, r)
		if !lose(i) {
			w.target.Append(part, r)
		}
	}
	w.put(part, thing{Object: partition.Object{Base: base, Count: at - base}, to: at, records: rs})
}

// put gives an object a name and an ETag and takes it in.
func (w *world) put(part int32, o thing) {
	w.version++
	if o.Key == "" {
		o.Key = fmt.Sprintf("orders/%d/%010d-%d", part, o.Base, w.version)
	}
	o.ETag, o.Size = fmt.Sprint("v", w.version), int64(len(o.records))
	w.things[part] = append(slices.DeleteFunc(w.things[part], func(x thing) bool { return x.Key == o.Key }), o)
	slices.SortFunc(w.things[part], func(a, b thing) int { return cmp.Or(cmp.Compare(a.Base, b.Base), cmp.Compare(a.Key, b.Key)) })
}

func (w *world) input() gap.Input {
	in := gap.Input{Dataset: "orders", ReferenceTopic: "orders", Reference: archived{w}, Target: counted{w.target, w}, Extents: map[int32]gap.Extent{},
		Facts: gap.Facts{CleanupPolicy: w.policy}}
	for p := range w.parts {
		var e gap.Extent
		for i, o := range w.things[p] {
			e.Objects = append(e.Objects, o.Object)
			if i == 0 {
				e.Range.From = o.Base
			}
			e.Range.To = max(e.Range.To, o.to)
		}
		if w.rng.IntN(4) == 0 && len(e.Objects) > 0 {
			e.Range.To = math.MaxInt64 // as where the length of an object is not known
		}
		in.Extents[p] = e
	}
	return in
}

func (w *world) anchors() gap.Anchors {
	a := gap.Anchors{Comparison: "archive and topic", Target: topic{w}}
	if w.wrap != nil {
		a.Target = w.wrap(a.Target)
	}
	if w.spans {
		a.Span = func(o partition.Object) partition.Range { return partition.Range{From: o.Base, To: o.Base + o.Count} }
	}
	return a
}

func config() gap.Config {
	return gap.Config{Parallel: 2, RunRecords: 5, MaxFindings: 100, MaxRanges: 100}
}

// full scans without a ledger.
func (w *world) full(in gap.Input) *gap.Report {
	w.t.Helper()
	rep, err := gap.Scan(w.t.Context(), in, config())
	if err != nil {
		w.t.Fatal(err)
	}
	return rep
}

// kept scans with one.
func (w *world) kept(in gap.Input) *gap.Report {
	w.t.Helper()
	rep, err := ledger.New(w.dir).Scan(w.t.Context(), in, config(), w.anchors())
	if err != nil {
		w.t.Fatal(err)
	}
	return rep
}

// same scans in both ways and compares everything that a scan gives.
func (w *world) same(what string) *gap.Ledger {
	w.t.Helper()
	in := w.input()
	want := w.full(in)
	w.read.Store(0)
	got := w.kept(in)
	use := got.Ledger
	got.Ledger = nil
	for _, rep := range []*gap.Report{want, got} {
		for i := range rep.Results {
			rep.Results[i].Unmatched = 0 // how many waited depends on the size of batches
		}
	}
	if !reflect.DeepEqual(want, got) {
		a, _ := json.MarshalIndent(want, "", " ")
		b, _ := json.MarshalIndent(got, "", " ")
		w.t.Fatalf("%s: the scan with a ledger differs (-without +with):\n%s\nledger: %+v", what, gocmp.Diff(string(a), string(b)), use)
	}
	return use
}

// archived is the archive of a world as a source.
type archived struct{ w *world }

func (a archived) Fields() record.Fields { return a.w.holds }
func (a archived) Close() error          { return nil }

func (a archived) Open(_ context.Context, slice partition.Slice, cursor partition.Offset) (source.Reader, error) {
	r := &reading{w: a.w, part: slice.Partition, want: slice.Ranges, cursor: max(cursor, slice.Ranges.Span().From)}
	for _, o := range slice.Objects {
		at := slices.IndexFunc(a.w.things[slice.Partition], func(x thing) bool { return x.Object == o })
		if at < 0 {
			return nil, fmt.Errorf("%s: %w", o.Key, source.ErrChanged)
		}
		x := a.w.things[slice.Partition][at]
		if x.to > r.cursor && x.Base < slice.Ranges.Span().To {
			r.todo = append(r.todo, x)
		}
	}
	return r, nil
}

type reading struct {
	w      *world
	part   int32
	want   partition.Ranges
	cursor partition.Offset
	todo   []thing
}

func (r *reading) Next(ctx context.Context) (*record.Batch, error) {
	for len(r.todo) > 0 {
		o := &r.todo[0]
		d := o.damaged
		if hits := d.To > r.cursor && r.want.Span().Overlaps(d); !d.Empty() && (!hits || len(o.records) == 0 || o.records[0].Offset >= d.From) {
			o.damaged = partition.Range{}
			o.records = slices.DeleteFunc(slices.Clone(o.records), func(x record.Record) bool { return d.Contains(x.Offset) })
			if !hits {
				continue
			}
			from := max(d.From, r.cursor)
			r.cursor = d.To
			return nil, &source.DamagedError{Object: o.Key, Offset: from, Next: d.To, Code: source.CodeCorrupt, Err: errors.New("broken")}
		}
		b := &record.Batch{Partition: r.part}
		for len(o.records) > 0 && len(b.Records) < 11 {
			x := o.records[0]
			if d := o.damaged; !d.Empty() && x.Offset >= d.From {
				break
			}
			o.records = o.records[1:]
			if x.Offset >= r.cursor && r.want.Contains(x.Offset) {
				b.Records, b.Bytes = append(b.Records, x), b.Bytes+x.Size()
			}
		}
		var rotten error
		if len(o.records) == 0 && o.damaged.Empty() {
			if o.rotten && r.want.Span().To >= o.to {
				rotten = &source.DamagedError{Object: o.Key, Offset: o.to, Next: o.to, Code: source.CodeCorrupt, Err: errors.New("wrong checksum")}
			}
			if rotten == nil || len(b.Records) == 0 {
				r.todo = r.todo[1:]
			}
		}
		if n := len(b.Records); n > 0 {
			r.cursor = b.Records[n-1].Offset + 1
			b.Next = r.cursor
			r.w.read.Add(b.Bytes)
			return b, ctx.Err()
		}
		if rotten != nil {
			return nil, rotten
		}
	}
	return nil, io.EOF
}

func (r *reading) Close() error { return nil }

// counted is the target of a world.
type counted struct {
	*gaptest.Target
	w *world
}

func (c counted) Read(ctx context.Context, part int32, from, to int64) (sink.Reader, error) {
	r, err := c.Target.Read(ctx, part, from, to)
	return counting{r, c.w}, err
}

type counting struct {
	sink.Reader
	w *world
}

func (c counting) Next(ctx context.Context) (*record.Batch, error) {
	b, err := c.Reader.Next(ctx)
	if b != nil {
		c.w.read.Add(b.Bytes)
	}
	return b, err
}

// topic is what vouches for the target of a world.
type topic struct{ w *world }

func (l topic) State(context.Context) (gap.LogState, error) {
	s := gap.LogState{Cluster: l.w.cluster, Topic: "orders", ID: fmt.Sprint(l.w.id), CleanupPolicy: l.w.policy, Partitions: map[int32]gap.LogPart{}}
	for p := range l.w.parts {
		from, to, err := l.w.target.Bounds(context.Background(), p)
		if err != nil {
			return s, err
		}
		es := l.w.epochs[p]
		s.Partitions[p] = gap.LogPart{Start: from, End: to, Epoch: es[len(es)-1].Epoch}
	}
	return s, nil
}

// EpochEnds answers as brokers do: with the newest epoch that is not above, and where the next one begins.
func (l topic) EpochEnds(_ context.Context, part int32, epochs []int32) (map[int32]gap.EpochEnd, error) {
	out := map[int32]gap.EpochEnd{}
	_, end, err := l.w.target.Bounds(context.Background(), part)
	for _, epoch := range epochs {
		found := gap.EpochEnd{Epoch: -1, End: -1}
		es := l.w.epochs[part]
		for i, e := range es {
			if e.Epoch > epoch {
				break
			}
			found = gap.EpochEnd{Epoch: e.Epoch, End: end}
			if i+1 < len(es) {
				found.End = es[i+1].End
			}
		}
		out[epoch] = found
	}
	return out, err
}

// elect makes a new leader, which has the log up to an offset only.
func (w *world) elect(part int32, from int64) {
	l := w.target.Logs[part]
	l.Records = slices.DeleteFunc(l.Records, func(r record.Record) bool { return r.Offset >= from })
	l.End = 0
	if n := len(l.Records); n == 0 || l.Records[n-1].Offset+1 < from {
		l.End = from
	}
	es := w.epochs[part]
	last := es[len(es)-1].Epoch
	es = slices.DeleteFunc(es, func(e gap.EpochEnd) bool { return e.End >= from && e.Epoch > 0 })
	w.epochs[part] = append(es, gap.EpochEnd{Epoch: last + 1, End: from})
}
