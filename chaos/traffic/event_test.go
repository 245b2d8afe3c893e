package traffic

import "testing"

func TestDifferenceCountsLostAndSurplus(t *testing.T) {
	a := Event{Partition: 1, TimestampMs: 5, Key: []byte("k"), Value: []byte("v")}.ID()
	b := Event{Partition: 2, TimestampMs: 5, Key: []byte("k"), Value: []byte("v")}.ID()
	c := Event{Partition: 1, TimestampMs: 5, Key: []byte("kv")}.ID()
	if a == b || a == c {
		t.Fatal("events that differ share an id")
	}
	lost, surplus := Truth{a: 3, b: 1}.Difference(Truth{a: 1, b: 2, c: 1})
	if lost != 2 || surplus != 2 {
		t.Errorf("got %d lost, %d surplus, want 2 and 2", lost, surplus)
	}
}
