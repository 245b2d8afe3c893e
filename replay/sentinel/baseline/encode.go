package baseline

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// A state is what a series or its sources know, in bytes. All numbers are big endian, of fixed size; testdata holds one of each.
const (
	seriesFormat  = 1
	sourcesFormat = 1
	// MaxSeriesBytes bounds the state of a series: the hours of its first two weeks. From then on it is less than a third of that.
	MaxSeriesBytes = 8 << 10
	// MaxSourceBytes bounds what one source adds to the state of all, beside its name.
	MaxSourceBytes = 320
	// MaxNameBytes is what is kept of the name of a source; MaxSources of the longest make the largest state.
	MaxNameBytes = 256
)

// ErrState says that bytes are no state, or of a later format.
var ErrState = errors.New("not the state of a baseline")

type packedSeries struct {
	Format, Kind byte
	Last, Seen   int64
	Warm         int32 // observations that follow; then there is nothing else yet
}

type packedCusum struct {
	Sum     float32
	Since   int64
	Alarmed bool
	Calm    uint8
}

type packedLearned struct {
	Level                  pair
	Day                    [hoursOfDay]pair
	Weekday                [7]pair
	Week                   [hoursOfWeek]pair
	Spread                 pair
	Wide                   [hoursOfDay]pair
	Daily                  pair
	Today                  pair
	Low, High, Whole, Hush packedCusum
	Alarm                  pair
	Lasts                  int64
}

type packedSource struct {
	Name                    uint16 // bytes that follow
	First, Last             int64
	Level                   pair
	Day                     [hoursOfDay]pair
	Weekday                 [7]pair
	Spread                  pair
	Evidence, Pause, Missed float32
	Told, Replaced          bool
	Found                   int64
}

type packedHour struct {
	Hour      int64
	Count, Of float64
}

type packedSources struct {
	Format      byte
	Last, Hours int64
	Others      int64
	Sources     int32
}

// write appends values of fixed size, which can not fail.
func write(b []byte, vs ...any) []byte {
	for _, v := range vs {
		var err error
		if b, err = binary.Append(b, binary.BigEndian, v); err != nil {
			panic("baseline: states are of fixed size: " + err.Error())
		}
	}
	return b
}

func (c cusum) pack() packedCusum {
	return packedCusum{c.sum, c.since, c.alarmed, c.calm}
}

func (p packedCusum) unpack() cusum {
	return cusum{p.Sum, p.Since, p.Alarmed, p.Calm}
}

// MarshalBinary returns the state, at most MaxSeriesBytes of it.
func (s *Series) MarshalBinary() ([]byte, error) {
	b := write(nil, packedSeries{seriesFormat, byte(s.kind), s.last, s.seen, int32(len(s.warm))})
	for _, o := range s.warm {
		b = write(b, packedHour(o))
	}
	if len(s.warm) > 0 {
		return b, nil
	}
	return write(b, packedLearned{s.level, s.day, s.weekday, s.week, s.spread, s.wide, s.daily, s.today, s.low.pack(), s.high.pack(), s.whole.pack(), s.hush.pack(), s.alarm, s.lasts}), nil
}

// UnmarshalBinary takes a state over.
func (s *Series) UnmarshalBinary(b []byte) error {
	r := bytes.NewReader(b)
	var p packedSeries
	if err := binary.Read(r, binary.BigEndian, &p); err != nil || p.Format != seriesFormat || p.Kind > byte(Shares) || p.Warm < 0 || p.Warm >= WarmHours {
		return fmt.Errorf("series of %d bytes: %w", len(b), ErrState)
	}
	out := Series{kind: Kind(p.Kind), last: p.Last, seen: p.Seen}
	var err error
	for range p.Warm {
		var h packedHour
		err = errors.Join(err, binary.Read(r, binary.BigEndian, &h))
		out.warm = append(out.warm, Observation(h))
	}
	if p.Warm == 0 {
		var l packedLearned
		err = binary.Read(r, binary.BigEndian, &l)
		out.level, out.day, out.weekday, out.week, out.spread, out.wide, out.daily, out.today = l.Level, l.Day, l.Weekday, l.Week, l.Spread, l.Wide, l.Daily, l.Today
		out.low, out.high, out.whole, out.hush = l.Low.unpack(), l.High.unpack(), l.Whole.unpack(), l.Hush.unpack()
		out.alarm, out.lasts = l.Alarm, l.Lasts
	}
	if err != nil || r.Len() > 0 {
		return fmt.Errorf("series of %d bytes: %w", len(b), ErrState)
	}
	*s = out
	return nil
}

// MarshalBinary returns the state, sources in the order of their names.
func (s *Sources) MarshalBinary() ([]byte, error) {
	b := write(nil, packedSources{sourcesFormat, s.last, s.hours, s.others, int32(len(s.all))})
	for _, name := range slices.Sorted(maps.Keys(s.all)) {
		src := s.all[name]
		b = write(b, packedSource{uint16(len(name)), src.first, src.last, src.level, src.day, src.weekday, src.spread, src.evidence, src.pause, src.missed, src.told, src.replaced, src.found})
		b = append(b, name...)
	}
	return b, nil
}

// UnmarshalBinary takes a state over.
func (s *Sources) UnmarshalBinary(b []byte) error {
	r := bytes.NewReader(b)
	var p packedSources
	if err := binary.Read(r, binary.BigEndian, &p); err != nil || p.Format != sourcesFormat || p.Sources < 0 || p.Sources > MaxSources {
		return fmt.Errorf("sources of %d bytes: %w", len(b), ErrState)
	}
	out := Sources{last: p.Last, hours: p.Hours, others: p.Others, all: map[string]*source{}}
	for range p.Sources {
		var v packedSource
		if err := binary.Read(r, binary.BigEndian, &v); err != nil || int(v.Name) > min(r.Len(), MaxNameBytes) {
			return fmt.Errorf("sources of %d bytes: %w", len(b), ErrState)
		}
		name := make([]byte, v.Name)
		_, _ = r.Read(name) // as many are there
		out.all[string(name)] = &source{v.First, v.Last, v.Level, v.Day, v.Weekday, v.Spread, v.Evidence, v.Pause, v.Missed, v.Told, v.Replaced, v.Found}
	}
	if r.Len() > 0 || len(out.all) != int(p.Sources) {
		return fmt.Errorf("sources of %d bytes: %w", len(b), ErrState)
	}
	*s = out
	return nil
}
