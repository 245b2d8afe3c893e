package live

import (
	"testing"
	"time"
)

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
