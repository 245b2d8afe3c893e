package live

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestRatiosAreOfNeighbours(t *testing.T) {
	blocks := []Block{{Nobody, 10}, {Sparing, 15}, {Nobody, 20}, {Blunt, 60}, {Nobody, 40}, {Sparing, 99}}
	for kind, want := range map[Kind][]float64{Sparing: {1}, Blunt: {2}, Nobody: {2, 2}} {
		if diff := cmp.Diff(want, Ratios(blocks, kind)); diff != "" {
			t.Errorf("%c (-want +got):\n%s", kind, diff)
		}
	}
}

func TestTheMiddleHalf(t *testing.T) {
	if got, want := MiddleOf([]float64{8, 1, 2, 3, 4, 5, 6, 7}), (Middle{4.5, 2, 6, 8}); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	if got, want := MiddleOf([]float64{3}), (Middle{3, 3, 3, 1}); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

// A record that has not arrived counts, or a load that is held up altogether would look best of all.
func TestWhatIsUnderWayCounts(t *testing.T) {
	began := time.Now().Add(-time.Minute)
	l := &Load{every: 10 * time.Millisecond, began: began, samples: make([]sample, 100)}
	for n := range l.samples {
		l.samples[n] = sample{written: time.Millisecond, arrived: 2 * time.Millisecond}
	}
	got := l.Between(began, began.Add(time.Second))
	if want := (Latencies{Produce: time.Millisecond, Arrive: 2 * time.Millisecond, Records: 100}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	l.samples[30], l.samples[31] = sample{written: time.Millisecond}, sample{}
	if got = l.Between(began, began.Add(time.Second)); got.Produce != time.Millisecond || got.Arrive < 59*time.Second {
		t.Errorf("two of a hundred are under way, one of them written: %+v", got)
	}
	if got = l.Between(began.Add(400*time.Millisecond), began.Add(time.Hour)); got.Records != 60 || got.Arrive != 2*time.Millisecond {
		t.Errorf("those after them: %+v", got)
	}
}
