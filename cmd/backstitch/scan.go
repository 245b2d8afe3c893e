package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"backstitch/replay/gap"
	"backstitch/replay/gap/match"
	"backstitch/replay/recovery"
	"backstitch/replay/recovery/reach"
	"backstitch/replay/spec"
	"backstitch/storage/spill"
)

// scratch is a directory for sets of hashes that outgrow memory, and its removal.
func scratch() (dir string, remove func(), err error) {
	dir, err = os.MkdirTemp("", "backstitch-scan-")
	if err != nil {
		return "", nil, err
	}
	return dir, func() { _ = os.RemoveAll(dir) }, spill.Sweep(dir)
}

// scanning is how this process scans: sets of hashes that spill to dir, and a line of progress now and then.
func (a *app) scanning(dir string) gap.Config {
	cfg := gap.DefaultConfig()
	cfg.NewBag = match.Spill(spill.Options{Dir: dir, MemoryBytes: 4 * spillMemory})
	read := a.reading("scan")
	cfg.Progress = func(p gap.Progress) { read(p.Records, p.Bytes) }
	return cfg
}

// clients opens the ends that specs and plans name.
func (p *places) clients() recovery.Clients { return reach.New(p.openConfig()) }

// scan compares reference and target now, from here.
func (a *app) scan(ctx context.Context, where *places, r *spec.Recovery) (*gap.Report, error) {
	dir, remove, err := scratch()
	if err != nil {
		return nil, fmt.Errorf("make a directory for the scan: %w", err)
	}
	defer remove()
	return recovery.Scan(ctx, r, where.clients(), recovery.Options{Now: time.Now, Scan: a.scanning(dir)})
}

// build makes a plan from what is there now. cluster is "" for none.
func (a *app) build(ctx context.Context, where *places, r *spec.Recovery, cluster string) (*recovery.Plan, error) {
	dir, remove, err := scratch()
	if err != nil {
		return nil, fmt.Errorf("make a directory for the scan: %w", err)
	}
	defer remove()
	return recovery.Build(ctx, r, where.clients(), recovery.Options{Cluster: cluster, Now: time.Now, Scan: a.scanning(dir)})
}

// fresh makes sure that the world is still what the plan saw.
func (a *app) fresh(ctx context.Context, where *places, p *recovery.Plan) error {
	return recovery.CheckFresh(ctx, p, where.clients())
}
