package blocks_test

import (
	"testing"

	"backstitch/chaos/blocks"

	"github.com/google/go-cmp/cmp"
)

func TestRatiosAreOfNeighbours(t *testing.T) {
	const nobody, one, other = blocks.Nobody, blocks.Kind('B'), blocks.Kind('C')
	all := []blocks.Block{{nobody, 10}, {one, 15}, {nobody, 20}, {other, 60}, {nobody, 40}, {one, 99}}
	for kind, want := range map[blocks.Kind][]float64{one: {1}, other: {2}, nobody: {2, 2}} {
		if diff := cmp.Diff(want, blocks.Ratios(all, kind)); diff != "" {
			t.Errorf("%c (-want +got):\n%s", kind, diff)
		}
	}
}

func TestTheMiddleHalf(t *testing.T) {
	if got, want := blocks.MiddleOf([]float64{8, 1, 2, 3, 4, 5, 6, 7}), (blocks.Middle{Median: 4.5, Low: 2, High: 6, Count: 8}); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	if got, want := blocks.MiddleOf([]float64{3}), (blocks.Middle{Median: 3, Low: 3, High: 3, Count: 1}); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}
