package worker

import (
	"context"

	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/partition/share"
)

// Control is what a worker needs of the control plane. The cluster room satisfies it; cmd asserts the fit, and replaytest
// has one in memory. A call that returns an error had an unknown outcome and may be repeated.
type Control interface {
	// Assignment waits until this node's leases differ from those of index after, and returns them all. It also returns
	// when ctx ends.
	Assignment(ctx context.Context, after uint64) (fsm.Assignment, error)
	// Checkpoint saves the progress of every running slice in one command and thereby renews this node's right to work. With
	// no entries it only renews. Refused slices must stop at once.
	Checkpoint(ctx context.Context, entries []fsm.SliceCheckpoint) ([]fsm.Refusal, error)
	// Finish and Fail end a lease. A Result with code StaleEpoch means that the slice is no longer ours.
	Finish(ctx context.Context, cmd fsm.FinishSlice) (fsm.Result, error)
	Fail(ctx context.Context, cmd fsm.FailSlice) (fsm.Result, error)
}

// LedgerKeeper is a Control that keeps both sides' numbers per window beside a comparison. A cluster of an older version refuses with
// NeedsVersion; a comparison is worth something without them.
type LedgerKeeper interface {
	SaveLedger(ctx context.Context, cmd fsm.SaveLedger) (fsm.Result, error)
}

// QuarantineKeeper is a Control that adds up what all slices of a job have set aside. A cluster of an older version refuses with NeedsVersion:
// there the limit of a job is one of each slice.
type QuarantineKeeper interface {
	// FinishSliceWithin ends the lease of a fill slice as Finish does, or refuses with TooManyAside, and then the lease goes on.
	FinishSliceWithin(ctx context.Context, cmd fsm.FinishSliceWithin) (fsm.Result, error)
}

// ScanKeeper is a Control that keeps what slices of scans found. Without one they fail.
type ScanKeeper interface {
	// FinishScanSlice ends a lease as Finish does.
	FinishScanSlice(ctx context.Context, cmd fsm.FinishScanSlice) (fsm.Result, error)
}

// SchemaKeeper is a Control that keeps which schemas records of a dataset name. A cluster of an older version refuses with NeedsVersion; what a
// scan found is worth something without them.
type SchemaKeeper interface {
	SaveSchemas(ctx context.Context, cmd fsm.SaveSchemas) (fsm.Result, error)
}

// PlanKeeper is a Control that keeps plans of what scans found. Without one their slices fail.
type PlanKeeper interface {
	// LossyPartitions returns the partitions in which a scan found records missing, in order.
	LossyPartitions(ctx context.Context, scan partition.JobID) ([]int32, error)
	// KeepPlan ends a lease as Finish does.
	KeepPlan(ctx context.Context, cmd fsm.KeepPlan) (fsm.Result, error)
}

// Sharer is a Control that divides the cluster's budgets. Without one, nothing bounds how fast jobs work.
type Sharer interface {
	// CheckpointShares is Checkpoint that also asks for parts of budgets. What it is answered is good for the lease time from the asking on.
	CheckpointShares(ctx context.Context, entries []fsm.SliceCheckpoint, wants []share.Want) ([]fsm.Refusal, share.Answer, error)
}

// Pacer is a Control that tells people what holds jobs back on this node beside budgets.
type Pacer interface {
	// ShowPaces takes those of all jobs that are held back, in place of the ones before.
	ShowPaces(paces []share.Pace)
}

// Releaser is a Control that takes leases back, so that a worker that drains need not let them run out.
type Releaser interface {
	Release(ctx context.Context, leases []fsm.Lease) error
}

// Yielder is a Control that takes back leases which the leader asked for. Without one, the leader takes them by itself after a while.
type Yielder interface {
	Yield(ctx context.Context, leases []fsm.Lease) error
}
