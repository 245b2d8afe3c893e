//go:build linux

package matrix

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"backstitch/chaos/disk"
	"backstitch/chaos/fault"
	"backstitch/chaos/limits"
	"backstitch/chaos/testbed"
	"backstitch/cluster"
)

// Disks does what happens to disks and to what is on them. In a run that has such a fault each node has a disk of its own.
type Disks struct {
	mu sync.Mutex
	of map[*Run]map[string]*disk.Disk // by node
}

// Kinds implements Injector.
func (*Disks) Kinds() []fault.Kind {
	return []fault.Kind{
		fault.PowerLoss, fault.DiskFull, fault.DiskSlow, fault.DiskEIO, fault.DiskFsync, fault.DiskReadOnly, fault.DiskLying,
		fault.BitFlip, fault.TruncatedTail, fault.LostSnapshot, fault.OldDisk,
	}
}

// Missing implements Injector.
func (*Disks) Missing(k fault.Kind) error {
	if k == fault.DiskSlow {
		if err := limits.Check(limits.Blkio); err != nil {
			return err
		}
	}
	return disk.Check()
}

// Prepare implements Injector: the node's directory lies on a disk that can be hurt.
func (d *Disks) Prepare(r *Run, name string, seat *testbed.Seat) error {
	if !r.does(d.Kinds()) {
		return nil
	}
	if _, err := disk.Sweep(); err != nil {
		return err
	}
	made, err := disk.New(disk.Spec{Name: name})
	if err != nil {
		return err
	}
	r.T.Cleanup(func() {
		if err := made.Close(); err != nil {
			r.T.Error(err)
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.of, r)
	})
	seat.Data = filepath.Join(made.Dir(), "node")
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.of == nil {
		d.of = map[*Run]map[string]*disk.Disk{}
	}
	if d.of[r] == nil {
		d.of[r] = map[string]*disk.Disk{}
	}
	d.of[r][name] = made
	return nil
}

func (d *Disks) disk(r *Run, n *testbed.Node) *disk.Disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.of[r][n.Name]
}

// Inject implements Injector. A disk has refused, lost or changed something for each node before it returns, so every node
// counts as hit.
func (d *Disks) Inject(_ context.Context, r *Run, f fault.Fault, nodes []*testbed.Node) (Injected, error) {
	heals := make([]func(context.Context) error, 0, len(nodes))
	// Power goes everywhere before the first process dies of it.
	for _, n := range nodes {
		heal, err := d.hurt(r, f, n)
		if err != nil {
			return Injected{}, err
		}
		heals = append(heals, heal)
	}
	if f.Kind == fault.PowerLoss {
		for _, n := range nodes {
			n.Kill()
		}
	}
	return Injected{
		Hits: func() int64 { return int64(len(nodes)) },
		Heal: func(ctx context.Context) error {
			var errs []error
			for _, heal := range heals {
				errs = append(errs, heal(ctx))
			}
			return errors.Join(errs...)
		},
	}, nil
}

// hurt begins the fault at one node and returns what ends it.
func (d *Disks) hurt(r *Run, f fault.Fault, n *testbed.Node) (heal func(context.Context) error, err error) {
	on := d.disk(r, n)
	start := func() error {
		r.Fleet.Start(r.T, n)
		return nil
	}
	switch f.Kind {
	case fault.PowerLoss:
		return then(on.PowerOn, start), on.CutPower()
	case fault.DiskLying:
		return then(on.CutPower, killed(n), on.PowerOn, start), on.Lie()
	case fault.OldDisk:
		old, err := on.Keep()
		return then(killed(n), func() error { return on.PutBack(old) }, mends(r, n)), err
	case fault.DiskFull:
		free, err := on.Fill()
		return then(free, restarted(r, n, cluster.ExitDiskFull)), err
	case fault.DiskReadOnly:
		return then(gone(n, cluster.ExitDisk), on.Remount, start), on.TurnReadOnly()
	case fault.DiskEIO:
		return then(gone(n, cluster.ExitDisk), on.Remount, start), on.Die()
	case fault.DiskFsync:
		_, room, err := on.FailSyncs()
		return then(gone(n, cluster.ExitDisk, cluster.ExitDiskFull), room, on.Remount, start), err
	case fault.DiskSlow:
		return slowed(on, n, f.Delay)
	}
	if err := ended(n); err != nil {
		return nil, err
	}
	return then(mends(r, n)), damage(r, f, filepath.Join(on.Dir(), "node"))
}

// damage changes files of a node that is stopped.
func damage(r *Run, f fault.Fault, home string) error {
	switch f.Kind {
	case fault.LostSnapshot:
		return disk.LoseSnapshot(home)
	case fault.TruncatedTail:
		logs, err := disk.Log.Of(home)
		if err != nil {
			return err
		}
		st, err := os.Stat(logs[0])
		if err != nil {
			return err
		}
		return disk.Shorten(logs[0], st.Size())
	case fault.BitFlip:
		files, err := disk.Files(f.What).Of(home)
		if err != nil {
			return err
		}
		at, err := disk.Flip(files[0], r.Random)
		r.Say("turned a bit over at %d of %s", at, filepath.Base(files[0]))
		return err
	}
	return fmt.Errorf("disks can not do %s", f.Kind)
}

// slowed bounds how many writes there are in a second.
func slowed(on *disk.Disk, n *testbed.Node, delay time.Duration) (heal func(context.Context) error, err error) {
	major, minor, err := on.Device()
	if err != nil {
		return nil, err
	}
	g, err := limits.NewGroup(n.Name)
	if err != nil {
		return nil, err
	}
	return then(g.Close), errors.Join(g.Add(n.PID()), g.SlowDevice(major, minor, delay))
}

// then is one step after another, up to the first that fails.
func then(steps ...func() error) func(context.Context) error {
	return func(ctx context.Context) error {
		for _, step := range steps {
			if err := step(); err != nil {
				return err
			}
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		return nil
	}
}

func killed(n *testbed.Node) func() error {
	return func() error {
		n.Kill()
		return nil
	}
}

// gone makes sure that a node does not run: one that has met the fault has ended with a documented status, one that has not is
// killed.
func gone(n *testbed.Node, documented ...int) func() error {
	return func() error {
		if n.Running() {
			n.Kill()
			return nil
		}
		status, err := n.Wait(context.Background()) // it has ended
		if err == nil && !slices.Contains(documented, status) {
			err = fmt.Errorf("%s ended with status %d, want one of %d", n.Name, status, documented)
		}
		return err
	}
}

// restarted starts a node again that has ended with a documented status, and leaves one that goes on.
func restarted(r *Run, n *testbed.Node, documented ...int) func() error {
	return func() error {
		if n.Running() {
			return nil
		}
		if err := gone(n, documented...)(); err != nil {
			return err
		}
		r.Fleet.Start(r.T, n)
		return nil
	}
}
