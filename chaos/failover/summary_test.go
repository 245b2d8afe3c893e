package failover

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestSummarizeTakesTheNearestRank(t *testing.T) {
	var times []time.Duration
	for n := range 200 {
		times = append(times, time.Duration(200-n)*time.Millisecond)
	}
	want := Summary{Median: 100 * time.Millisecond, P99: 198 * time.Millisecond, Max: 200 * time.Millisecond, Count: 200}
	if diff := cmp.Diff(Summarize(times), want); diff != "" {
		t.Errorf("200 times (-got +want):\n%s", diff)
	}
	want = Summary{Median: 3, P99: 5, Max: 5, Count: 3}
	if diff := cmp.Diff(Summarize([]time.Duration{5, 1, 3}), want); diff != "" {
		t.Errorf("3 times (-got +want):\n%s", diff)
	}
	if got := Summarize(nil); got != (Summary{}) {
		t.Errorf("no times: got %v, want zero", got)
	}
}
