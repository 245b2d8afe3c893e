package repartition_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"backstitch/partition"
	"backstitch/replay/gap/gaptest"
	"backstitch/replay/record"
	"backstitch/replay/repartition"
	"backstitch/replay/replaytest"
	"backstitch/replay/sink"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const job = partition.JobID("bs-testjob")

// world is a reference of some partitions, and a target into which all of it has been written, each partition in its order and all of them
// at a time.
type world struct {
	rule   repartition.Rule
	ref    map[int32][]record.Record
	target *gaptest.Target
}

func newWorld(rng *rand.Rand) *world {
	w := &world{rule: repartition.Rule{Partitions: 1 + rng.Int32N(7)}, ref: map[int32][]record.Record{}}
	w.target = gaptest.New(w.rule.Partitions)
	for p := range 1 + rng.Int32N(5) {
		w.ref[p] = replaytest.Records(rng, rng.Int64N(50), 80)
	}
	return w
}

// write writes the records of all partitions that want wants.
func (w *world) write(rng *rand.Rand, by partition.JobID, want func(part int32, i int) bool) {
	at := map[int32]int{}
	for len(at) < len(w.ref) || func() bool {
		for p, i := range at {
			if i < len(w.ref[p]) {
				return true
			}
		}
		return false
	}() {
		p := rng.Int32N(int32(len(w.ref)))
		if i := at[p]; i < len(w.ref[p]) {
			if want(p, i) {
				w.put(by, p, &w.ref[p][i], w.rule.Of(p, &w.ref[p][i]))
			}
		}
		at[p]++
	}
}

// put writes one record of partition p into partition q.
func (w *world) put(by partition.JobID, p int32, r *record.Record, q int32) {
	out := *r
	out.Headers = append(append([]record.Header(nil), r.Headers...),
		record.Header{Key: sink.OriginHeader, Value: fmt.Appendf(nil, "orders/%d/%d", p, r.Offset)}, record.Header{Key: sink.JobHeader, Value: []byte(by)})
	w.target.Append(q, out)
}

func (w *world) ends(t *testing.T) []int64 {
	t.Helper()
	all, err := w.target.AllBounds(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ends := make([]int64, len(all))
	for q, b := range all {
		ends[q] = b.End
	}
	return ends
}

func (w *world) view(t *testing.T, ends []int64, pinned bool) *repartition.View {
	t.Helper()
	v, err := repartition.NewView(w.target, repartition.Options{Rule: w.rule, Topic: "orders", Ends: ends, Pinned: pinned})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func read(t *testing.T, v *repartition.View, p int32, from, to int64) (out []record.Record) {
	t.Helper()
	r, err := v.Read(t.Context(), p, from, to)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for {
		b, err := r.Next(t.Context())
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, b.Records...)
	}
}

// A partition of the reference comes back as it was: what was there at the plan below the number that Bounds said then, the rest above.
func TestAPartitionComesBackInItsOrder(t *testing.T) {
	rng := replaytest.Seed(t)
	for range 5 {
		w := newWorld(rng)
		cut := rng.IntN(80)
		w.write(rng, "bs-before", func(_ int32, i int) bool { return i < cut })
		ends := w.ends(t)
		pinned := w.view(t, ends, true)
		_, then, err := pinned.Bounds(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		w.write(rng, job, func(_ int32, i int) bool { return i >= cut })
		v := w.view(t, ends, false)
		_, end, err := v.Bounds(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		for p, rs := range w.ref {
			for what, c := range map[string]struct {
				got, want []record.Record
			}{
				"before the plan":         {read(t, v, p, 0, then), rs[:cut]},
				"since the plan":          {read(t, v, p, then, end), rs[cut:]},
				"as the plan has seen it": {read(t, pinned, p, 0, end), rs[:cut]},
			} {
				got, want := replaytest.Bare(c.got), replaytest.Bare(c.want)
				if replaytest.Same(got, want) {
					continue
				}
				if diff := cmp.Diff(got, want, cmpopts.EquateEmpty()); diff != "" {
					t.Fatalf("%d partitions, partition %d, %s (-got +want):\n%s", w.rule.Partitions, p, what, diff)
				}
			}
			all := read(t, v, p, 0, end)
			for i := range all {
				q, o := v.At(all[i].Offset)
				if there := w.target.Logs[q].Records[o]; there.TimestampMs != all[i].TimestampMs || w.rule.Of(p, &rs[i]) != q {
					t.Fatalf("number %d: got partition %d offset %d, which is not where the record is", all[i].Offset, q, o)
				}
				if one := read(t, v, p, all[i].Offset, all[i].Offset+1); len(one) != 1 || one[0].Offset != all[i].Offset {
					t.Fatalf("number %d alone: got %d records, want it", all[i].Offset, len(one))
				}
				if q, strayed := v.Strayed(p, &all[i]); strayed {
					t.Fatalf("number %d: belongs in partition %d, want where it is", all[i].Offset, q)
				}
			}
		}
		if foreign, strayed := pinned.Counted(); foreign.Records != 0 || strayed.Records != 0 {
			t.Errorf("got %d records of others and %d in another partition, want none", foreign.Records, strayed.Records)
		}
	}
}

// Headers put partitions together and never put right what one of them has in the wrong order.
func TestAWrongOrderShows(t *testing.T) {
	w := &world{rule: repartition.Rule{Partitions: 3}, ref: map[int32][]record.Record{}, target: gaptest.New(3)}
	for i := range int64(40) {
		w.ref[0] = append(w.ref[0], record.Record{Offset: i, Key: fmt.Appendf(nil, "k%d", i%5), Value: fmt.Appendf(nil, "v%d", i)})
	}
	rng := replaytest.Seed(t)
	w.write(rng, job, func(int32, int) bool { return true })
	for q, log := range w.target.Logs {
		for i := 1; i < len(log.Records); i++ {
			was := append([]record.Record(nil), log.Records...)
			log.Records[i-1], log.Records[i] = log.Records[i], log.Records[i-1]
			log.Records[i-1].Offset, log.Records[i].Offset = int64(i-1), int64(i)
			v := w.view(t, []int64{0, 0, 0}, false)
			_, end, err := v.Bounds(t.Context(), 0)
			if err != nil {
				t.Fatal(err)
			}
			if replaytest.Same(replaytest.Bare(read(t, v, 0, 0, end)), replaytest.Bare(w.ref[0])) {
				t.Errorf("partition %d: offsets %d and %d changed places, and it does not show", q, i-1, i)
			}
			log.Records = was
		}
	}
}

func TestWhatDoesNotBelongIsCountedOnce(t *testing.T) {
	w := &world{rule: repartition.Rule{Partitions: 4}, ref: map[int32][]record.Record{0: nil, 1: nil}, target: gaptest.New(4)}
	rng := replaytest.Seed(t)
	for p := range int32(2) {
		for i := range int64(30) {
			w.ref[p] = append(w.ref[p], record.Record{Offset: i, Key: fmt.Appendf(nil, "k%d", i)})
		}
	}
	w.write(rng, job, func(int32, int) bool { return true })
	astray := record.Record{Offset: 30, Key: []byte("k1")}
	q := (w.rule.Of(0, &astray) + 1) % 4
	at := int64(len(w.target.Logs[q].Records))
	w.put(job, 0, &astray, q)
	w.target.Append(2, record.Record{Key: []byte("of somebody else")})
	v := w.view(t, w.ends(t), true)
	for p := range w.ref {
		read(t, v, p, 0, 1<<40)
		read(t, v, p, 0, 1<<40)
	}
	foreign, strayed := v.Counted()
	if foreign.Records != 1 || foreign.Partition != 2 {
		t.Errorf("of others: got %+v, want one in partition 2", foreign)
	}
	if want := (repartition.Places{Records: 1, Partition: q, Offset: at}); strayed != want {
		t.Errorf("in another partition: got %+v, want %+v", strayed, want)
	}
}

func TestAnotherNumberOfPartitionsIsRefused(t *testing.T) {
	w := newWorld(replaytest.Seed(t))
	v := w.view(t, w.ends(t), false)
	n := w.rule.Partitions
	w.target.Logs[n] = &gaptest.Log{}
	if _, _, err := v.Bounds(context.Background(), 0); !errors.Is(err, sink.ErrReshaped) {
		t.Errorf("got %v, want %v", err, sink.ErrReshaped)
	}
}

// closing counts readers that are open.
type closing struct {
	*gaptest.Target
	open int
	fail bool
}

func (c *closing) Read(ctx context.Context, part int32, from, to int64) (sink.Reader, error) {
	r, err := c.Target.Read(ctx, part, from, to)
	c.open++
	return &closed{r, c}, err
}

type closed struct {
	sink.Reader
	c *closing
}

func (r *closed) Next(ctx context.Context) (*record.Batch, error) {
	if r.c.fail {
		return nil, errors.New("broken")
	}
	return r.Reader.Next(ctx)
}

func (r *closed) Close() error {
	r.c.open--
	return r.Reader.Close()
}

func TestEveryReaderIsClosedOnce(t *testing.T) {
	rng := replaytest.Seed(t)
	w := newWorld(rng)
	w.write(rng, job, func(int32, int) bool { return true })
	for _, batches := range []int{0, 1, 1000} {
		for _, fail := range []bool{false, true} {
			c := &closing{Target: w.target, fail: fail}
			v, err := repartition.NewView(c, repartition.Options{Rule: w.rule, Topic: "orders", Ends: w.ends(t), Pinned: true})
			if err != nil {
				t.Fatal(err)
			}
			r, err := v.Read(t.Context(), 0, 0, 1<<40)
			if err != nil {
				t.Fatal(err)
			}
			for range batches {
				if _, err := r.Next(t.Context()); err != nil {
					break
				}
			}
			if err := errors.Join(r.Close(), r.Close()); err != nil || c.open != 0 {
				t.Errorf("after %d batches, failing %t: %d readers open, %v", batches, fail, c.open, err)
			}
		}
	}
}
