package baseline

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// fleet is senders that send about each records an hour; hosts says which there are.
func fleet(t *testing.T, s *Sources, h int, each int64, r *rand.Rand, hosts ...string) []Silent {
	t.Helper()
	counts := map[string]int64{}
	for _, name := range hosts {
		counts[name] = max(each+int64(r.IntN(7))-3, 0)
	}
	out, err := s.Observe(int64(begin+h), counts)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func hosts(from, to int) []string {
	var out []string
	for n := from; n < to; n++ {
		out = append(out, fmt.Sprintf("host-%02d", n))
	}
	return out
}

func TestS20AFewOfManySendersFallSilent(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	s := NewSources()
	const from = 4 * hoursOfWeek
	var found []Silent
	for h := range 6 * hoursOfWeek {
		there := hosts(0, 50)
		if h >= from {
			there = hosts(2, 50)
		}
		found = append(found, fleet(t, s, h, 20, r, there...)...)
	}
	if now := s.Silent(); len(now) != 2 || now[0].SinceHour != begin+from || now[0].Missed < 20*2*hoursOfWeek*8/10 {
		t.Errorf("at the end: got %+v", now)
	}
	if len(found) != 2 {
		t.Fatalf("got %+v, want host-00 and host-01, once each", found)
	}
	for _, f := range found {
		if (f.Name != "host-00" && f.Name != "host-01") || f.SinceHour != begin+from || f.Hour < begin+from+1 || f.Hour > begin+from+4 || f.Share < 0.018 || f.Share > 0.022 {
			t.Errorf("got %+v", f)
		}
	}
}

// TestAPauseAsEverIsNoSilence is a sender that rests for a day now and then, and one day for good.
func TestAPauseAsEverIsNoSilence(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	s := NewSources()
	const from = 6 * hoursOfWeek
	for h := range 7 * hoursOfWeek {
		there := hosts(1, 20)
		if h < from && h%(9*hoursOfDay) >= hoursOfDay {
			there = hosts(0, 20)
		}
		found := fleet(t, s, h, 20, r, there...)
		if len(found) > 0 && (h < from+hoursOfDay || h > from+2*hoursOfDay || found[0].Name != "host-00") {
			t.Fatalf("hour %d: got %+v", h-from, found)
		}
	}
	if len(s.Silent()) != 1 {
		t.Errorf("at the end: got %+v, want host-00", s.Silent())
	}
}

func TestARolloutIsNoSilence(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	s := NewSources()
	for h := range 6 * hoursOfWeek {
		there := hosts(0, 20)
		if h >= 4*hoursOfWeek {
			there = hosts(50, 70)
		}
		if found := fleet(t, s, h, 20, r, there...); len(found) > 0 {
			t.Fatalf("hour %d: got %+v", h, found)
		}
	}
	if s.Len() != 40 {
		t.Errorf("got %d senders, want the old ones and the new", s.Len())
	}
}

func TestAStopOfAllIsNotOneOfEach(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	s := NewSources()
	for h := range 5 * hoursOfWeek {
		var there []string
		if h < 4*hoursOfWeek || h > 4*hoursOfWeek+hoursOfDay {
			there = hosts(0, 20)
		}
		if found := fleet(t, s, h, 20, r, there...); len(found) > 0 {
			t.Fatalf("hour %d: got %+v", h, found)
		}
	}
}

func TestSendersAreBounded(t *testing.T) {
	s := NewSources()
	counts := map[string]int64{}
	for n := range MaxSources + 10 {
		counts[fmt.Sprintf("pod-%05d", n)] = 2
	}
	if _, err := s.Observe(begin, counts); err != nil {
		t.Fatal(err)
	}
	if s.Len() != MaxSources || s.Others() != 20 {
		t.Errorf("got %d senders and %d records of others", s.Len(), s.Others())
	}
	if _, err := s.Observe(begin+1, map[string]int64{strings.Repeat("x", MaxNameBytes+1): 1}); err == nil {
		t.Error("a name that is too long is taken")
	}
	if _, err := s.Observe(begin, nil); err == nil {
		t.Error("an hour is taken twice")
	}
}
