package cluster

import (
	"backstitch/fsm"

	"github.com/prometheus/client_golang/prometheus"
)

// scanCollector shows what the newest scans have found, one for each schedule and for each pair that people scan. Every node shows the
// same, out of its own book: take the max over nodes.
type scanCollector struct{ n *Node }

var (
	gapDesc = prometheus.NewDesc("backstitch_gap_records",
		"What the newest scan that succeeded found, by kind: missing, duplicate, extra (records), unknown (findings about which nothing can be said).",
		[]string{"schedule", "pair", "dataset", "kind"}, nil)
	scannedDesc = prometheus.NewDesc("backstitch_scan_last_success_timestamp_seconds",
		"When the newest scan that succeeded ended.", []string{"schedule", "pair", "dataset"}, nil)
)

// Describe names the metrics.
func (c *scanCollector) Describe(out chan<- *prometheus.Desc) {
	out <- gapDesc
	out <- scannedDesc
}

// Collect reads the book. Scans are few, since old ones are forgotten.
func (c *scanCollector) Collect(out chan<- prometheus.Metric) {
	if !c.n.readable() {
		return
	}
	v := c.n.stores.machine.View()
	defer v.Close()
	for _, s := range goodScans(v) {
		labels := []string{s.Schedule, s.Pair, s.Dataset}
		out <- prometheus.MustNewConstMetric(scannedDesc, prometheus.GaugeValue, float64(s.ended)/1e9, labels...)
		for kind, n := range map[string]int64{
			"missing": s.Counts.Missing, "duplicate": s.Counts.Duplicates, "extra": s.Counts.Extra, "unknown": s.Counts.Unknown,
		} {
			out <- prometheus.MustNewConstMetric(gapDesc, prometheus.GaugeValue, float64(n), append(labels, kind)...)
		}
	}
}

// goodScan is a scan that succeeded.
type goodScan struct {
	fsm.Scan
	ended int64 // unix nanoseconds
}

// goodScans are the newest that succeeded, by schedule, and by pair for those that people started.
func goodScans(v *fsm.View) map[[2]string]goodScan {
	out := map[[2]string]goodScan{}
	for s, err := range v.Scans() {
		if err != nil {
			return nil
		}
		j, ok, err := v.Job(s.Job)
		if err != nil {
			return nil
		}
		of := [2]string{s.Schedule}
		if s.Schedule == "" {
			of[1] = s.Pair
		}
		if ok && j.State == fsm.JobSucceeded && j.FinishedUnixNanos > out[of].ended {
			out[of] = goodScan{s, j.FinishedUnixNanos}
		}
	}
	return out
}
