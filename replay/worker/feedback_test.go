package worker_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"backstitch/partition"
	"backstitch/partition/share"
	"backstitch/replay/feedback"
	"backstitch/replay/open"
	"backstitch/replay/recovery"
	"backstitch/replay/throttle"
	"backstitch/replay/worker"

	"github.com/prometheus/client_golang/prometheus"
)

// told is a control that people look at.
type told struct {
	worker.Control
	mu    sync.Mutex
	paces []share.Pace
}

func (c *told) ShowPaces(paces []share.Pace) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.paces = paces
}

func (c *told) last() []share.Pace {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.paces
}

// sparing opens the ends of a plant for a job that spares a group.
type sparing struct {
	*plant
	lag   feedback.Measure
	rules *recovery.Feedback
}

func (o *sparing) Open(ctx context.Context, job partition.JobID, recipe []byte, meter *throttle.Meter) (*open.Ends, error) {
	ends, err := o.plant.Open(ctx, job, recipe, meter)
	if err != nil {
		return nil, err
	}
	ends.Recipe.Feedback = o.rules
	ends.Look = &feedback.Look{Key: "k", Do: func(context.Context, func() time.Time) feedback.Reading {
		return feedback.Reading{Lags: map[string]feedback.Measure{"billing": o.lag}}
	}}
	return ends, nil
}

// What holds a job back is told while it does, and counted; nothing of a job that ends is left running.
func TestWhatHoldsAJobBackIsTold(t *testing.T) {
	for _, c := range []struct {
		name string
		f    *recovery.Feedback
		says string // "" for nothing
	}{
		{"unseen", &recovery.Feedback{Groups: []string{"billing"}}, "lag of group billing can not be seen, so the rate does not rise: denied"},
		{"off", &recovery.Feedback{Off: true}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPlant(t)
				free := make(chan struct{})
				p.gate = func(ctx context.Context) error {
					select {
					case <-free:
						return nil
					case <-ctx.Done():
						return ctx.Err()
					}
				}
				s := p.slice(0, 0)
				p.control.Grant("n1", s, nil)
				control, metrics := &told{Control: p.control.Node("n1")}, prometheus.NewRegistry()
				w, err := worker.New(config("n1"), worker.Deps{Control: control, Opener: &sparing{p, feedback.Measure{Err: errors.New("denied")}, c.f},
					Verifier: p, Now: time.Now, Metrics: metrics})
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan error, 1)
				go func() { done <- w.Run(ctx) }()
				time.Sleep(5 * time.Second)
				paces := control.last()
				switch {
				case c.says == "" && len(paces) > 0:
					t.Errorf("feedback is off, and it says %+v", paces)
				case c.says != "" && (len(paces) != 1 || paces[0].Why != c.says || paces[0].Job != string(job) || paces[0].Rate != 1<<20 || paces[0].Floor != feedback.DefaultFloor || paces[0].Kind != "lag"):
					t.Errorf("it says %+v", paces)
				}
				all, err := metrics.Gather()
				if err != nil {
					t.Fatal(err)
				}
				var names []string
				for _, m := range all {
					names = append(names, m.GetName())
				}
				if got := strings.Contains(strings.Join(names, " "), "backstitch_throttle_feedback_unseen"); got != (c.says != "") {
					t.Errorf("metrics %s", names)
				}
				close(free)
				p.wait("done", isDone(s.ID))
				time.Sleep(2 * time.Second)
				if left := control.last(); len(left) != 0 {
					t.Errorf("the job is done, and it says %+v", left)
				}
				cancel()
				<-done
			})
		})
	}
}
