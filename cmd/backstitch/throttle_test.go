package main

import (
	"strings"
	"testing"

	"backstitch/cluster/client"
)

func TestWhatThrottleDoesNotTake(t *testing.T) {
	for _, row := range []struct{ args, says string }{
		{"throttle --bytes 20MiB/s", "whom to bound"},
		{"throttle", "whom to bound"},
		{"throttle bs-a", "how much is not said"},
		{"throttle bs-a --off --bytes 1MiB/s", "--off takes the bound away"},
		{"throttle bs-a --cluster --bytes 1MiB/s", "one bound at a time"},
		{"throttle bs-a --bytes 20MiB", "20MiB/s"},
		{"throttle bs-a --bytes 20/s", "20MiB"},
		{"throttle bs-a --records 1.5/s", "whole number"},
		{"throttle bs-a --records -1/s", "pause"},
		{"throttle bs-a --requests 0/s", "pause"},
		{"priority bs-a high", "0 to 100"},
		{"priority bs-a 101", "0 to 100"},
	} {
		if _, stderr, status := invoke(t, nil, strings.Fields(row.args)...); status != client.ExitUsage || !strings.Contains(stderr, row.says) {
			t.Errorf("%s: status %d\n%s", row.args, status, stderr)
		}
	}
}
