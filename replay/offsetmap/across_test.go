package offsetmap

import (
	"fmt"
	"slices"
	"testing"

	"backstitch/partition"
	"backstitch/replay/gap"
	"backstitch/replay/gap/gaptest"
	"backstitch/replay/record"
	"backstitch/replay/replaytest"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// wide is a topic, and what a job has made of it in another number of partitions.
type wide struct {
	source map[int32][]record.Record
	target *gaptest.Target
}

func newWide(parts, into int32, perPart int) *wide {
	w := &wide{source: map[int32][]record.Record{}, target: gaptest.New(into)}
	for p := range parts {
		for o := range perPart {
			w.source[p] = append(w.source[p], rec(int64(o), fmt.Sprint(p, "/", o)))
		}
	}
	return w
}

// writes is the job's copy of one record.
func (w *wide) writes(part int32, offset int64, into int32) {
	r := w.source[part][offset]
	r.Headers = nil
	at := w.target.Logs[into]
	w.target.AppendOurs("bs-1", "orders", into, r)
	o := &at.Records[len(at.Records)-1].Headers[0]
	o.Value = fmt.Appendf(nil, "orders/%d/%d", part, offset)
}

func (w *wide) input() Input {
	in := Input{SourceTopic: "orders", By: ByHeaders, Source: &replaytest.Memory{Records: w.source}, Target: w.target, Extents: map[int32]gap.Extent{}}
	for p, rs := range w.source {
		in.Extents[p] = gap.Extent{Range: partition.Range{To: int64(len(rs))}}
	}
	return in
}

func (w *wide) cross(t testing.TB, q Question) *Across {
	t.Helper()
	out, err := Cross(t.Context(), w.input(), q, DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestNobodyMissesARecordAcrossPartitions draws topics, jobs that were cut off, strangers' records and places where a reader stands. Whoever goes on
// where the answer says meets every record that it has not seen and that is there, and the counts are those of walking there.
func TestNobodyMissesARecordAcrossPartitions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		parts, into := rapid.Int32Range(1, 3).Draw(t, "partitions"), rapid.Int32Range(1, 4).Draw(t, "into")
		w := newWide(parts, into, 8)
		next := make([]int64, parts)
		for range rapid.IntRange(0, 30).Draw(t, "records written") {
			q := rapid.Int32Range(0, into-1).Draw(t, "to")
			if rapid.IntRange(0, 6).Draw(t, "stranger") == 0 {
				w.target.Append(q, rec(0, "stranger"))
				continue
			}
			p := rapid.Int32Range(0, parts-1).Draw(t, "from")
			if next[p] < 8 {
				w.writes(p, next[p], q)
				next[p]++
			}
		}
		stands := map[int32]int64{}
		for p := range parts {
			if rapid.Bool().Draw(t, "stands") {
				stands[p] = rapid.Int64Range(0, 8).Draw(t, "at")
			}
		}
		for _, choice := range []Choice{Replay, Resume} {
			out, err := Cross(t.Context(), w.input(), Question{Stands: stands, Choice: choice}, DefaultConfig())
			if err != nil {
				t.Fatal(err)
			}
			for q, lane := range out.Targets {
				var want Landing
				want.Offset = lane.Landing.Offset
				for _, r := range w.target.Logs[int32(q)].Records {
					var p int32
					var o int64
					stranger := len(r.Headers) == 0
					if !stranger {
						if _, err := fmt.Sscanf(string(r.Headers[0].Value), "orders/%d/%d", &p, &o); err != nil {
							t.Fatal(err)
						}
					}
					behind, seen := r.Offset >= want.Offset, !stranger && o < stands[p]
					switch {
					case stranger && behind:
						want.Unknown++
					case stranger:
						want.Passed++
					case seen && behind:
						want.Again++
					case !seen && !behind:
						t.Fatalf("%s: record %d of partition %d, which the reader has not seen, lies before %d", choice, r.Offset, q, want.Offset)
					}
				}
				if choice == Replay && want.Passed > 0 {
					t.Fatalf("replay passes over %d records", want.Passed)
				}
				if diff := cmp.Diff(want, lane.Landing); diff != "" {
					t.Fatalf("%s into partition %d: - counted, + said:\n%s", choice, q, diff)
				}
			}
			for _, left := range out.Sources {
				lacking := max(8-max(next[left.Partition], stands[left.Partition]), 0)
				if left.Lacking != lacking || left.Behind != lacking {
					t.Fatalf("partition %d: got %d lacking, %d of them at its end, want %d", left.Partition, left.Lacking, left.Behind, lacking)
				}
			}
		}
	})
}

// TestOnePartitionIsAsBefore holds the answer of one partition into one against the map of the two.
func TestOnePartitionIsAsBefore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWide(1, 1, 10)
		order := rapid.Permutation([]int64{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}).Draw(t, "order")
		for _, o := range order[:rapid.IntRange(1, 10).Draw(t, "written")] {
			if rapid.IntRange(0, 4).Draw(t, "stranger") == 0 {
				w.target.Append(0, rec(0, fmt.Sprint("stranger before ", o)))
			}
			w.writes(0, o, 0)
		}
		m, err := Build(t.Context(), w.input(), DefaultConfig())
		if err != nil {
			t.Fatal(err)
		}
		for at := range int64(11) {
			for _, choice := range []Choice{Replay, Resume} {
				out, err := Cross(t.Context(), w.input(), Question{Stands: map[int32]int64{0: at}, Choice: choice}, DefaultConfig())
				if err != nil {
					t.Fatal(err)
				}
				got := out.Targets[0].Landing
				got.Lacking, got.Behind = out.Sources[0].Lacking, out.Sources[0].Behind
				if diff := cmp.Diff(m.Partitions[0].Land(at, choice), got); diff != "" {
					t.Fatalf("at %d, %s: - by the map, + across:\n%s", at, choice, diff)
				}
			}
		}
	})
}

func TestRecordsAreFoundAcrossPartitions(t *testing.T) {
	w := newWide(2, 3, 4)
	w.writes(0, 0, 2)
	w.writes(1, 0, 2)
	w.writes(0, 1, 1)
	w.writes(0, 1, 2) // twice
	w.target.Append(0, rec(0, "stranger"))
	out := w.cross(t, Question{Records: []Spot{{0, 1}, {1, 3}}, Back: []Spot{{2, 1}, {0, 0}}})
	if diff := cmp.Diff(map[Spot][]Spot{{0, 1}: {{1, 0}, {2, 2}}}, out.Found); diff != "" {
		t.Errorf("found: -want +got\n%s", diff)
	}
	if diff := cmp.Diff(map[Spot][]Spot{{2, 1}: {{1, 0}}}, out.Origins); diff != "" {
		t.Errorf("origins: -want +got\n%s", diff)
	}
	want := []Route{
		{Source: 0, Target: 1, Records: 1, Origins: partition.Range{From: 1, To: 2}},
		{Source: 0, Target: 2, Records: 2, Origins: partition.Range{From: 0, To: 2}},
		{Source: 1, Target: 2, Records: 1, Origins: partition.Range{From: 0, To: 1}},
	}
	if diff := cmp.Diff(want, out.Routes); diff != "" || !out.Strays() || out.Named() != 4 {
		t.Errorf("routes: -want +got\n%s", diff)
	}
}

// TestADamagedSourceIsNotComplete: nobody can tell what the target lacks of it.
func TestADamagedSourceIsNotComplete(t *testing.T) {
	w := newWide(1, 2, 4)
	w.writes(0, 0, 1)
	in := w.input()
	in.Extents[0] = gap.Extent{Range: partition.Range{To: 4}, Unlisted: "no right to list"}
	out, err := Cross(t.Context(), in, Question{}, DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(out.Sources, []Left{{Range: partition.Range{To: 4}, Broken: "no right to list"}}) {
		t.Errorf("got %+v", out.Sources)
	}
}
