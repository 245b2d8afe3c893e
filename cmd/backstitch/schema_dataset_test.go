package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"backstitch/cluster/client"
)

func TestTheHistoryOfADataset(t *testing.T) {
	at := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	addr := api{
		"GET /v1/datasets/default/none/schemas": client.DatasetSchemas{},
		"GET /v1/datasets/shop/orders/schemas": client.DatasetSchemas{Schemas: []client.DatasetSchema{
			{Pair: "b <- a", Place: "values of the reference", Name: "7", Fingerprint: "ab12cd34ef", Subject: "orders-value", Version: 2, Partition: 3, Offset: 4711, WrittenAt: &at, Scan: "bs-sa", MetAt: at.Add(time.Hour), LastScan: "bs-sb", LastMetAt: at.Add(2 * time.Hour)},
			{Pair: "b <- a", Place: "values of the target", Name: "57", Fingerprint: "ab12cd34ef", Partition: 3, Offset: 9, Scan: "bs-sa", MetAt: at, LastScan: "bs-sa", LastMetAt: at},
		}},
	}.serve(t)
	run := func(exit int, args ...string) (string, string) {
		t.Helper()
		stdout, stderr, got := invoke(t, nil, append(args, "--addr", addr)...)
		if got != exit {
			t.Fatalf("%v: got status %d, want %d\n%s", args, got, exit, stderr)
		}
		return stdout, stderr
	}
	stdout, _ := run(0, "schema", "history", "--dataset", "shop/orders")
	for _, want := range []string{
		"values of the reference   b <- a\n", "orders-value@2", "ab12cd34", "p03@4711", "2026-11-20T09:00:00Z", "bs-sa 2026-11-20T10:00:00Z", "2026-11-20T11:00:00Z", "values of the target   b <- a\n", "not listed",
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("it does not say %q:\n%s", want, stdout)
		}
	}
	var all client.DatasetSchemas
	stdout, _ = run(0, "schema", "history", "--dataset", "shop/orders", "-o", "json")
	if err := json.Unmarshal([]byte(stdout), &all); err != nil || len(all.Schemas) != 2 {
		t.Errorf("-o json: %v\n%s", err, stdout)
	}
	if stdout, _ = run(0, "schema", "history", "--dataset", "none"); !strings.Contains(stdout, "No scan of default/none has met a schema") {
		t.Errorf("nothing: %s", stdout)
	}
	for _, args := range [][]string{{"orders-value", "--dataset", "orders"}, {}, {"--dataset", "orders", "--registry", "http://127.0.0.1:1"}} {
		run(client.ExitUsage, append([]string{"schema", "history"}, args...)...)
	}
}
