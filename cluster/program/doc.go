// Package program runs programs for steps of flows, on a node whose configuration allows them by name.
//
// Invariants:
//   - Only what is allowed runs: an absolute path of a regular file that nobody but its owner and group may write, called by the name that
//     stands in this node's configuration. There is no shell; arguments are passed as they are.
//   - An attempt is in the journal, on disk, before its process is there, and what came of it is in the journal before it is told. So
//     whoever asks again under the same token is told, and starts nothing.
//   - What began and whose end is not in the journal is unknown, and is not begun again under its token, unless the entry says that twice
//     is as good as once.
//   - A program sees an environment that is made for it, no input, and is gone with its whole process group when its time is over, when
//     its first process ends, or when the node stops.
//
// What is not here: who decides what is run and when (cluster/conductor), how an order comes to this node (package cluster).
//
// Reading order: order.go, journal.go, runner.go, tail.go.
package program
