package baseline

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
)

const (
	// MaxSources is how many senders are kept. Later ones are counted in Others.
	MaxSources = 2048
	// forgetHours is for how long a source that was told of stays.
	forgetHours = 2 * hoursOfWeek
	// together is how far apart sources go and come that one rollout replaces.
	together = 6
	// takenOver is what part of what went must have come back under new names to be called replaced.
	takenOver = 0.8
	// leastEvidence is a factor of e^8 for silence, of one source. It rises with how many there are to be wrong about.
	leastEvidence = 8
)

// Sources are the senders of one topic.
type Sources struct {
	last  int64
	hours int64
	all   map[string]*source
	// others are records of senders beyond MaxSources.
	others int64
	tuning Tuning
}

// NewSources has seen nobody.
func NewSources() *Sources { return &Sources{all: map[string]*source{}} }

// Silent is a sender of which nothing comes any more.
type Silent struct {
	Name string `json:"name"`
	// SinceHour is the first hour without a record of it.
	SinceHour int64 `json:"sinceHour"`
	Hour      int64 `json:"hour"` // in which that was enough
	// Share is the part of all records that it usually sends.
	Share  float64 `json:"share"`
	Missed float64 `json:"missed"` // records that were expected of it since
}

// Names are the senders that are known, in order.
func (s *Sources) Names() []string { return slices.Sorted(maps.Keys(s.all)) }

// Len is how many senders are known.
func (s *Sources) Len() int { return len(s.all) }

// Others is how many records came from senders beyond MaxSources, of which nothing else is known.
func (s *Sources) Others() int64 { return s.others }

// Last is the newest hour that was observed; 0 for none.
func (s *Sources) Last() int64 { return s.last }

// Observe takes how many records each sender had in an hour, and returns those that have gone silent, the one with most records first.
func (s *Sources) Observe(hour int64, counts map[string]int64) ([]Silent, error) {
	if s.hours > 0 && hour <= s.last {
		return nil, fmt.Errorf("baseline: hour %d after hour %d: %w", hour, s.last, ErrOrder)
	}
	s.last = hour
	s.hours++
	var total float64
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		n := counts[name]
		total += float64(n)
		if len(name) > MaxNameBytes {
			return nil, fmt.Errorf("baseline: a source of %d bytes, at most %d are kept", len(name), MaxNameBytes)
		}
		if s.all[name] != nil || n == 0 {
			continue
		}
		if len(s.all) >= s.tuning.sources() {
			s.others += n
			continue
		}
		s.all[name] = &source{first: hour, last: hour}
	}
	limit := s.tuning.evidence() * (leastEvidence + math.Log(float64(max(len(s.all), 1))))
	local := s.tuning.local(hour)
	var out []Silent
	names := slices.Sorted(maps.Keys(s.all))
	for _, name := range names {
		src := s.all[name]
		src.observe(hour, local, float64(counts[name]), total, limit)
		if src.told && counts[name] > 0 {
			src.told, src.replaced, src.evidence = false, false, 0
		}
		if hour-src.last > forgetHours {
			delete(s.all, name)
		}
	}
	for _, name := range names {
		src := s.all[name]
		if src == nil || src.told || float64(src.evidence) < limit || !src.away(hour) || src.last-src.first < WarmHours {
			continue
		}
		src.told, src.found, src.replaced = true, hour, s.replaced(src)
		if !src.replaced {
			out = append(out, src.silent(name))
		}
	}
	slices.SortStableFunc(out, larger)
	return out, nil
}

// Silent are those of which nothing comes, told less than two weeks ago, the one with most records first.
func (s *Sources) Silent() []Silent {
	var out []Silent
	for _, name := range slices.Sorted(maps.Keys(s.all)) {
		if src := s.all[name]; src.told && !src.replaced {
			out = append(out, src.silent(name))
		}
	}
	slices.SortStableFunc(out, larger)
	return out
}

func larger(a, b Silent) int { return cmp.Compare(b.Share, a.Share) }

func (s *source) silent(name string) Silent {
	return Silent{Name: name, SinceHour: s.last + 1, Hour: s.found, Share: s.share(), Missed: float64(s.missed)}
}

// replaced says whether new senders have what this one, and those that went with it, had sent: hosts get new names when they are
// rolled out anew, and nothing is lost then.
func (s *Sources) replaced(gone *source) bool {
	var went, came float64
	for _, src := range s.all {
		if src.last < s.last && src.last >= gone.last-together && src.last <= gone.last+together && float64(src.evidence) > 1 {
			went += src.share()
		}
		if src.first >= gone.last-together && src.first <= gone.last+2*together && src.first > s.last-s.hours+1 {
			came += src.share()
		}
	}
	return came >= takenOver*went
}
