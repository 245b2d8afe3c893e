package traffic

import "testing"

func TestNoiseIsTheSameForASeedAndNeverRepeats(t *testing.T) {
	collect := func(seed uint64) Truth {
		out := Truth{}
		for e, err := range Noise(seed, 1000, 6, 32) {
			if err != nil || len(e.Value) != 32 || e.Partition < 0 || e.Partition > 5 {
				t.Fatalf("event %+v, %v", e, err)
			}
			out[e.ID()]++
		}
		return out
	}
	a := collect(1)
	if len(a) != 1000 {
		t.Errorf("got %d different events, want 1000", len(a))
	}
	if lost, surplus := a.Difference(collect(1)); lost != 0 || surplus != 0 {
		t.Errorf("the same seed: %d and %d events differ, want 0", lost, surplus)
	}
	if lost, _ := a.Difference(collect(2)); lost != 1000 {
		t.Errorf("another seed: %d events differ, want 1000", lost)
	}
}
