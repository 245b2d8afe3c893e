package main

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
)

// diary records what parts do, in order.
type diary struct {
	mu    sync.Mutex
	lines []string
}

func (d *diary) note(line string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, line)
}

func (d *diary) part(name string, err error) part {
	return part{name, func(ctx context.Context) error {
		<-ctx.Done()
		d.note(name)
		return err
	}}
}

func TestPartsStopInReverse(t *testing.T) {
	var d diary
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := runParts(ctx, []part{d.part("node", nil), d.part("api", context.Canceled), d.part("worker", nil)}); err != nil {
		t.Errorf("got %v, want nil", err)
	}
	if got, want := strings.Join(d.lines, " "), "worker api node"; got != want {
		t.Errorf("stopped: got %s, want %s", got, want)
	}
}

func TestAPartThatEndsStopsTheOthersAndDecides(t *testing.T) {
	var d diary
	boom := errors.New("boom")
	err := runParts(context.Background(), []part{
		{"node", func(context.Context) error { return boom }}, d.part("api", errors.New("late")), d.part("worker", nil),
	})
	if !errors.Is(err, boom) {
		t.Errorf("got %v, want %v", err, boom)
	}
	if got, want := strings.Join(d.lines, " "), "worker api"; got != want {
		t.Errorf("stopped: got %s, want %s", got, want)
	}
}
