package forecast

import (
	"slices"
	"time"
)

// Every is the time between two measurements, and Kept how many stretches between them are remembered: ten minutes. A shorter memory takes one slow object of
// an archive for the future; a longer one still believes in the hour before a limit was changed.
const (
	Every      = 10 * time.Second
	Kept       = 60
	MinWindows = 6
)

// Rates are those of one job in its last minutes. The zero Rates know nothing.
type Rates struct {
	at     time.Time
	done   int64
	going  bool
	recent []float64 // records a second, one per stretch, oldest first
}

// Observe takes what is done at now; going says whether the job may work at present. A stretch counts that began and ended so.
func (r *Rates) Observe(now time.Time, done int64, going bool) {
	took := now.Sub(r.at).Seconds()
	if !r.at.IsZero() && r.going && going && took > 0 && done >= r.done {
		if r.recent = append(r.recent, float64(done-r.done)/took); len(r.recent) > Kept {
			r.recent = slices.Delete(r.recent, 0, 1)
		}
	}
	if done < r.done { // taken up anew
		r.recent = nil
	}
	r.at, r.done, r.going = now, done, going
}

// Range is the tenth and the ninetieth percentile of the stretches that are remembered; ok is false when there are too few. Single stretches vary more than what a job
// does on the whole, so neighbours are added up first: six at a time, which is a minute.
func (r *Rates) Range() (low, high float64, ok bool) {
	if len(r.recent) < MinWindows {
		return 0, 0, false
	}
	var minutes []float64
	for i := 0; i+MinWindows <= len(r.recent); i++ {
		sum := 0.0
		for _, rate := range r.recent[i : i+MinWindows] {
			sum += rate
		}
		minutes = append(minutes, sum/MinWindows)
	}
	slices.Sort(minutes)
	return minutes[(len(minutes)-1)/10], minutes[len(minutes)-1-(len(minutes)-1)/10], true
}
