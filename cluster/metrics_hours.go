package cluster

import (
	"backstitch/fsm"

	"github.com/prometheus/client_golang/prometheus"
)

// hoursCollector shows how far topics of datasets are counted, and how much of them is unusual. Every node shows the same, out of its own book:
// take the max over nodes.
type hoursCollector struct{ n *Node }

var (
	anomaliesDesc = prometheus.NewDesc("backstitch_dataset_anomalies",
		"What is unusual of a topic: places that have fewer or more records in an hour than such hours usually have.", []string{"dataset", "topic"}, nil)
	countedDesc = prometheus.NewDesc("backstitch_dataset_counted_until_timestamp_seconds",
		"End of the newest hour of a topic that is counted.", []string{"dataset", "topic"}, nil)
)

// Describe names the metrics.
func (c *hoursCollector) Describe(out chan<- *prometheus.Desc) {
	out <- anomaliesDesc
	out <- countedDesc
}

// Collect reads the book. A topic that was never counted has no time.
func (c *hoursCollector) Collect(out chan<- prometheus.Metric) {
	if !c.n.readable() {
		return
	}
	v := c.n.stores.machine.View()
	defer v.Close()
	all, err := v.Duties()
	if err != nil {
		return
	}
	seen := map[[2]string]bool{} // two targets may be topics of one name, of two clusters
	for _, d := range all {
		labels := [2]string{string(d.Dataset), d.Topic.Topic}
		if d.Baseline.LastHour == 0 || seen[labels] {
			continue
		}
		seen[labels] = true
		out <- prometheus.MustNewConstMetric(anomaliesDesc, prometheus.GaugeValue, float64(unusualOf(all, labels)), labels[:]...)
		out <- prometheus.MustNewConstMetric(countedDesc, prometheus.GaugeValue, float64(countedOf(all, labels)*3600), labels[:]...)
	}
}

// unusualOf is how much is unusual of all topics of those labels.
func unusualOf(all []fsm.Duty, labels [2]string) (n int) {
	for _, d := range all {
		if [2]string{string(d.Dataset), d.Topic.Topic} == labels {
			n += len(d.Baseline.Open())
		}
	}
	return n
}

// countedOf is the hour up to which all topics of those labels are counted.
func countedOf(all []fsm.Duty, labels [2]string) (hour int64) {
	for _, d := range all {
		if [2]string{string(d.Dataset), d.Topic.Topic} == labels && d.Baseline.LastHour > 0 && (hour == 0 || d.Baseline.LastHour+1 < hour) {
			hour = d.Baseline.LastHour + 1
		}
	}
	return hour
}
