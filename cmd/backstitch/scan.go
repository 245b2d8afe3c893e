package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"backstitch/replay/gap"
	"backstitch/replay/gap/match"
	"backstitch/replay/ledger"
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
	cfg.Spill = spill.Options{Dir: dir, MemoryBytes: spillMemory} // which is filled, whatever the difference
	read := a.reading("scan")
	cfg.Progress = func(p gap.Progress) { read(p.Records, p.Bytes) }
	return cfg
}

// clients opens the ends that specs and plans name.
func (p *places) clients() recovery.Clients { return reach.New(p.openConfig()) }

// keeping is where a scan keeps what it has read, for the next.
type keeping struct{ dir string }

func (k *keeping) flag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&k.dir, "ledger", "", "`directory` in which scans keep what they have read, so that the next reads only what is new")
}

// compare is how a scan compares, nil for the way without a ledger.
func (k *keeping) compare(a *app) func(context.Context, gap.Input, gap.Config, gap.Anchors) (*gap.Report, error) {
	if k.dir == "" {
		return nil
	}
	return func(ctx context.Context, in gap.Input, cfg gap.Config, anchors gap.Anchors) (*gap.Report, error) {
		rep, err := ledger.New(k.dir).Scan(ctx, in, cfg, anchors)
		if err == nil {
			for _, line := range rep.Ledger.Lines() {
				a.say("%s", line)
			}
		}
		return rep, err
	}
}

// again is what names the same ledger on another command line.
func (k *keeping) again(about string) string {
	if k.dir == "" {
		return about
	}
	return about + " --ledger " + quoted(k.dir)
}

// scan compares reference and target now, from here.
func (a *app) scan(ctx context.Context, where *places, r *spec.Recovery, kept *keeping) (*gap.Report, error) {
	dir, remove, err := scratch()
	if err != nil {
		return nil, fmt.Errorf("make a directory for the scan: %w", err)
	}
	defer remove()
	return recovery.Scan(ctx, r, where.clients(), recovery.Options{Now: time.Now, Scan: a.scanning(dir), Compare: kept.compare(a)})
}

// build makes a plan from what is there now. cluster is "" for none.
func (a *app) build(ctx context.Context, where *places, r *spec.Recovery, cluster string, kept *keeping) (*recovery.Plan, error) {
	dir, remove, err := scratch()
	if err != nil {
		return nil, fmt.Errorf("make a directory for the scan: %w", err)
	}
	defer remove()
	return recovery.Build(ctx, r, where.clients(), recovery.Options{Cluster: cluster, Now: time.Now, Scan: a.scanning(dir), Compare: kept.compare(a)})
}

// fresh makes sure that the world is still what the plan saw.
func (a *app) fresh(ctx context.Context, where *places, p *recovery.Plan) error {
	return recovery.CheckFresh(ctx, p, where.clients())
}
