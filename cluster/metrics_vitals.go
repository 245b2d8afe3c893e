package cluster

import (
	"backstitch/cluster/vitals"

	"github.com/prometheus/client_golang/prometheus"
)

// vitalsCollector tells of clocks and of this node's disk. Each node tells of its own disk alone, but of all clocks: which of two is wrong, only others
// can say.
type vitalsCollector struct{ n *Node }

var (
	clockOffsetDesc = prometheus.NewDesc("backstitch_clock_offset_seconds",
		"How far the clock of another node is ahead of this node's.", []string{"peer"}, nil)
	clockWithinDesc = prometheus.NewDesc("backstitch_clock_uncertainty_seconds",
		"Half of the round trip in which that was measured: the offset is within so much for certain.", []string{"peer"}, nil)
	diskRatioDesc = prometheus.NewDesc("backstitch_disk_used_ratio",
		"Share of the data directory's disk that is used, by everybody. Absent when it can not be read.", nil, nil)
	diskLevelDesc = prometheus.NewDesc("backstitch_disk_level",
		"1 with room, 2 past the soft mark (no new work), 3 past the hard mark (gives its work to others).", nil, nil)
)

// Describe names the metrics.
func (c *vitalsCollector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{clockOffsetDesc, clockWithinDesc, diskRatioDesc, diskLevelDesc} {
		out <- d
	}
}

// Collect tells what is known now.
func (c *vitalsCollector) Collect(out chan<- prometheus.Metric) {
	if !c.n.readable() {
		return
	}
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	for id, o := range c.n.vitals.Offsets() {
		name := c.n.nameOf(id)
		gauge(clockOffsetDesc, o.Ahead.Seconds(), name)
		gauge(clockWithinDesc, o.Within.Seconds(), name)
	}
	if d := c.n.vitals.Own(); d.Level != vitals.Unknown {
		gauge(diskRatioDesc, d.Percent()/100)
		gauge(diskLevelDesc, float64(d.Level))
	}
}
