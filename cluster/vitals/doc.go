// Package vitals is what a node makes of the clocks and disks of all nodes, its own included: how far clocks are apart, and how full disks are. It asks
// nobody; the node does, and tells it what came back.
//
// Invariants:
//   - An offset of a clock is never told without its bound: the other clock is within it for certain, as long as both went on while they were compared.
//   - A disk that went past a mark comes back below it only Back points further down, so that nothing flaps at a mark.
//   - What could not be read is Unknown, and never called room.
//
// Not here: asking (the node's round over wire.Vitals), and what is done about a full disk (cluster/leader).
//
// Reading order: clock.go, disk.go, table.go.
package vitals
