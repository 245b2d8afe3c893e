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
}

func (f *figures) breaks(list *[]uint64, seed uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	*list = append(*list, seed)
}

// judge fails t when a fault never hits anything. In a few seeds not every kind comes up.
func (f *figures) judge(t *testing.T, all bool) {
	if missed := f.Faults.Missed(); len(missed) > 0 && all {
		t.Errorf("faults that never hit anything: %v", missed)
	}
	for _, w := range Kinds() {
		if all && f.Faults[w.Kind].Injected == 0 {
			t.Errorf("%s was never injected", w.Kind)
		}
	}
}

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
