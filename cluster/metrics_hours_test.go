package cluster

import (
	"testing"

	"backstitch/fsm"
)

// TestTopicsOfOneNameAreOneSeries: two targets may be topics of one name in two clusters, and what is counted the least far is what people have to know.
func TestTopicsOfOneNameAreOneSeries(t *testing.T) {
	duty := func(topic string, last int64, open, over int) fsm.Duty {
		d := fsm.Duty{Dataset: "default/orders", Topic: fsm.WatchedTopic{Topic: topic}, Baseline: fsm.Baseline{LastHour: last}}
		for n := range open + over {
			d.Baseline.Anomalies = append(d.Baseline.Anomalies, fsm.Anomaly{Over: n >= open})
		}
		return d
	}
	all := []fsm.Duty{duty("orders", 20, 1, 3), duty("orders", 10, 2, 0), duty("orders", 0, 0, 0), duty("clicks", 5, 4, 0)}
	of := [2]string{"default/orders", "orders"}
	if n, until := unusualOf(all, of), countedOf(all, of); n != 3 || until != 11 {
		t.Errorf("%d unusual, counted until hour %d; want 3 and 11", n, until)
	}
}
