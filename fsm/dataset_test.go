package fsm

import (
	"fmt"
	"testing"

	"backstitch/partition"
)

// TestEndpointsThatNeverAnswerDoNotFillTheBook: the oldest notices are given up, and the endpoint's numbers say how many.
func TestEndpointsThatNeverAnswerDoNotFillTheBook(t *testing.T) {
	n := newNode(t)
	n.apply(Envelope{}, PutMember{testMember("a")})
	n.apply(Envelope{}, RaiseVersion{LatestVersion})
	put := PutDataset{Name: "default/orders", Document: []byte("{}"), Reference: Place{"file", "/a"}, Targets: []Place{{"file", "/b"}}}
	for _, e := range []Endpoint{{Name: "dead", On: everyKind}, {Name: "deaf", On: 1 << NoticeFailed}} {
		e.Format, e.URL = FormatCloudEvents, "https://bus"
		put.Endpoints = append(put.Endpoints, e)
	}
	if r := n.apply(Envelope{}, put); r.Code != OK {
		t.Fatalf("got %s %s", r.Code, r.Object)
	}
	const jobs = 160
	for i := range jobs {
		id := partition.JobID(fmt.Sprintf("bs-%c%c", 'a'+i/26, 'a'+i%26))
		for _, c := range []Command{
			SubmitJob{ID: id, Name: "orders", Recipe: []byte("{}"), Slices: 1},
			AddSlices{Job: id, Slices: []partition.Slice{fillSlice(id, 0, 0, 0, 10)}},
			StartJob{id}, CancelJob{id},
		} {
			if r := n.apply(Envelope{}, c); r.Code != OK {
				t.Fatalf("%s of %s: got %s %s", OpName(c.Op()), id, r.Code, r.Object)
			}
		}
	}
	n.view(func(v *View) {
		waiting, err := v.Notices("default/orders")
		if err != nil || len(waiting) != maxNoticesOfDataset {
			t.Errorf("got %d notices, %v, want %d", len(waiting), err, maxNoticesOfDataset)
		}
		told, err := v.Deliveries("default/orders")
		if err != nil || len(told) != 2 {
			t.Fatalf("got %v, %v", told, err)
		}
		if want := uint64(2*jobs - maxNoticesOfDataset); told[0].Dropped != want || told[0].Settled >= waiting[0].Index || told[0].Why == "" {
			t.Errorf("dead: got %+v, want %d dropped and the next one at %d", told[0], want, waiting[0].Index)
		}
		if told[1].Dropped != 0 {
			t.Errorf("deaf: got %+v, want nothing dropped of what it does not hear", told[1])
		}
	})
}

func TestWhichDatasetAJobIsAbout(t *testing.T) {
	for _, row := range []struct {
		namespace, job string
		want           DatasetName
	}{
		{"", "orders", "default/orders"}, {"shop", "orders.refill.2", "shop/orders"}, {"shop", "orders-two", "shop/orders-two"},
	} {
		if got := DatasetOf(row.namespace, row.job); got != row.want {
			t.Errorf("%q %q: got %s, want %s", row.namespace, row.job, got, row.want)
		}
	}
}
