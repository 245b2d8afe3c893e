package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"backstitch/cluster"
	"backstitch/cluster/clustertest"
	"backstitch/cluster/wire"
)

// Once an attempt may have happened, no later answer takes that back: whoever is told that a command did not happen may do
// something else instead.
func TestWhatMayHaveHappenedIsNotDenied(t *testing.T) {
	for name, then := range map[string]func(*clustertest.Member) error{
		"the node ends":      func(m *clustertest.Member) error { m.Stop(); return &wire.Failure{Reason: wire.Unknown} },
		"another refuses it": func(*clustertest.Member) error { return &wire.Failure{Reason: wire.Refused, Text: "no"} },
		"nobody leads":       func(*clustertest.Member) error { return cluster.ErrNoLeader },
		"nobody is ready":    func(*clustertest.Member) error { return &wire.Failure{Reason: wire.NotReady} },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := clustertest.New(t, 1)
				c.StartAll()
				m := c.Member(0)
				c.WaitServing(m)
				ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
				defer cancel()
				attempts := 0
				err := m.Node.UntilDone(ctx, func() error {
					if attempts++; attempts == 1 {
						return &wire.Failure{Reason: wire.Unknown}
					}
					return then(m)
				})
				if attempts < 2 {
					t.Fatalf("%d attempts, want a second one", attempts)
				}
				if !errors.Is(err, cluster.ErrOutcomeUnknown) {
					t.Errorf("got %v, want that nobody knows", err)
				}
				if f := m.Node.AsFailure(fmt.Errorf("propose: %w", err)); f.Reason != wire.Unknown {
					t.Errorf("it travels as %v, want unknown", f)
				}
			})
		})
	}
}
