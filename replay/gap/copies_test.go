package gap_test

import (
	"fmt"
	"testing"

	"backstitch/partition"
	"backstitch/replay/gap"
	"backstitch/replay/gap/gaptest"
	"backstitch/replay/record"
	"backstitch/replay/replaytest"
	"backstitch/replay/sink"
)

// TestATopicArchivedAgainAfterARepairIsNotMissingItsCopies: records 20 to 29 were lost, refilled at the end, and the whole
// topic was archived once more, so that the archive has them twice.
func TestATopicArchivedAgainAfterARepairIsNotMissingItsCopies(t *testing.T) {
	refilled := func(origin, offset int64, topic string) record.Record {
		r := made(0, origin)
		r.Offset = offset
		r.Headers = []record.Header{{Key: sink.OriginHeader, Value: fmt.Appendf(nil, "%s/0/%d", topic, origin)}}
		return r
	}
	for _, row := range []struct {
		topic   string // in the headers
		missing partition.Ranges
	}{
		{"orders", nil},
		{"other", partition.Ranges{{From: 100, To: 110}}}, // refilled from elsewhere: the archive's own records
	} {
		memory := &replaytest.Memory{Records: map[int32][]record.Record{}}
		log := &gaptest.Log{}
		for i := range int64(100) {
			memory.Records[0] = append(memory.Records[0], made(0, i))
			if i < 20 || i >= 30 {
				log.Records = append(log.Records, made(0, i))
			}
		}
		for i := range int64(10) {
			r := refilled(20+i, 100+i, row.topic)
			memory.Records[0] = append(memory.Records[0], r)
			log.Records = append(log.Records, r)
		}
		in := gap.Input{
			Dataset: "orders", ReferenceTopic: "orders", Reference: memory,
			Target: &gaptest.Target{Logs: map[int32]*gaptest.Log{0: log}},
			Extents: map[int32]gap.Extent{0: {
				Range: partition.Range{From: 0, To: 110}, Objects: []partition.Object{{Key: "a", Base: 0, Count: 110}},
			}},
			Facts: gap.Facts{CleanupPolicy: "delete", Recreated: "no", TargetStarts: map[int32]int64{}},
		}
		report, err := gap.Scan(t.Context(), in, gap.Config{Parallel: 1, RunRecords: 5, MaxFindings: 100, MaxRanges: 100})
		if err != nil {
			t.Fatal(err)
		}
		got := report.Results[0]
		if fmt.Sprint(got.Missing) != fmt.Sprint(row.missing) {
			t.Errorf("copies of %s: missing %v, want %v", row.topic, got.Missing, row.missing)
		}
	}
}
