// Package worker runs the slices that this node holds leases of: as many at a time as it has lanes, until the lease moves,
// the slice is done, or it can not go on.
//
// Invariants:
//   - Nothing is written for longer than the lease time after the last renewal that succeeded, on this node's monotonic
//     clock. The sink would refuse it anyway; stopping spares the target.
//   - All slices checkpoint in one call per interval, and that call is the renewal.
//   - A checkpoint says what is durable in the target, never more.
//   - A slice that was fenced is opened again only after the book has confirmed the lease. Without that, a zombie and the owner
//     could fence each other for ever; with it, the zombie is the one that stops.
//   - Of one lane, one slice runs at a time.
//   - Run returns when everything it started is gone.
//
// What is not here: who gets a lease (cluster/leader), what one slice does (replay/engine), how a comparison is made
// (replay/verify), how ends are opened (replay/open).
//
// Reading order: control.go, worker.go, table.go (what runs and what stops), loop.go, run.go, failure.go, metrics.go.
package worker
