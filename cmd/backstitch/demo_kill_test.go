package main

import (
	"testing"
	"time"

	"backstitch/cluster/client"
)

// TestSlicesThatEndedWithTheirOwner are waited for by nobody: the owner had ended them when it was killed.
func TestSlicesThatEndedWithTheirOwner(t *testing.T) {
	state := func(id, status string, epoch uint64, written int64) client.SliceState {
		return client.SliceState{ID: id, Kind: "fill", Status: status, Epoch: epoch, Progress: client.Progress{Written: written}}
	}
	for name, now := range map[string][]client.SliceState{
		"all ended with it":          {state("a", "done", 1, 9), state("b", "done", 1, 9)},
		"another one ended it":       {state("a", "leased", 1, 1), state("b", "done", 2, 9)},
		"another one wrote for it":   {state("a", "leased", 1, 1), state("b", "leased", 2, 2)},
		"one ended, one was written": {state("a", "done", 1, 9), state("b", "leased", 2, 2)},
	} {
		addr := api{"GET /v1/jobs/bs-abc/slices": client.SliceStates{Slices: now}}.serve(t)
		c, err := client.New(client.Config{Addresses: []string{addr}, Retry: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		orphans := map[string]client.SliceState{"a": state("a", "leased", 1, 1), "b": state("b", "leased", 1, 1)}
		if err := newProgress(t.Context(), c, "bs-abc", orphans); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		c.Close()
	}
}
