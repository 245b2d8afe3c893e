package gap_test

import (
	"strings"
	"testing"

	"backstitch/partition"
	"backstitch/replay/gap"
	"backstitch/replay/gap/gaptest"
	"backstitch/replay/record"
	"backstitch/replay/replaytest"

	"github.com/google/go-cmp/cmp"
)

// Values in AWS Glue's frame are told apart from those with a number, and compared as bytes; both are said, also of a report in parts.
func TestGlueIsSaid(t *testing.T) {
	glue := func(second byte) []byte {
		return append([]byte{3, second}, "0123456789abcdef payload"...)
	}
	for name, c := range map[string]struct {
		value       func(i int64) []byte
		glue, frame bool
	}{
		"stored":           {func(int64) []byte { return glue(0) }, true, false},
		"compressed":       {func(int64) []byte { return glue(5) }, true, false},
		"another byte":     {func(int64) []byte { return glue(1) }, false, false},
		"too short":        {func(int64) []byte { return glue(0)[:record.GlueLen-1] }, false, false},
		"numbers":          {func(int64) []byte { return append([]byte{0, 0, 0, 0, 3}, glue(0)...) }, false, true},
		"a few by chance":  {func(i int64) []byte { return map[bool][]byte{true: glue(0), false: []byte("x")}[i < 9] }, false, false},
		"both, half each":  {func(i int64) []byte { return [][]byte{glue(0), {0, 0, 0, 0, 3, 'x'}}[i%2] }, true, true},
		"among many, some": {func(i int64) []byte { return [][]byte{glue(5), []byte("x"), []byte("y")}[i%3] }, true, false},
	} {
		memory, log := &replaytest.Memory{Records: map[int32][]record.Record{}}, &gaptest.Log{}
		for i := range int64(60) {
			r := made(0, i)
			r.Value = c.value(i)
			memory.Records[0] = append(memory.Records[0], r)
			if i != 30 {
				log.Records = append(log.Records, r)
			}
		}
		in := gap.Input{
			Dataset: "orders", ReferenceTopic: "orders", Reference: memory, Target: &gaptest.Target{Logs: map[int32]*gaptest.Log{0: log}},
			Extents: map[int32]gap.Extent{0: {Range: partition.Range{From: 0, To: 60}, Objects: []partition.Object{{Key: "a", Base: 0, Count: 60}}}},
			Facts:   gap.Facts{CleanupPolicy: "delete", Recreated: "no", TargetStarts: map[int32]int64{}},
		}
		scan := func() *gap.Report {
			rep, err := gap.Scan(t.Context(), in, gap.Config{Parallel: 1, RunRecords: 5, MaxFindings: 100, MaxRanges: 100})
			if err != nil {
				t.Fatal(err)
			}
			return rep
		}
		rep := scan()
		said := strings.Join(rep.NotChecked, "\n")
		if strings.Contains(said, "AWS Glue") != c.glue || strings.Contains(said, "the number of a schema") != c.frame || rep.Results[0].MissingRecords != 1 {
			t.Errorf("%s: got %d missing, not checked %q", name, rep.Results[0].MissingRecords, said)
		}
		part, err := scan().Part()
		if err != nil {
			t.Fatal(err)
		}
		joined, err := gap.Join(in.Report().Header(), []gap.Part{*part})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(joined.NotChecked, rep.NotChecked); diff != "" {
			t.Errorf("%s: in parts (-got +want):\n%s", name, diff)
		}
	}
}
