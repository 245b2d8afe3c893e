// Package curve remembers how far a job was when, in little room: a line is at most Kept points long, and gets coarser as it gets longer.
//
// A node draws lines of what its own book says. So a line begins when the job did or when the node was started, whichever was later, and is no fact:
// nothing is decided by it.
package curve

import "time"

// Kept is the most points of a line. With a measurement every ten seconds forty minutes are as fine as that; a day has a point about every five
// minutes.
const Kept = 240

// Point is how far a job was.
type Point struct {
	At      time.Time
	Dealt   int64 // records read and decided about: written, there already, or set aside
	Written int64 // records
	Bytes   int64 // written
	Cap     int64 // bytes a second that bounds and peak hours allowed, 0 for no bound
	Peak    bool  // peak hours were on
	Rest    bool  // nothing was to run: paused, a blackout, or maintenance
}

// Line is the course of one job. The zero Line is empty.
type Line struct {
	points []Point
	step   int // measurements from one point to the next, 0 stands for 1
	since  int // measurements since the last point but one
}

// Add appends what was measured. The newest measurement is always the end of the line, also where the line is coarser than that. One that is further
// back than the one before begins anew: the job was taken up again.
func (l *Line) Add(p Point) {
	if n := len(l.points); n > 0 && p.Dealt < l.points[n-1].Dealt {
		*l = Line{}
	}
	step := max(l.step, 1)
	if n := len(l.points); n > 1 && l.since < step && l.points[n-1].steady(p) && l.points[n-2].steady(p) {
		l.points[n-1] = p
		l.since++
		return
	}
	l.points, l.since = append(l.points, p), 1
	if len(l.points) < Kept {
		return
	}
	kept := l.points[:1]
	for i := 2; i < len(l.points)-1; i += 2 {
		kept = append(kept, l.points[i])
	}
	l.points, l.step = append(kept, l.points[len(l.points)-1]), 2*step
}

// steady reports whether the same holds for the job: where a bound begins or ends there stays a point.
func (p Point) steady(q Point) bool { return p.Cap == q.Cap && p.Peak == q.Peak && p.Rest == q.Rest }

// Points are those of the line, oldest first. They are the caller's.
func (l *Line) Points() []Point { return append([]Point(nil), l.points...) }

// Last is when the line ends.
func (l *Line) Last() time.Time {
	if len(l.points) == 0 {
		return time.Time{}
	}
	return l.points[len(l.points)-1].At
}
