//go:build linux

package flood

import (
	"net"
	"testing"
	"time"

	"backstitch/chaos/testbed"
)

// TestEveryKindArrives: garbage of each kind is taken by a sink, or what a flood does to a node would be nothing.
func TestEveryKindArrives(t *testing.T) {
	for name, kind := range map[string]Kind{"HTTP": HTTP, "noise": Noise, "datagrams": Datagram} {
		t.Run(name, func(t *testing.T) {
			sink, err := Open(t.Context(), kind, 0, nil)
			if err != nil {
				t.Fatal(err)
			}
			f := Start(t.Context(), Config{Doors: []Door{sink.Door}, PerSecond: 2000, Senders: 4, From: net.IPv4(127, 0, 0, 1), Patience: time.Minute, Seed: 1})
			testbed.Eventually(t, time.Minute, "fifty answers", func() bool { return f.answered.Load() >= 50 })
			c := f.Stop()
			if err := sink.Close(); err != nil {
				t.Error(err)
			}
			if c.Failed > 0 || c.Due != c.Answered+c.Held {
				t.Errorf("%+v", c)
			}
			if kind == HTTP && c.Status[429] != c.Answered {
				t.Errorf("%d answers, of them %v", c.Answered, c.Status)
			}
		})
	}
}

// TestWhoIsHeldOffCounts: a door that holds is sent what its connections allow, and the rest is not forgotten.
func TestWhoIsHeldOffCounts(t *testing.T) {
	sink, err := Open(t.Context(), HTTP, time.Hour, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer sink.Close()
	f := Start(t.Context(), Config{Doors: []Door{sink.Door}, PerSecond: 1000, Senders: 2, From: net.IPv4(127, 0, 0, 1), Patience: 200 * time.Millisecond, Seed: 1})
	testbed.Eventually(t, time.Minute, "both senders to have given up, and what was due meanwhile to be counted", func() bool { return f.failed.Load() >= 2 && f.held.Load() > 100 })
	if c := f.Stop(); c.Answered != 0 || c.Due != c.Held+c.Failed {
		t.Errorf("%+v", c)
	}
}
