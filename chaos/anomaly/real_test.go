//go:build real

package anomaly

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"backstitch/chaos/testbed"
	"backstitch/chaos/traffic"
	"backstitch/replay/sentinel/baseline"
)

// departures are real: three million flights of half a year, which begin by the hour at 200 airports, with seasons of the day and of the
// week, with holidays, weather, and changes of the timetable that nobody labelled.
type departures struct {
	begin    int64                // hour
	total    []float64            // by hour
	airports map[string][]float64 // the same of each
	busiest  []string
}

func load(t *testing.T) departures {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), filepath.Join(testbed.Scripts, "flights.sh")).Output()
	if err != nil {
		t.Fatalf("flights.sh: %v", err)
	}
	counts := map[string]map[int64]float64{}
	var from, to int64
	for e, err := range traffic.Flights(strings.TrimSpace(string(out)), 1) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Key == nil || e.TimestampMs == 0 {
			continue
		}
		h := e.TimestampMs / 3_600_000
		if from == 0 {
			from, to = h, h
		}
		from, to = min(from, h), max(to, h)
		if counts[string(e.Key)] == nil {
			counts[string(e.Key)] = map[int64]float64{}
		}
		counts[string(e.Key)][h]++
	}
	d := departures{begin: from, total: make([]float64, to-from), airports: map[string][]float64{}}
	sums := map[string]float64{}
	for name, byHour := range counts {
		x := make([]float64, to-from)
		for h := range x {
			x[h] = byHour[from+int64(h)]
			d.total[h] += x[h]
			sums[name] += x[h]
		}
		d.airports[name] = x
		d.busiest = append(d.busiest, name)
	}
	slices.SortFunc(d.busiest, func(a, b string) int { return int(sums[b] - sums[a]) })
	return d
}

// busy is how many airports count as series of their own.
const busy = 40

func TestReal(t *testing.T) {
	d := load(t)
	fmt.Printf("\n%d hours, %d airports, %.0f departures an hour\n", len(d.total), len(d.airports), d.total[len(d.total)/2])
	days := map[string]bool{}
	told, _ := alarms(t, d.total, d.begin, nil, baseline.Low)
	for _, a := range told {
		days[time.UnixMilli((d.begin+int64(a.told))*3_600_000).UTC().Format(time.DateOnly)] = true
	}
	fmt.Println("real: days on which all airports together have too few:", slices.Sorted(maps.Keys(days)))
	for n, f := range realFamilies {
		var s score
		for i, name := range d.busiest[:busy] {
			r := rand.New(rand.NewPCG(uint64(n+1), uint64(i+1)))
			x := slices.Clone(d.airports[name])
			losses := lossOf(r, x, f.part, f.hours)
			found, judged := alarms(t, x, d.begin, nil, baseline.Low)
			s.add(losses, found, judged)
		}
		s.hold(t, f.name, f.bounds)
	}
}

// What is called false here is what nobody labelled: storms, holidays and new timetables are among it. So precision is that of one loss among
// all of them in 22 weeks.
var realFamilies = []struct {
	name   string
	part   float64
	hours  int
	bounds bounds
}{
	{"real: nothing lost", 0, 0, bounds{often: 0.3}},
	{"real: everything for 12 hours", 1, 12, bounds{0.38, 0.95, 12, 0.3}},
	{"real: half for a day", 0.5, day, bounds{0.28, 0.5, 30, 0.3}},
	{"real: three tenths for three days", 0.3, 3 * day, bounds{0.42, 0.88, 72, 0.3}},
}

// TestRealSendersFallSilent takes airports for senders. Some of them, with 2 to 8 % of all departures, stop in the middle of the half year.
func TestRealSendersFallSilent(t *testing.T) {
	d := load(t)
	var s score
	for seed := range uint64(4) {
		r := rand.New(rand.NewPCG(seed, 99))
		from := 8*week + r.IntN(8*week)
		var all, part float64
		sums := map[string]float64{}
		for name, x := range d.airports {
			for _, n := range x {
				sums[name] += n
			}
			all += sums[name]
		}
		gone := map[string]bool{}
		want := 0.02 + 0.06*r.Float64()
		for part < want {
			if name := d.busiest[r.IntN(100)]; !gone[name] && part+sums[name]/all < 0.08 {
				gone[name] = true
				part += sums[name] / all
			}
		}
		src := baseline.NewSources()
		for h := range d.total {
			counts := map[string]int64{}
			for name, x := range d.airports {
				if n := int64(x[h]); n > 0 && !(gone[name] && h >= from) {
					counts[name] = n
				}
			}
			said, err := src.Observe(d.begin+int64(h), counts)
			if err != nil {
				t.Fatal(err)
			}
			for _, q := range said {
				s.alarms++
				if !gone[q.Name] || h < from {
					s.false_++
					continue
				}
				s.found++
				s.leads = append(s.leads, h-from+1)
			}
		}
		s.series, s.judged, s.losses = s.series+1, s.judged+len(d.total)-baseline.WarmHours, s.losses+len(gone)
	}
	s.hold(t, "real: S20, airports of 2 to 8 % silent", bounds{0.2, 0.95, 36, 3.5})
}

func lossOf(r *rand.Rand, x []float64, part float64, length int) []label {
	if length == 0 {
		return nil
	}
	l := label{from: 6*week + r.IntN(len(x)-6*week-length)}
	l.to = l.from + length
	for h := l.from; h < l.to; h++ {
		x[h] = thin(r, x[h], part)
	}
	return []label{l}
}
