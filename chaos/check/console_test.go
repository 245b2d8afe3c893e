package check

import (
	"testing"

	"backstitch/chaos/traffic"

	"github.com/google/go-cmp/cmp"
)

func TestParseLineReadsWhatTheConsoleConsumerPrints(t *testing.T) {
	rows := []struct {
		line   string
		want   traffic.Event
		origin int64
	}{
		{"CreateTime:978307260000\tPartition:3\tNO_HEADERS\tLAS\t{\"delay\":1}",
			traffic.Event{TimestampMs: 978307260000, Partition: 3, Key: []byte("LAS"), Value: []byte(`{"delay":1}`)}, -1},
		{"CreateTime:5\tPartition:11\tbackstitch.origin:flights/11/4711,backstitch.job:bs-x\t\\N\tv\tw",
			traffic.Event{TimestampMs: 5, Partition: 11, Value: []byte("v\tw")}, 4711},
	}
	for _, row := range rows {
		got, origin, err := parseLine(row.line)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(row.want, got); diff != "" || origin != row.origin {
			t.Errorf("%q: origin %d, want %d; event (-want +got):\n%s", row.line, origin, row.origin, diff)
		}
	}
	if _, _, err := parseLine("something else"); err == nil {
		t.Error("a line of another form: got nil error")
	}
}
