package supervise

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"backstitch/cluster"
)

// patient is a node that the test decides about.
type patient struct {
	mu     sync.Mutex
	health cluster.Health
	pulse  cluster.Pulse
}

func (p *patient) Health() cluster.Health {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.health
}

func (p *patient) Pulse() cluster.Pulse {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.pulse
}

// becomes changes the node.
func (p *patient) becomes(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
}

func checks(reason string) []cluster.Check {
	return []cluster.Check{{Name: "member", OK: reason == "", Reason: reason}}
}

// watch runs a teller over p in virtual time and returns what it has told so far.
func watch(t *testing.T, p *patient, watchdog time.Duration) (told func() []string, end func()) {
	t.Helper()
	var mu sync.Mutex
	var heard []string
	ctx, stop := context.WithCancel(context.Background())
	teller := &Teller{Node: p, Watchdog: watchdog, Log: slog.New(slog.DiscardHandler), Notify: func(m string) error {
		mu.Lock()
		defer mu.Unlock()
		heard = append(heard, m)
		return nil
	}}
	done := make(chan error, 1)
	go func() { done <- teller.Run(ctx) }()
	time.Sleep(time.Millisecond) // from here on the test acts between two looks, never beside one
	told = func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(heard)
	}
	return told, func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func TestANodeIsReadyWhenItsDataAreOpenAndSaysWhatItWaitsFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &patient{health: cluster.Health{Ready: checks("opening")}}
		told, end := watch(t, p, 0)
		time.Sleep(time.Minute)
		if got := told(); !slices.Equal(got, []string{"STATUS=member: opening"}) {
			t.Errorf("before its data are open: %q", got)
		}
		p.becomes(func() { p.pulse.Opened, p.health.Ready = true, checks("meeting others") })
		time.Sleep(time.Minute) // the others never come
		p.becomes(func() { p.health.Ready = checks("") })
		time.Sleep(time.Minute)
		end()
		want := []string{"STATUS=member: opening", Ready, "STATUS=member: meeting others", "STATUS=serves", Stopping}
		if got := told(); !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestTheWatchdogIsFedWhileTheBookGetsOn(t *testing.T) {
	const watchdog = 30 * time.Second
	rows := map[string]struct {
		health cluster.Health
		step   func(p *cluster.Pulse)
		fed    bool
	}{
		"idle":                   {cluster.Health{}, func(*cluster.Pulse) {}, true},
		"not started":            {cluster.Health{Ready: checks("meeting others")}, func(p *cluster.Pulse) { *p = cluster.Pulse{} }, true},
		"no leader":              {cluster.Health{Ready: checks("nobody leads")}, func(*cluster.Pulse) {}, true},
		"applies one after one":  {cluster.Health{}, func(p *cluster.Pulse) { p.Turns += 2; p.Committed += 9; p.Applied++ }, true},
		"is always at it":        {cluster.Health{}, func(p *cluster.Pulse) { p.Turns += 2 - p.Turns%2 + 1 }, true},
		"hangs in an apply":      {cluster.Health{}, func(p *cluster.Pulse) { p.Turns = 7 }, false},
		"hands over nothing":     {cluster.Health{}, func(p *cluster.Pulse) { p.Applied, p.Committed = 10, p.Committed+1 }, false},
		"its disk does not work": {cluster.Health{Live: checks("disk")}, func(*cluster.Pulse) {}, false},
	}
	for name, row := range rows {
		synctest.Test(t, func(t *testing.T) {
			p := &patient{health: row.health, pulse: cluster.Pulse{Opened: true, Applied: 10, Committed: 10}}
			told, end := watch(t, p, watchdog)
			defer end()
			for range 10 {
				time.Sleep(time.Second)
				p.becomes(func() { row.step(&p.pulse) })
			}
			feeds := func() int { return strings.Count(strings.Join(told(), " "), Alive) }
			before := feeds()
			for range int(watchdog / time.Second) {
				time.Sleep(time.Second)
				p.becomes(func() { row.step(&p.pulse) })
			}
			if times := feeds() - before; (times > 0) != row.fed {
				t.Errorf("%s: fed %d times in %s, want fed: %t", name, times, watchdog, row.fed)
			}
		})
	}
}

func TestAReasonOfSeveralLinesAssignsNothing(t *testing.T) {
	got := line(cluster.Health{Ready: checks("stopped: read it\nMAINPID=1\r\nagain")})
	if want := "member: stopped: read it; MAINPID=1; again"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAShortWatchdogIsFedInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		told, end := watch(t, &patient{}, 900*time.Millisecond)
		defer end()
		time.Sleep(9*time.Second + time.Millisecond)
		if n := strings.Count(strings.Join(told(), " "), Alive); n < 30 {
			t.Errorf("fed %d times in ten times the watchdog, want at least 30", n)
		}
	})
}

func TestWhatWasNotHeardIsToldAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var heard []string
		deaf := true
		teller := &Teller{Node: &patient{pulse: cluster.Pulse{Opened: true}}, Log: slog.New(slog.DiscardHandler), Notify: func(m string) error {
			if deaf {
				return errors.New("no such socket")
			}
			heard = append(heard, m)
			return nil
		}}
		teller.look()
		deaf = false
		teller.look()
		teller.look()
		if want := []string{Ready, "STATUS=serves"}; !slices.Equal(heard, want) {
			t.Errorf("got %q, want %q", heard, want)
		}
	})
}
