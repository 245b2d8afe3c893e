package bench

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"time"
)

// Racer is one of several ways to do the same. Run returns how many records it did.
type Racer struct {
	Name string
	Run  func() (int64, error)
}

// Race is how one racer did against the first.
type Race struct {
	Name    string
	CPU     Interval // CPU per record of the first over that of this one: 1 is as good
	Wall    Interval // the same of wall time
	Middle  Figures  // its run in the middle, by CPU
	Bare    Figures  // that of the first
	Control bool     // this is the first one again
}

// RunRace runs all racers once to warm up, and then rounds times in random order. The first one is what the others are measured by, and
// runs twice a round: the ratio of the two is the control.
func RunRace(racers []Racer, rounds int, rng *rand.Rand) ([]Race, error) {
	var all []Racer
	for i, r := range racers {
		long, err := r.long()
		if err != nil {
			return nil, err
		}
		if i == 0 {
			all = append(all, long)
		}
		all = append(all, long)
	}
	figures := make([][]Figures, len(all))
	for range rounds {
		for _, i := range rng.Perm(len(all)) {
			f, err := timed(all[i].Run)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", all[i].Name, err)
			}
			figures[i] = append(figures[i], f)
		}
	}
	var out []Race
	for i := 1; i < len(all); i++ {
		var cpu, wall []float64
		for n, f := range figures[i] {
			bare := figures[0][n]
			cpu = append(cpu, bare.PerRecord()/f.PerRecord())
			wall = append(wall, (bare.Wall.Seconds()/float64(bare.Records))/(f.Wall.Seconds()/float64(f.Records)))
		}
		out = append(out, Race{
			Name: all[i].Name, CPU: Bootstrap(cpu, rng), Wall: Bootstrap(wall, rng), Middle: mid(figures[i]), Bare: mid(figures[0]), Control: i == 1,
		})
	}
	return out, nil
}

// leastRun is how long a run takes at least: over less, a tick of the clock or one collection of garbage is a large part.
const leastRun = 500 * time.Millisecond

// long runs r once, and returns a racer that does so as often as makes a run long enough.
func (r Racer) long() (Racer, error) {
	begun := time.Now()
	if _, err := r.Run(); err != nil {
		return r, fmt.Errorf("%s: %w", r.Name, err)
	}
	times := int(leastRun/time.Since(begun)) + 1
	return Racer{Name: r.Name, Run: func() (n int64, err error) {
		for i := 0; i < times && err == nil; i++ {
			var got int64
			got, err = r.Run()
			n += got
		}
		return n, err
	}}, nil
}

func timed(run func() (int64, error)) (f Figures, err error) {
	runtime.GC()
	resetPeak()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	cpu, begun := cpuTime(), time.Now()
	f.Records, err = run()
	f.Wall, f.CPU = time.Since(begun), cpuTime()-cpu
	runtime.ReadMemStats(&after)
	f.Allocs, f.Peak = after.Mallocs-before.Mallocs, peak()
	return f, err
}

// Void reports whether the first racer against itself differs by so much that nothing can be told.
func (r Race) Void() bool { return r.Control && r.CPU.apart() }

// String is one line for people.
func (r Race) String() string {
	return fmt.Sprintf("ratio %.2f [%.2f,%.2f] cpu, wall %.2f [%.2f,%.2f]; %.0f records/s, %.2f us/record (bare %.2f), %.2f allocs/record, peak %d MiB",
		r.CPU.Median, r.CPU.Low, r.CPU.High, r.Wall.Median, r.Wall.Low, r.Wall.High, float64(r.Middle.Records)/r.Middle.Wall.Seconds(),
		r.Middle.PerRecord()/1e3, r.Bare.PerRecord()/1e3, float64(r.Middle.Allocs)/float64(r.Middle.Records), r.Middle.Peak>>20)
}
