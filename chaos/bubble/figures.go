package bubble

import (
	"io"
	"slices"
	"sync"
	"testing"
	"time"

	"backstitch/chaos/fault"
	"backstitch/chaos/report"
)

// figures sum up runs, one line of JSON.
type figures struct {
	report.Figures
	LeaderMs    []int64 `json:"leader_ms"`    // p50, p99, max from the last healing until somebody leads
	RecoveredMs []int64 `json:"recovered_ms"` // the same until every job is done
	Operations  int     `json:"operations"`
	Unknown     int     `json:"unknown"`
	Records     int     `json:"records"`
	Takeovers   int     `json:"takeovers"` // a lane got another writer
	Grants      int     `json:"grants"`    // of leases

	mu                sync.Mutex
	leader, recovered []time.Duration
}

func (f *figures) add(r *Result) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.Seeds++
	f.VirtualHours += r.Virtual.Hours()
	f.Violations += int64(len(r.Violations))
	if f.Faults == nil {
		f.Faults = fault.Tally{}
	}
	f.Faults.Merge(r.Faults)
	f.leader, f.recovered = append(f.leader, r.Leader), append(f.recovered, r.Recovered)
	f.Operations, f.Unknown, f.Records = f.Operations+r.Operations, f.Unknown+r.Unknown, f.Records+r.Records
	f.Takeovers, f.Grants = f.Takeovers+r.Takeovers, f.Grants+r.Grants
}

func (f *figures) breaks(list *[]uint64, seed uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	*list = append(*list, seed)
}

// hoursInThousand is what a thousand seeds have to amount to.
const hoursInThousand = 25

// judge fails t when a fault never hits anything, or so many seeds have shown less than they should. In a few seeds not every kind
// comes up.
func (f *figures) judge(t *testing.T) {
	if f.Seeds < enough {
		return
	}
	if missed := f.Faults.Missed(); len(missed) > 0 {
		t.Errorf("faults that never hit anything: %v", missed)
	}
	for _, w := range slices.Concat(Kinds(), ShelfKinds()) {
		if f.Faults[w.Kind].Injected == 0 {
			t.Errorf("%s was never injected", w.Kind)
		}
	}
	if f.Takeovers == 0 || f.Unknown == 0 {
		t.Errorf("%d lanes got another writer, %d requests had no answer: nothing was shown about fencing, or about lost answers", f.Takeovers, f.Unknown)
	}
	if want := hoursInThousand * float64(f.Seeds) / 1000; f.VirtualHours < want {
		t.Errorf("%d seeds lasted %.1f hours, want at least %.1f", f.Seeds, f.VirtualHours, want)
	}
}

// enough is from how many seeds on every kind comes up.
const enough = 200

func (f *figures) publish(w io.Writer) error {
	f.Suite = "bubble"
	f.LeaderMs, f.RecoveredMs = spread(f.leader), spread(f.recovered)
	return report.Publish(w, f)
}

// spread gives median, 99th percentile and maximum in milliseconds.
func spread(ds []time.Duration) []int64 {
	slices.Sort(ds)
	if len(ds) == 0 {
		return nil
	}
	return []int64{
		report.Percentile(ds, 50).Milliseconds(), report.Percentile(ds, 99).Milliseconds(), ds[len(ds)-1].Milliseconds(),
	}
}
