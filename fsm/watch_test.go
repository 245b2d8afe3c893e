package fsm

import (
	"testing"

	"backstitch/partition"
)

// counted is a look at the hour after base.
func counted(t *testing.T, n *node, base int64, unusual ...Unusual) {
	t.Helper()
	do(t, n, SaveBaseline{Dataset: "default/orders", Node: "a", Base: baselineNow(t, n).LastHour, Look: &Look{FirstHour: base + 1, LastHour: base + 1, Hours: 1, State: []byte{byte(base)}, Unusual: unusual}})
}

func baselineNow(t *testing.T, n *node) (b Baseline) {
	t.Helper()
	n.view(func(v *View) {
		var err error
		if b, _, err = v.Baseline("default/orders", 0); err != nil {
			t.Fatal(err)
		}
	})
	return b
}

func putCounted(t *testing.T, n *node) {
	t.Helper()
	do(t, n, PutMember{testMember("a")})
	do(t, n, RaiseVersion{LatestVersion})
	do(t, n, PutDatasetWithWatch{Topics: []WatchedTopic{{Topic: "orders", Recipe: []byte("{}"), MaxBytes: MinStateBytes}}, Dataset: PutDatasetWithPolicy{Dataset: PutDataset{
		Name: "default/orders", Document: []byte("{}"), Reference: Place{"s3://b", "orders"}, Targets: []Place{{"kafka://h", "orders"}},
		Endpoints: []Endpoint{{Name: "bus", Format: FormatCloudEvents, URL: "https://bus", On: everyKind}},
	}}})
}

// TestWhatIsKeptOfHoursHasABound: topics that alarm for years fill no book.
func TestWhatIsKeptOfHoursHasABound(t *testing.T) {
	n := newNode(t)
	putCounted(t, n)
	base := int64(100)
	for range 2 * KeptAnomalies {
		counted(t, n, base, Unusual{About: "records", SinceHour: base, UntilHour: base + 2, Reason: "fewer"})
		counted(t, n, base+1)
		base += 2
	}
	b := baselineNow(t, n)
	if len(b.Anomalies) != KeptAnomalies || b.Anomalies[KeptAnomalies-1].Unusual.SinceHour != base-2 {
		t.Errorf("%d anomalies are kept, want the newest %d", len(b.Anomalies), KeptAnomalies)
	}
	n.view(func(v *View) {
		if told, err := v.Notices("default/orders"); err != nil || len(told) != 4*KeptAnomalies {
			t.Errorf("%d notices, %v; want one for each that began and each that was over", len(told), err)
		}
	})
}

// TestSilenceIsCountedWhole: of a source all hours are known at each look, of others what each look adds.
func TestSilenceIsCountedWhole(t *testing.T) {
	n := newNode(t)
	putCounted(t, n)
	fewer := Unusual{About: "records", SinceHour: 100, UntilHour: 102, Off: 50, New: 20, Season: "Fridays", Reason: "fewer"}
	silent := Unusual{About: "source a", SinceHour: 90, UntilHour: 102, Off: 50, Reason: "nothing"}
	counted(t, n, 100, fewer, silent)
	fewer.Off, fewer.New, silent.Off = 70, 25, 60
	counted(t, n, 101, fewer, silent)
	b := baselineNow(t, n)
	if got := [2]int64{b.Anomalies[0].Unusual.Off, b.Anomalies[1].Unusual.Off}; got != [2]int64{75, 60} {
		t.Errorf("records are off by %v, want 75 and 60", got)
	}
	if b.Hours != 2 || b.LookedBy != partition.NodeID("a") {
		t.Errorf("got %+v", b)
	}
}
