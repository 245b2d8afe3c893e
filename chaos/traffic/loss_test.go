package traffic

import "testing"

func TestLossTakesWhatItSays(t *testing.T) {
	const count = 100_003
	for seed := range uint64(20) {
		l := NewLoss(seed, count, 7, 50, 1000)
		lost, runs, inRun := int64(0), 0, false
		for n := range int64(count) {
			if l.Lost(n) {
				lost++
			}
			if l.inRun(n) && !inRun {
				runs++
			}
			inRun = l.inRun(n)
		}
		if lost != l.Count() {
			t.Errorf("seed %d: lost %d events, want %d", seed, lost, l.Count())
		}
		// Two runs may touch, and then look like one.
		if runs < 4 || runs > 7 || len(l.singles) != 100 || l.length != 714 {
			t.Errorf("seed %d: got %d runs of %d events and %d singles, want 7 of 714 and 100", seed, runs, l.length, len(l.singles))
		}
	}
	if a, b := NewLoss(1, count, 7, 50, 1000), NewLoss(2, count, 7, 50, 1000); a.starts[0] == b.starts[0] && a.starts[3] == b.starts[3] {
		t.Error("two seeds lose the same runs")
	}
}
