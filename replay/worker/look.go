package worker

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"backstitch/fsm"
	"backstitch/partition"
)

// Slices of scans and of plans read and write nothing, so there is no epoch to carry to a target and nothing that a zombie could harm: what it found
// the book refuses.

// seen is how far such a slice is, for people: a slice that moves begins anew.
type seen struct{ records, bytes atomic.Int64 }

func (s *seen) add(records, bytes int64) {
	s.records.Add(records)
	s.bytes.Add(bytes)
}

func (s *seen) checkpoint(epoch partition.Epoch, now time.Time) fsm.Checkpoint {
	return fsm.Checkpoint{Epoch: epoch, Records: s.records.Load(), Bytes: s.bytes.Load(), UnixNanos: now.UnixNano()}
}

// read does a slice that only reads and returns what tells the book of it.
func (r *run) read(last *fsm.Checkpoint) (tell func(context.Context) (fsm.Result, error), err error) {
	if r.work.Slice.Kind == partition.SlicePlan {
		return r.plan(last)
	}
	return r.look(last)
}

// plan makes a plan of what a scan found.
func (r *run) plan(last *fsm.Checkpoint) (tell func(context.Context) (fsm.Result, error), err error) {
	keeper, ok := r.w.deps.Control.(PlanKeeper)
	if !ok || r.w.deps.Scanner == nil || r.work.Plan == nil {
		return nil, fmt.Errorf("slice %s is a %s slice: %w", r.work.Slice.ID, r.work.Slice.Kind, errKind)
	}
	parts, err := keeper.LossyPartitions(r.ctx, r.work.Plan.Scan)
	if err != nil {
		return nil, fmt.Errorf("read what scan %s found: %w", r.work.Plan.Scan, err)
	}
	if len(parts) == 0 {
		return nil, fmt.Errorf("scan %s: %w", r.work.Plan.Scan, errForgotten)
	}
	cmd := fsm.KeepPlan{Slice: r.work.Slice.ID, Owner: r.w.cfg.Node, Epoch: r.work.Epoch}
	if cmd.Made, err = r.w.deps.Scanner.Plan(r.ctx, r.work, parts, r.seen.add); err != nil {
		return nil, fmt.Errorf("plan: %w", err)
	}
	cmd.Checkpoint = r.seen.checkpoint(r.work.Epoch, r.w.deps.Now())
	*last = cmd.Checkpoint
	return func(ctx context.Context) (fsm.Result, error) { return keeper.KeepPlan(ctx, cmd) }, nil
}

// look does a slice of a scan.
func (r *run) look(last *fsm.Checkpoint) (tell func(context.Context) (fsm.Result, error), err error) {
	keeper, ok := r.w.deps.Control.(ScanKeeper)
	if !ok || r.w.deps.Scanner == nil {
		return nil, fmt.Errorf("slice %s is a %s slice: %w", r.work.Slice.ID, r.work.Slice.Kind, errKind)
	}
	cmd := fsm.FinishScanSlice{Slice: r.work.Slice.ID, Owner: r.w.cfg.Node, Epoch: r.work.Epoch}
	if r.work.Slice.Kind == partition.SliceSurvey {
		survey, err := r.w.deps.Scanner.Survey(r.ctx, r.work)
		if err != nil {
			return nil, fmt.Errorf("survey: %w", err)
		}
		cmd.Survey = &survey
	} else {
		part, schemas, err := r.w.deps.Scanner.Scan(r.ctx, r.work, r.seen.add)
		if err != nil {
			return nil, fmt.Errorf("scan partition %d: %w", r.work.Slice.Partition, err)
		}
		if keeper, ok := r.w.deps.Control.(SchemaKeeper); ok && len(schemas) > 0 {
			met := fsm.SaveSchemas{Slice: r.work.Slice.ID, Owner: r.w.cfg.Node, Epoch: r.work.Epoch, Schemas: schemas}
			r.ask(func(ctx context.Context) (fsm.Result, error) { return keeper.SaveSchemas(ctx, met) })
		}
		cmd.Part = &part
	}
	cmd.Checkpoint = r.seen.checkpoint(r.work.Epoch, r.w.deps.Now())
	*last = cmd.Checkpoint
	return func(ctx context.Context) (fsm.Result, error) { return keeper.FinishScanSlice(ctx, cmd) }, nil
}
