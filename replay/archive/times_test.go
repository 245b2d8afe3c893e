package archive_test

import (
	"testing"
	"time"

	"backstitch/partition"
	"backstitch/replay/archive"
	"backstitch/replay/klog/klogtest"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"
)

// A time range is made of offsets once, per partition, and what lies outside is not stored.
func TestCopyOfATimeRange(t *testing.T) {
	c, cl := klogtest.Cluster(t, topic, 2)
	writer := klogtest.Client(t, c, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	for part, step := range []int64{1000, 500} {
		for i := range int64(10) { // a batch each
			r := &kgo.Record{Topic: topic, Partition: int32(part), Value: []byte{byte(i)}, Timestamp: time.UnixMilli(10_000 + i*step)}
			if err := writer.ProduceSync(t.Context(), r).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, tc := range map[string]struct {
		from, to int64
		want     [2]partition.Range
	}{
		"all":                  {0, 0, [2]partition.Range{{From: 0, To: 10}, {From: 0, To: 10}}},
		"from":                 {12_000, 0, [2]partition.Range{{From: 2, To: 10}, {From: 4, To: 10}}},
		"to is not in it":      {0, 12_000, [2]partition.Range{{From: 0, To: 2}, {From: 0, To: 4}}},
		"both":                 {11_001, 13_001, [2]partition.Range{{From: 2, To: 4}, {From: 3, To: 7}}},
		"younger than one":     {14_600, 0, [2]partition.Range{{From: 5, To: 10}, {From: 10, To: 10}}},
		"before all":           {0, 9_000, [2]partition.Range{{From: 0, To: 0}, {From: 0, To: 0}}},
		"an end behind it all": {0, 99_000, [2]partition.Range{{From: 0, To: 10}, {From: 0, To: 10}}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newDir(t)
			got := copyAll(t, cl, b, archive.Options{Topic: topic, FromMs: tc.from, ToMs: tc.to})
			for i, p := range got.Partitions {
				want := tc.want[i]
				if p.Range != want || p.Records != want.Len() {
					t.Errorf("partition %d: got %s with %d records, want %s", i, p.Range, p.Records, want)
				}
				if want.Empty() {
					continue
				}
				src, slice := archiveSlice(t, b, int32(i), partition.Ranges{want})
				var offsets []partition.Offset
				for _, r := range read(t, src, slice, want.From) {
					offsets = append(offsets, r.Offset)
				}
				var wanted []partition.Offset
				for o := want.From; o < want.To; o++ {
					wanted = append(wanted, o)
				}
				if diff := cmp.Diff(offsets, wanted); diff != "" {
					t.Errorf("partition %d holds (-got +want):\n%s", i, diff)
				}
			}
		})
	}
}
