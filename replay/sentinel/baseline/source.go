package baseline

// quiet is the part of its usual records that a source is held against: the evidence is how much likelier an hour is for a source that sends
// a tenth than for one that sends as ever.
const quiet = 0.1

// priorSource is for a source what priorCount is for a series.
const priorSource = 4

// source is what is known of one sender: its share of all records, how that goes by hours of the day and by days of the week, and how
// uneven it is. Seasons that all senders have in common are in the total.
type source struct {
	first, last int64 // hours; last is the newest that had records
	level       pair
	day         [hoursOfDay]pair
	weekday     [7]pair
	spread      pair
	evidence    float32
	pause       float32 // the longest so far, in hours, which fades
	missed      float32 // records that were expected since last
	told        bool    // is silent
	replaced    bool    // and others have come for it
	found       int64   // the hour in which it was told
}

// keepPause is what stays of the longest pause after one more hour: half after a month. longer is by how much silence must be longer.
const (
	keepPause = 0.999
	longer    = 1.5
)

// away says whether the source has been without a record for clearly longer than it ever was.
func (s *source) away(hour int64) bool { return float64(hour-s.last) > longer*float64(s.pause) }

func weekday(hour int64) int {
	_, w := slots(hour)
	return w / hoursOfDay
}

// share is the part of all records that it sends.
func (s *source) share() float64 { return s.level.or(0, 0) }

func (s *source) factors(hour int64) (day, days float64) {
	d, _ := slots(hour)
	return s.day[d].or(1, priorSource), s.weekday[weekday(hour)].or(1, priorSource)
}

// observe takes what the source and all of them have sent in an hour, which is local where the seasons are.
func (s *source) observe(hour, local int64, count, total, limit float64) {
	day, days := s.factors(local)
	flat := s.share() * total
	mean := flat * day * days
	uneven := max(s.spread.or(0.25, 2*mean*mean), 0)
	step := min(silence(count, mean, uneven), limit/2) // two hours at least make an alarm
	s.evidence = float32(min(max(float64(s.evidence)+step, 0), 2*limit))
	if count > 0 {
		if !s.told {
			s.pause = max(s.pause*keepPause, float32(hour-1-s.last))
		}
		s.last, s.missed = hour, 0
	} else {
		s.missed += float32(mean)
	}
	// What may be the beginning of silence is not learned.
	if float64(s.evidence) > limit/2 {
		return
	}
	s.level.add(count, total*day*days, keepLevel)
	d, _ := slots(local)
	if flat > 0 {
		s.day[d].add(count, flat*days, keepDay)
		s.weekday[weekday(local)].add(count, flat*day, keepDay)
		s.spread.add((count-mean)*(count-mean)-mean, mean*mean, keepSpread)
	}
}
