package admin

import (
	"net/http"
	"testing"

	"backstitch/cluster/client"
	"backstitch/fsm"
	"backstitch/partition"
)

func TestTheSchemasOfADatasetAreListed(t *testing.T) {
	node := upgraded(t)
	h := api(t, node)
	if w := ask(t, h, "POST", "/v1/datasets", "", datasetBody(t, func(*client.PutDataset) {}), nil); w.Code != http.StatusOK {
		t.Fatalf("put: %d %s", w.Code, w.Body)
	}
	const path = "/v1/datasets/default/orders/schemas"
	var got client.DatasetSchemas
	if w := ask(t, h, "GET", path, "", "", &got); w.Code != http.StatusOK || got.Schemas == nil || len(got.Schemas) != 0 {
		t.Errorf("before a scan: got %d %s", w.Code, w.Body)
	}
	slice := func(n uint32) partition.SliceID { return partition.SliceID{Job: "bs-sa", N: n} }
	node.do(t, fsm.SubmitScan{ID: "bs-sa", Order: &fsm.ScanOrder{Name: "orders.scan", Dataset: "orders", Pair: "p", Recipe: []byte("{}")}})
	node.do(t, fsm.GrantLeases{Grants: []fsm.Grant{{Slice: slice(0), Owner: "n1"}}})
	node.do(t, fsm.FinishScanSlice{Slice: slice(0), Owner: "n1", Epoch: 1, Checkpoint: fsm.Checkpoint{Epoch: 1},
		Survey: &fsm.Survey{Partitions: []fsm.SurveyPart{{Partition: 3}}, Header: []byte("{}")}})
	node.do(t, fsm.GrantLeases{Grants: []fsm.Grant{{Slice: slice(1), Owner: "n1"}}})
	at := fsm.Position{Partition: 3, Offset: 9}
	node.do(t, fsm.SaveSchemas{Slice: slice(1), Owner: "n1", Epoch: 1, Schemas: []fsm.SeenSchema{
		{Place: fsm.TargetValue, Name: "57", First: at},
		{Place: fsm.ReferenceValue, Name: "7", Print: [16]byte{0xab}, Subject: "orders-value", Version: 2, First: at, TimestampMs: 1_700_000_000_000},
	}})
	if w := ask(t, h, "GET", path, "", "", &got); w.Code != http.StatusOK || len(got.Schemas) != 2 {
		t.Fatalf("got %d %s", w.Code, w.Body)
	}
	s := got.Schemas[0]
	if s.Pair != "p" || s.Place != "values of the reference" || s.Name != "7" || s.Fingerprint != "ab000000000000000000000000000000" || s.Subject != "orders-value" ||
		s.Version != 2 || s.Partition != 3 || s.Offset != 9 || s.WrittenAt.UnixMilli() != 1_700_000_000_000 || s.Scan != "bs-sa" || s.LastScan != "bs-sa" {
		t.Errorf("got %+v", s)
	}
	if got.Schemas[1].WrittenAt != nil || got.Schemas[1].Subject != "" {
		t.Errorf("got %+v, want neither time nor subject", got.Schemas[1])
	}
	if w := ask(t, h, "GET", "/v1/datasets/default/none/schemas", "", "", nil); w.Code != http.StatusNotFound {
		t.Errorf("no such dataset: got %d", w.Code)
	}
}
