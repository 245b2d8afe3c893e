//go:build linux

package matrix

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"backstitch/chaos/fault"
	"backstitch/chaos/testbed"
	"backstitch/storage/failpoint"
)

// Snapshots kills an agent in the middle of writing a snapshot. Nobody hits that moment from outside, so in a run that has such a
// fault every agent is a build with failpoints that waits there.
type Snapshots struct{}

// Kinds implements Injector.
func (Snapshots) Kinds() []fault.Kind { return []fault.Kind{fault.KillInSnapshot} }

// Missing implements Injector.
func (Snapshots) Missing(fault.Kind) error { return nil }

// halfWritten is how long each snapshot stays so: long enough to see it and to kill.
const halfWritten = 2 * time.Second

// Prepare implements Injector.
func (s Snapshots) Prepare(r *Run, _ string, seat *testbed.Seat) error {
	if !r.does(s.Kinds()) {
		return nil
	}
	path, err := r.Builds.Failpoints()
	if err != nil {
		return err
	}
	seat.Path = path
	seat.Env = append(seat.Env, fmt.Sprintf("%s=%s=delay:%s", failpoint.EnvArm, failpoint.SnapStateWritten, halfWritten))
	return nil
}

// Inject implements Injector. What is half written has to be there before the kill and after it: that is the hit.
func (Snapshots) Inject(ctx context.Context, r *Run, _ fault.Fault, nodes []*testbed.Node) (Injected, error) {
	n := nodes[0]
	ctx, cancel := context.WithCancel(ctx)
	asked := make(chan struct{})
	asker := r.Fleet.Ask(r.T, n)
	go func() {
		defer close(asked)
		// The answer is cut off with the process; that it was asked for is all that matters.
		if body, _, _, err := asker.Snapshot(ctx); err == nil {
			_, _ = io.Copy(io.Discard, body)
			body.Close()
		}
	}()
	half := filepath.Join(r.Fleet.DataDir(n), "data", "snapshots", "*.tmp", "state.bin")
	testbed.Eventually(r.T, 20*time.Second, "a snapshot that is half written", func() bool {
		found, err := filepath.Glob(half)
		return err == nil && len(found) > 0
	})
	err := kill(nodes)
	cancel()
	<-asked
	if err != nil {
		return Injected{}, err
	}
	left, err := filepath.Glob(half)
	hits := int64(len(left))
	return Injected{
		Hits: func() int64 { return hits },
		Heal: func(context.Context) error {
			r.Fleet.Start(r.T, n)
			return nil
		},
	}, err
}
