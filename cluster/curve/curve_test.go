package curve

import (
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// TestALineKeepsItsEndsAndItsRoom: after a day it has both ends, no more points than there is room for, and steps that are much alike.
func TestALineKeepsItsEndsAndItsRoom(t *testing.T) {
	var l Line
	const all = 8640
	for n := range int64(all) {
		l.Add(Point{At: noon.Add(time.Duration(n) * 10 * time.Second), Dealt: 5 * n, Written: 4 * n, Bytes: 100 * n})
		points := l.Points()
		if len(points) > Kept || points[0].Dealt != 0 || points[len(points)-1].Dealt != 5*n {
			t.Fatalf("after %d: %d points from %d to %d", n+1, len(points), points[0].Dealt, points[len(points)-1].Dealt)
		}
	}
	points := l.Points()
	if len(points) < Kept/3 {
		t.Errorf("only %d points are left of a day", len(points))
	}
	for i := 1; i < len(points); i++ {
		if took := points[i].At.Sub(points[i-1].At); took <= 0 || took > 25*time.Minute {
			t.Errorf("point %d is %s behind the one before", i, took)
		}
		if points[i].Dealt <= points[i-1].Dealt {
			t.Errorf("point %d goes back", i)
		}
	}
	if last := l.Last(); !last.Equal(noon.Add((all - 1) * 10 * time.Second)) {
		t.Errorf("it ends at %s", last)
	}
}

// TestBoundsAreSteps: where a bound changes there is a point, however coarse the line is.
func TestBoundsAreSteps(t *testing.T) {
	var l Line
	for n := range int64(2 * Kept) {
		l.Add(Point{At: noon.Add(time.Duration(n) * 10 * time.Second), Dealt: n})
	}
	changed := noon.Add(3 * Kept * 10 * time.Second)
	l.Add(Point{At: changed, Dealt: 1000, Cap: 5 << 20, Peak: true})
	l.Add(Point{At: changed.Add(10 * time.Second), Dealt: 1001, Cap: 5 << 20, Peak: true})
	points := l.Points()
	if p := points[len(points)-2]; !p.At.Equal(changed) || p.Cap != 5<<20 || !p.Peak {
		t.Errorf("got %+v", p)
	}
}

func TestAJobThatIsTakenUpAgainHasANewLine(t *testing.T) {
	var l Line
	for n := range int64(10) {
		l.Add(Point{At: noon.Add(time.Duration(n) * time.Second), Dealt: n})
	}
	l.Add(Point{At: noon.Add(time.Minute)})
	if got := l.Points(); len(got) != 1 || got[0].Dealt != 0 {
		t.Errorf("got %+v", got)
	}
	if (&Line{}).Points() != nil || !(&Line{}).Last().IsZero() {
		t.Error("an empty line has something")
	}
}
