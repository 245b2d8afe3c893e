package fsm

import (
	"testing"

	"backstitch/partition"
)

// TestWhatBeginsWhileAScanRunsIsLookedIntoAfterwards, by a scan of its own or by whichever of the pair has begun since, once, and as soon as
// none runs.
func TestWhatBeginsWhileAScanRunsIsLookedIntoAfterwards(t *testing.T) {
	n := newNode(t)
	do(t, n, PutMember{testMember("a")})
	do(t, n, RaiseVersion{LatestVersion})
	order := ScanOrder{Name: "orders.scan", Namespace: "default", Dataset: "orders", Pair: "p", Recipe: []byte("{}"), Keep: 2}
	do(t, n, PutDatasetWithWatch{Scan: true, Topics: []WatchedTopic{{Topic: "orders", Recipe: []byte("{}"), MaxBytes: MinStateBytes}}, Dataset: PutDatasetWithPolicy{Dataset: PutDataset{
		Name: "default/orders", Document: []byte("{}"), Reference: Place{"s3://b", "orders"}, Targets: []Place{{"kafka://h", "orders"}}, Orders: []ScanOrder{order},
	}}})
	unusual := func(about string, hour int64) Unusual {
		return Unusual{About: about, SinceHour: hour, UntilHour: hour + 1, Reason: "fewer"}
	}
	// begin does what the leader does, and returns the scan that it begins.
	begin := func(want int) (id partition.JobID) {
		t.Helper()
		var got []Unscanned
		n.view(func(v *View) {
			var err error
			if got, err = v.Unscanned(); err != nil || len(got) != want {
				t.Fatalf("got %+v, %v; want %d", got, err, want)
			}
		})
		for _, u := range got {
			id = u.Scan
			do(t, n, SubmitScan{ID: u.Scan, Order: &u.Order})
		}
		return id
	}
	into := func(about string) (id partition.JobID) {
		t.Helper()
		b := baselineNow(t, n)
		n.view(func(v *View) {
			scans, err := v.ScansInto(b)
			if err != nil {
				t.Fatal(err)
			}
			for i, a := range b.Anomalies {
				if a.Unusual.About == about {
					id = scans[i]
				}
			}
		})
		return id
	}

	do(t, n, SubmitScan{ID: "bs-aaaaaaaaab", Order: &order})
	counted(t, n, 99, unusual("records", 100), unusual("source a", 100))
	begin(0) // the scan runs
	if got := into("records"); got != "bs-aaaaaaaaab" {
		t.Errorf("while another scan runs that is shown, got %s", got)
	}
	do(t, n, CancelJob{ID: "bs-aaaaaaaaab"})
	both := begin(1)
	begin(0) // it runs
	do(t, n, CancelJob{ID: both})
	begin(0) // once
	for _, about := range []string{"records", "source a"} {
		if got := into(about); got != both {
			t.Errorf("%s: scan %s looks into it, want %s", about, got, both)
		}
	}

	// It is over before the scan has ended, and what was lost is still lost. A person's scan serves as well, also when others are forgotten.
	do(t, n, SubmitScan{ID: "bs-aaaaaaaaac", Order: &order})
	counted(t, n, 100, unusual("source b", 101))
	counted(t, n, 101)
	do(t, n, CancelJob{ID: "bs-aaaaaaaaac"})
	do(t, n, SubmitScan{ID: "bs-aaaaaaaaad", Order: &order})
	begin(0)
	do(t, n, CancelJob{ID: "bs-aaaaaaaaad"})
	begin(0)
	if got := into("source b"); got != "bs-aaaaaaaaad" {
		t.Errorf("scan %s looks into it, want the one that began after", got)
	}

	// One that begins while nothing runs has its own.
	counted(t, n, 102, unusual("source c", 103))
	begin(0)
	b := baselineNow(t, n)
	if a := b.Anomalies[len(b.Anomalies)-1]; b.foundDuring(a) || into("source c") != a.Scan {
		t.Errorf("got %+v", a)
	}
	do(t, n, CancelJob{ID: into("source c")})

	// What is over and begins again under its fingerprint has one for each time.
	do(t, n, SubmitScan{ID: "bs-aaaaaaaaae", Order: &order})
	counted(t, n, 103, unusual("source d", 104))
	do(t, n, CancelJob{ID: "bs-aaaaaaaaae"})
	first := begin(1)
	do(t, n, CancelJob{ID: first})
	do(t, n, SubmitScan{ID: "bs-aaaaaaaaaf", Order: &order})
	counted(t, n, 104)
	counted(t, n, 105, unusual("source d", 104))
	do(t, n, CancelJob{ID: "bs-aaaaaaaaaf"})
	n.view(func(v *View) {
		if got, err := v.Unscanned(); err != nil || len(got) != 1 || got[0].Before != "bs-aaaaaaaaaf" || got[0].Topic != "orders" || got[0].Order.Pair != "p" || got[0].Scan == first {
			t.Errorf("got %+v, %v", got, err)
		}
	})

	// Of a dataset that wants no scans any more none is looked for.
	d := PutDatasetWithWatch{Topics: []WatchedTopic{{Topic: "orders", Recipe: []byte("{}"), MaxBytes: MinStateBytes}}}
	n.view(func(v *View) {
		have, _, err := v.Dataset("default/orders")
		if err != nil {
			t.Fatal(err)
		}
		d.Dataset.Dataset = PutDataset{Name: have.Name, Document: have.Document, Reference: have.Reference, Targets: have.Targets, Orders: have.Orders, Seen: have.ModifyIndex}
	})
	do(t, n, d)
	begin(0)
}
