package match_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"backstitch/partition"
	"backstitch/replay/gap/match"
	"backstitch/replay/record"
	"backstitch/storage/spill"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

type list struct {
	records []record.Record
	size    int
}

func (l *list) Next(context.Context) (*record.Batch, error) {
	if len(l.records) == 0 {
		return nil, io.EOF
	}
	n := min(max(l.size, 1), len(l.records))
	b := &record.Batch{Records: l.records[:n]}
	l.records = l.records[n:]
	return b, nil
}

func rec(offset int64, value string) record.Record {
	return record.Record{Offset: offset, Value: []byte(value)}
}

// brute is the multiset difference, by counting.
func brute(ref, tgt []record.Record) (missing, surplus int) {
	n := map[string]int{}
	for _, r := range ref {
		n[string(r.Value)]++
	}
	for _, r := range tgt {
		n[string(r.Value)]--
	}
	for _, c := range n {
		if c > 0 {
			missing += c
		} else {
			surplus -= c
		}
	}
	return missing, surplus
}

func TestRunIsTheMultisetDifference(t *testing.T) {
	bags := map[string]match.NewBag{
		"memory": match.NewMemory,
		"spill":  match.Spill(spill.Options{Dir: t.TempDir(), MemoryBytes: 1}), // everything goes to disk
	}
	for name, bag := range bags {
		t.Run(name, func(t *testing.T) {
			runs := 0
			rapid.Check(t, func(t *rapid.T) {
				if runs++; name == "spill" && runs > 5 {
					return // opening a file each time is slow, and the bag has its own tests
				}
				values := rapid.SampledFrom([]string{"a", "b", "c", "d", "e", "f"})
				side := func(name string) []record.Record {
					var out []record.Record
					for i, v := range rapid.SliceOfN(values, 0, 40).Draw(t, name) {
						out = append(out, rec(int64(i), v))
					}
					return out
				}
				ref, tgt := side("reference"), side("target")
				size := rapid.IntRange(1, 9).Draw(t, "batch")
				absent := map[int64]bool{}
				out, err := match.Run(context.Background(), &list{ref, size}, &list{tgt, size}, match.Options{
					Fields: record.AllFields, NewBag: bag,
					Watch: match.Watch{
						Absent: func(r *record.Record) { absent[r.Offset] = true },
						Found:  func(pos partition.Offset, _ *record.Record) { delete(absent, pos) },
					},
				})
				if err != nil {
					t.Fatal(err)
				}
				defer out.Close()
				missing, surplus := brute(ref, tgt)
				if int(out.Missing.Len()) != missing || int(out.Surplus.Len()) != surplus {
					t.Fatalf("got %d missing and %d surplus, want %d and %d", out.Missing.Len(), out.Surplus.Len(), missing, surplus)
				}
				if len(absent) != missing {
					t.Fatalf("the watch counted %d absent, want %d", len(absent), missing)
				}
				var want record.Sum
				for _, r := range ref {
					if out.Missing.Contains(r.Offset) {
						want.Add(record.Hash(&r, record.AllFields))
						if !absent[r.Offset] {
							t.Fatalf("offset %d is missing, but the watch took it back", r.Offset)
						}
					}
				}
				if out.MissingSum != want || int(out.MissingBytes) != missing {
					t.Fatalf("got sum %x and %d bytes, want %x and %d", out.MissingSum.Bytes(), out.MissingBytes, want.Bytes(), missing)
				}
				// What matched has the same sum on both sides, each from its own records.
				a, b := out.Reference.Sum, out.Target.Sum
				a.SubSum(out.MissingSum)
				b.SubSum(out.SurplusSum)
				if a != b {
					t.Fatalf("matched sums: reference %x, target %x", a.Bytes(), b.Bytes())
				}
			})
		})
	}
}

// Equal records pair oldest with oldest, so what is missing or too much is the newest.
func TestEqualRecordsPairInOrder(t *testing.T) {
	ref := []record.Record{rec(0, "a"), rec(1, "a"), rec(2, "a"), rec(3, "b")}
	tgt := []record.Record{rec(10, "a"), rec(11, "b"), rec(12, "b")}
	for _, size := range []int{1, 2, 10} {
		out, err := match.Run(context.Background(), &list{ref, size}, &list{tgt, size}, match.Options{Fields: record.AllFields})
		if err != nil {
			t.Fatal(err)
		}
		var surplus []uint64
		if err := out.Surplus.Each(func(_ [16]byte, v uint64) error { surplus = append(surplus, v); return nil }); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(out.Missing.Ranges(nil), partition.Ranges{{From: 1, To: 3}}); diff != "" {
			t.Errorf("batch %d: missing (-got +want):\n%s", size, diff)
		}
		if diff := cmp.Diff(surplus, []uint64{12}); diff != "" {
			t.Errorf("batch %d: surplus (-got +want):\n%s", size, diff)
		}
	}
}

// What waits for a match grows with the difference and not with the data.
func TestMemoryGrowsWithTheDifference(t *testing.T) {
	const n, batch = 200_000, 100
	var ref, tgt []record.Record
	for i := range n {
		r := rec(int64(i), fmt.Sprint(i))
		ref = append(ref, r)
		if i < 100_000 || i >= 101_000 { // a run of 1000 is lost
			tgt = append(tgt, r)
		}
	}
	out, err := match.Run(context.Background(), &list{ref, batch}, &list{tgt, batch}, match.Options{Fields: record.AllFields})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := out.Unmatched, int64(2*1000+2*batch); got > want {
		t.Errorf("got %d records waiting, want at most %d", got, want)
	}
	if diff := cmp.Diff(out.Missing.Ranges(nil), partition.Ranges{{From: 100_000, To: 101_000}}); diff != "" {
		t.Errorf("missing (-got +want):\n%s", diff)
	}
}

func TestErrorsEndTheRun(t *testing.T) {
	bad := errors.New("broken")
	_, err := match.Run(context.Background(), failing{bad}, &list{}, match.Options{})
	if !errors.Is(err, bad) {
		t.Errorf("reference: got %v, want %v", err, bad)
	}
	_, err = match.Run(context.Background(), &list{}, failing{bad}, match.Options{})
	if !errors.Is(err, bad) {
		t.Errorf("target: got %v, want %v", err, bad)
	}
}

type failing struct{ err error }

func (f failing) Next(context.Context) (*record.Batch, error) { return nil, f.err }

func TestPositions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var p match.Positions
		want := map[int64]bool{}
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		for range rapid.IntRange(0, 50).Draw(t, "runs") {
			from := rng.Int64N(1 << 20)
			for o := from; o < from+rng.Int64N(300); o++ {
				if p.Add(o) == want[o] {
					t.Fatalf("add %d: got fresh %v, want %v", o, want[o], !want[o])
				}
				want[o] = true
			}
		}
		if int(p.Len()) != len(want) {
			t.Fatalf("got %d positions, want %d", p.Len(), len(want))
		}
		var got int64
		last := int64(-1)
		if got, want := p.Span(), p.Ranges(nil).Span(); got != want {
			t.Fatalf("Span: got %s, want %s", got, want)
		}
		for _, r := range p.Ranges(nil) {
			if r.From <= last {
				t.Fatalf("range %s does not ascend or touches the one before", r)
			}
			last = r.To
			for o := r.From; o < r.To; o++ {
				if !want[o] || !p.Contains(o) {
					t.Fatalf("%d is in the ranges and was not added", o)
				}
				got++
			}
		}
		if got != p.Len() {
			t.Fatalf("got %d positions in ranges, want %d", got, p.Len())
		}
	})
}

func TestPositionsTurnIntoBitmap(t *testing.T) {
	var p match.Positions
	for o := int64(0); o < 60_000; o++ {
		p.Add(o*7919%60_000 + 1<<40)
	}
	if diff := cmp.Diff(p.Ranges(nil), partition.Ranges{{From: 1 << 40, To: 1<<40 + 60_000}}); diff != "" {
		t.Errorf("ranges (-got +want):\n%s", diff)
	}
}

// Two missing records are one range when only holes lie between them, and two when a record does.
func TestHolesJoinRanges(t *testing.T) {
	ref := []record.Record{rec(0, "a"), rec(1, "x"), rec(5, "y"), rec(6, "b"), rec(9, "z"), rec(12, "c"), rec(13, "v"), rec(14, "w")}
	tgt := []record.Record{rec(0, "a"), rec(1, "b"), rec(2, "c"), rec(3, "v")}
	out, err := match.Run(context.Background(), &list{ref, 3}, &list{tgt, 3}, match.Options{Fields: record.AllFields})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(out.Missing.Ranges(out.Holes), partition.Ranges{{From: 1, To: 6}, {From: 9, To: 10}, {From: 14, To: 15}}); diff != "" {
		t.Errorf("ranges (-got +want):\n%s", diff)
	}
}

func BenchmarkRun(b *testing.B) {
	var all []record.Record
	value := make([]byte, 1024)
	for i := range 10_000 {
		all = append(all, record.Record{Offset: int64(i), TimestampMs: int64(i), Key: fmt.Appendf(nil, "k%d", i), Value: value})
	}
	for b.Loop() {
		out, err := match.Run(context.Background(), &list{all, 500}, &list{all, 500}, match.Options{Fields: record.AllFields})
		if err != nil || out.Missing.Len() != 0 {
			b.Fatal(err, out.Missing.Len())
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/10_000, "ns/record")
}
