package main

import (
	"errors"
	"testing"

	"backstitch/cluster/client"
)

func TestWhatCanNotBeComparedIsNotCalledComplete(t *testing.T) {
	rows := []struct {
		missing bool
		unknown int
		want    int
	}{
		{false, 0, client.ExitOK},
		{true, 0, client.ExitWork},
		{true, 3, client.ExitWork},
		{false, 3, client.ExitIndeterminate},
	}
	for _, row := range rows {
		got := client.ExitOK
		var status exitStatus
		if err := detailedStatus(row.missing, row.unknown); errors.As(err, &status) {
			got = int(status)
		}
		if got != row.want {
			t.Errorf("missing: %t, %d unknown: got status %d, want %d", row.missing, row.unknown, got, row.want)
		}
	}
}
