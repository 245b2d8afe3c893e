package fsm

import (
	"fmt"
	"testing"

	"backstitch/partition"
)

// The history of a dataset is bounded: what was not met for the longest time goes.
func TestTheHistoryOfSchemasIsBounded(t *testing.T) {
	n := newNode(t)
	now := int64(0)
	do := func(cmd Command) {
		t.Helper()
		now++
		if r := n.apply(Envelope{UnixNanos: now}, cmd); r.Code != OK {
			t.Fatalf("%T: %s %s", cmd, r.Code, r.Object)
		}
	}
	do(PutMember{testMember("a")})
	do(RaiseVersion{LatestVersion})
	do(PutDataset{Name: "default/orders", Document: []byte("d"), Reference: Place{"s3://b", "p"}, Targets: []Place{{"kafka://h", "t"}}})
	do(SubmitScan{ID: "bs-sa", Order: &ScanOrder{Name: "orders.scan", Dataset: "orders", Pair: "p", Recipe: []byte("{}")}})
	slice := partition.SliceID{Job: "bs-sa"}
	do(GrantLeases{[]Grant{{Slice: slice, Owner: "a"}}})
	do(FinishScanSlice{Slice: slice, Owner: "a", Epoch: 1, Checkpoint: Checkpoint{Epoch: 1}, Survey: &Survey{Partitions: []SurveyPart{{}}, Header: []byte("{}")}})
	slice.N = 1
	do(GrantLeases{[]Grant{{Slice: slice, Owner: "a"}}})
	const rounds = MaxDatasetSchemas/MaxSeenSchemas + 1
	for round := range rounds {
		c := SaveSchemas{Slice: slice, Owner: "a", Epoch: 1}
		for i := range MaxSeenSchemas {
			name := fmt.Sprint(round*MaxSeenSchemas + i)
			if i == 0 {
				name = "0" // is met each time
			}
			c.Schemas = append(c.Schemas, SeenSchema{Place: ReferenceValue, Name: name})
		}
		do(c)
	}
	v := n.m.View()
	defer v.Close()
	kept := map[string]bool{}
	for s, err := range v.DatasetSchemas("default/orders") {
		if err != nil {
			t.Fatal(err)
		}
		kept[s.Seen.Name] = true
	}
	if len(kept) != MaxDatasetSchemas || !kept["0"] || kept["1"] || !kept[fmt.Sprint(rounds*MaxSeenSchemas-1)] {
		t.Errorf("kept %d lines, the one that is met each time: %t, one of the first: %t; want %d, true, false", len(kept), kept["0"], kept["1"], MaxDatasetSchemas)
	}
}
