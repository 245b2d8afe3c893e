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

func TestEveryPartOfAnEventCounts(t *testing.T) {
	k, v := []byte("k"), []byte("v")
	seen := map[ID]int{}
	for i, e := range []Event{
		{Key: k, Value: v}, {Partition: 1, Key: k, Value: v}, {TimestampMs: 1, Key: k, Value: v}, {Key: k}, {Key: k, Value: []byte{}},
		{Value: v}, {Key: []byte{}, Value: v}, {Key: k, Value: v, Headers: []Header{{"a", v}}}, {Key: k, Value: v, Headers: []Header{{"a", nil}}},
		{Key: k, Value: v, Headers: []Header{{"a", []byte{}}}}, {Key: k, Value: v, Headers: []Header{{"b", v}}},
		{Key: k, Value: v, Headers: []Header{{"a", v}, {"b", v}}}, {Key: k, Value: v, Headers: []Header{{"b", v}, {"a", v}}},
	} {
		if before, ok := seen[e.ID()]; ok {
			t.Errorf("events %d and %d share an id", before, i)
		}
		seen[e.ID()] = i
	}
}
