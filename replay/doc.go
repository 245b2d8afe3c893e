// Package replay is the room of everything that touches data: reading it, writing it, finding what is missing, planning how to
// put it back, and proving that it is back. It holds no code of its own; DESIGN.md says how the packages work together.
//
// It runs without a cluster: what a worker needs of one is the small interface worker.Control. The room never imports cluster.
package replay
