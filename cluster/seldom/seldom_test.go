package seldom_test

import (
	"testing"
	"time"

	"backstitch/cluster/seldom"
)

func TestWhatWasLeftOutIsCountedOnce(t *testing.T) {
	now := time.Unix(1000, 0)
	l := seldom.New(func() time.Time { return now })
	said := 0
	for range 1000 {
		if left, ok := l.May(); ok {
			said++
			if left != 0 {
				t.Errorf("%d were left out before any was", left)
			}
		}
	}
	if said != seldom.AtOnce {
		t.Errorf("%d lines at once, want %d", said, seldom.AtOnce)
	}
	now = now.Add(time.Second)
	for n, want := range []int{1000 - seldom.AtOnce, 0, 0, 0, 0} {
		if left, ok := l.May(); !ok || left != want {
			t.Errorf("line %d of the next second: %t, %d left out before it, want %d", n, ok, left, want)
		}
	}
	if _, ok := l.May(); ok {
		t.Errorf("more than %d lines in a second", seldom.PerSecond)
	}
}
