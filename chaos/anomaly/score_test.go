package anomaly

import (
	"fmt"
	"slices"
	"testing"
)

// alarm is a stretch of hours, counted from the begin of a series, with the first in which it is told.
type alarm struct {
	label
	told int
}

// score adds up what was found of the series of a family.
type score struct {
	series, judged int // judged are hours
	alarms, false_ int
	losses, found  int
	leads          []int // hours from the begin of a loss to its alarm, the hour of the alarm included
}

// after is how long after the end of a loss an alarm is still about it.
const after = day / 2

// add judges the alarms of one series.
func (s *score) add(losses []label, alarms []alarm, judged int) {
	s.series++
	s.judged += judged
	s.losses += len(losses)
	s.alarms += len(alarms)
	for _, a := range alarms {
		if !slices.ContainsFunc(losses, func(l label) bool { return about(a, l) }) {
			s.false_++
		}
	}
	for _, l := range losses {
		for _, a := range alarms {
			if about(a, l) {
				s.found++
				s.leads = append(s.leads, max(a.told-l.from+1, 1))
				break
			}
		}
	}
}

func about(a alarm, l label) bool { return a.told >= l.from && a.told < l.to+after }

func (s *score) precision() float64 {
	if s.alarms == 0 {
		return 1
	}
	return 1 - float64(s.false_)/float64(s.alarms)
}

func (s *score) recall() float64 {
	if s.losses == 0 {
		return 1
	}
	return float64(s.found) / float64(s.losses)
}

// often is how many false alarms a series has in four weeks.
func (s *score) often() float64 {
	return float64(s.false_) / (float64(s.judged) / (4 * week))
}

func (s *score) lead(part float64) int {
	if len(s.leads) == 0 {
		return 0
	}
	slices.Sort(s.leads)
	return s.leads[min(int(part*float64(len(s.leads))), len(s.leads)-1)]
}

// bounds are what a family must reach.
type bounds struct {
	precision, recall float64 // at least
	lead              int     // hours, of nine losses in ten; at most
	often             float64 // at most
}

// line is what is printed of a family.
func (s *score) line(name string) string {
	lead := "-"
	if len(s.leads) > 0 {
		lead = fmt.Sprintf("%d h, %d h", s.lead(0.5), s.lead(0.9))
	}
	recall := "-"
	if s.losses > 0 {
		recall = fmt.Sprintf("%.3f", s.recall())
	}
	return fmt.Sprintf("%-46s %6d series %5d losses   precision %.3f   recall %5s   lead %-12s   false alarms %.3f", name, s.series, s.losses, s.precision(), recall, lead, s.often())
}

func (s *score) hold(t *testing.T, name string, b bounds) {
	t.Helper()
	fmt.Println(s.line(name))
	if s.judged == 0 {
		t.Errorf("%s: no hour was judged", name)
	}
	if s.losses > 0 && s.precision() < b.precision {
		t.Errorf("%s: precision %.3f, want %.3f", name, s.precision(), b.precision)
	}
	if s.recall() < b.recall {
		t.Errorf("%s: recall %.3f, want %.3f", name, s.recall(), b.recall)
	}
	if s.lead(0.9) > b.lead && s.losses > 0 {
		t.Errorf("%s: lead %d h, want %d h", name, s.lead(0.9), b.lead)
	}
	if s.often() > b.often {
		t.Errorf("%s: %.3f false alarms a series and four weeks, want %.3f", name, s.often(), b.often)
	}
}
