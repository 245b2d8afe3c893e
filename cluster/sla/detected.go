package sla

import (
	"backstitch/fsm"
	"backstitch/partition"
)

// Detected is when it was known that something of what a job mends is missing: when the first scan ended that found it, of those that are called as the
// job is and ended after the last job of that name that succeeded. Without one it is now.
func Detected(view *fsm.View, namespace, name string, now int64) (int64, error) {
	scans, mended, found := map[partition.JobID]bool{}, int64(0), now
	for scan, err := range view.Scans() {
		if err != nil {
			return 0, err
		}
		scans[scan.Job] = scan.Counts.Missing > 0
	}
	for _, want := range [...]bool{false, true} { // jobs that mend, then scans
		for j, err := range view.Jobs() {
			if err != nil {
				return 0, err
			}
			lossy, scan := scans[j.ID]
			switch {
			case j.Namespace != namespace || j.Name != name || j.State != fsm.JobSucceeded || scan != want:
			case !scan:
				mended = max(mended, j.FinishedUnixNanos)
			case lossy && j.FinishedUnixNanos > mended:
				found = min(found, j.FinishedUnixNanos)
			}
		}
	}
	return found, nil
}
