package worker

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"backstitch/fsm"
	"backstitch/partition"
)

// Slices of scans read and write nothing, so there is no epoch to carry to a target and nothing that a zombie could harm: what it found
// the book refuses.

// seen is how far a slice of a scan is, for people: a slice that moves begins anew.
type seen struct{ records, bytes atomic.Int64 }

func (s *seen) add(records, bytes int64) {
	s.records.Add(records)
	s.bytes.Add(bytes)
}

func (s *seen) checkpoint(epoch partition.Epoch, now time.Time) fsm.Checkpoint {
	return fsm.Checkpoint{Epoch: epoch, Records: s.records.Load(), Bytes: s.bytes.Load(), UnixNanos: now.UnixNano()}
}

// look does a slice of a scan and returns what tells the book of it.
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
		part, err := r.w.deps.Scanner.Scan(r.ctx, r.work, r.seen.add)
		if err != nil {
			return nil, fmt.Errorf("scan partition %d: %w", r.work.Slice.Partition, err)
		}
		cmd.Part = &part
	}
	cmd.Checkpoint = r.seen.checkpoint(r.work.Epoch, r.w.deps.Now())
	*last = cmd.Checkpoint
	return func(ctx context.Context) (fsm.Result, error) { return keeper.FinishScanSlice(ctx, cmd) }, nil
}
