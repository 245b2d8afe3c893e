package anomaly

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"backstitch/replay/sentinel/baseline"
)

var many = flag.Int("anomaly.series", 40, "series of each family")

// family is a kind of series, and a kind of loss.
type family struct {
	name   string
	shape  func(*rand.Rand) shape
	hurt   func(*rand.Rand, []float64) []label
	skip   func(hour int) bool // hours that are not observed; nil for none
	bounds bounds
	more   bounds // of alarms that there are too many records, where nothing is lost
}

// at is when a loss begins: within the weeks that may have one, and so that it ends within them.
func at(r *rand.Rand, length int) int { return quietly + r.IntN(hours-quietly-length) }

// lose takes a part of length hours away.
func lose(part float64, length int) func(*rand.Rand, []float64) []label {
	return func(r *rand.Rand, x []float64) []label {
		l := label{from: at(r, length)}
		l.to = l.from + length
		for h := l.from; h < l.to; h++ {
			x[h] = thin(r, x[h], part)
		}
		return []label{l}
	}
}

// bleed takes more and more: step of what there was each day.
func bleed(step float64, days int) func(*rand.Rand, []float64) []label {
	return func(r *rand.Rand, x []float64) []label {
		l := label{from: at(r, days*day)}
		l.to = l.from + days*day
		for h := l.from; h < l.to; h++ {
			x[h] = thin(r, x[h], 1-math.Pow(1-step, float64(h-l.from)/day))
		}
		return []label{l}
	}
}

// holiday is a day on which people do something else. It is no loss.
func holiday(x []float64) {
	for h := holidayHour; h < holidayHour+day; h++ {
		x[h] = math.Round(x[h] * 0.4)
	}
}

const holidayHour = quietly + 12*day

func restful(_ *rand.Rand, x []float64) []label {
	holiday(x)
	return nil
}

func onHoliday(h int) bool { return h >= holidayHour && h < holidayHour+day }

func nothing(*rand.Rand, []float64) []label { return nil }

// The bounds are what 40 and 100 series of each have shown, less a margin of a few series.
var families = []family{
	{name: "nothing lost", shape: plain, hurt: nothing, bounds: bounds{often: 0.05}, more: bounds{often: 0.05}},
	{name: "nothing lost, quiet topics", shape: still, hurt: nothing, bounds: bounds{often: 0.05}, more: bounds{often: 0.06}},
	{name: "everything for 6 hours", shape: plain, hurt: lose(1, 6), bounds: bounds{0.90, 0.97, 3, 0.06}},
	{name: "half for 6 hours", shape: plain, hurt: lose(0.5, 6), bounds: bounds{0.88, 0.97, 5, 0.06}},
	{name: "three tenths for a day", shape: plain, hurt: lose(0.3, day), bounds: bounds{0.92, 0.95, 9, 0.05}},
	{name: "a tenth for three days", shape: plain, hurt: lose(0.1, 3*day), bounds: bounds{0.85, 0.5, 80, 0.06}},
	{name: "4 % more each day for two weeks", shape: plain, hurt: bleed(0.04, 14), bounds: bounds{0.95, 0.95, 168, 0.05}},
	{name: "everything of a quiet topic for two weeks", shape: still, hurt: lose(1, 14*day), bounds: bounds{0.88, 0.8, 240, 0.06}},
	{name: "a holiday that nobody named", shape: plain, hurt: restful, bounds: bounds{often: 0.7}, more: bounds{often: 0.08}},
	{name: "a holiday that was named", shape: plain, hurt: restful, skip: onHoliday, bounds: bounds{often: 0.05}, more: bounds{often: 0.05}},
}

// alarms are those of a series in which fewer came than expected, and how many hours were judged.
func alarms(t *testing.T, x []float64, begin int64, skip func(int) bool, state baseline.State) (out []alarm, judged int) {
	t.Helper()
	s := baseline.New(baseline.Counts)
	var on *alarm
	for h, count := range x {
		if skip != nil && skip(h) {
			continue
		}
		j, err := s.Observe(baseline.Observation{Hour: begin + int64(h), Count: count})
		if err != nil {
			t.Fatal(err)
		}
		if j.State != baseline.Learning {
			judged++
		}
		switch {
		case j.State == state && on == nil:
			out = append(out, alarm{label{from: int(j.SinceHour - begin)}, h})
			on = &out[len(out)-1]
		case j.State != state:
			on = nil
		}
		if on != nil {
			on.to = h + 1
		}
	}
	return out, judged
}

func TestGenerated(t *testing.T) {
	fmt.Println()
	for n, f := range families {
		var s, over score
		for i := range *many {
			r := rand.New(rand.NewPCG(uint64(n+1), uint64(i+1)))
			x := f.shape(r).draw(r)
			losses := f.hurt(r, x)
			found, judged := alarms(t, x, first, f.skip, baseline.Low)
			s.add(losses, found, judged)
			if len(losses) == 0 {
				found, _ = alarms(t, x, first, f.skip, baseline.High)
				over.add(nil, found, judged)
			}
		}
		s.hold(t, f.name, f.bounds)
		if over.series > 0 {
			over.hold(t, f.name+", too many", f.more)
		}
	}
}

// TestProducersFallSilent is S20: some of many senders deliver nothing, and the total is as ever.
func TestProducersFallSilent(t *testing.T) {
	fmt.Println()
	var s, total score
	const senders = 120
	var names [senders]string
	for n := range names {
		names[n] = fmt.Sprintf("host-%03d", n)
	}
	for i := range max(*many/10, 1) {
		r := rand.New(rand.NewPCG(77, uint64(i+1)))
		all := shape{mean: 20000, daily: 0.6, rest: 0.6, noise: 0.05, days: 0.03}.draw(r)
		from := at(r, 21*day)
		gone := map[int]bool{}
		var weights [senders]float64
		var sum, part float64
		for n := range senders {
			weights[n] = math.Pow(float64(n+1), -0.7)
			sum += weights[n]
		}
		want := 0.02 + 0.06*r.Float64()
		for part < want {
			if n := r.IntN(senders); !gone[n] && part+weights[n]/sum < 0.08 {
				gone[n] = true
				part += weights[n] / sum
			}
		}
		src := baseline.NewSources()
		var sums []float64
		var found []alarm
		silent := map[string]bool{}
		judged := 0
		for h := range hours {
			counts := map[string]int64{}
			var have float64
			for n := range senders {
				if gone[n] && h >= from {
					continue
				}
				c := poisson(r, all[h]*weights[n]/sum)
				have += c
				counts[names[n]] = int64(c)
			}
			sums = append(sums, have)
			said, err := src.Observe(first+int64(h), counts)
			if err != nil {
				t.Fatal(err)
			}
			if h >= baseline.WarmHours {
				judged++
			}
			for _, q := range said {
				silent[q.Name] = true
				found = append(found, alarm{label{int(q.SinceHour - first), h + 1}, h})
			}
		}
		// Each sender that is gone is a loss of its own.
		losses := slices.Repeat([]label{{from, hours}}, len(gone))
		s.series, s.judged, s.losses, s.alarms = s.series+1, s.judged+judged, s.losses+len(losses), s.alarms+len(found)
		for _, a := range found {
			if a.told < from {
				s.false_++
			}
			s.leads = append(s.leads, a.told-from+1)
		}
		for n := range senders {
			name := names[n]
			switch {
			case gone[n] && silent[name]:
				s.found++
			case silent[name] && !gone[n]:
				s.false_++
			}
		}
		a, j := alarms(t, sums, first, nil, baseline.Low)
		total.add([]label{{from, hours}}, a, j)
	}
	s.hold(t, "S20: senders of 2 to 8 % silent, by sender", bounds{0.97, 0.97, 4, 0.05})
	total.hold(t, "S20: the same, by the total alone", bounds{lead: hours, often: 0.1})
}
