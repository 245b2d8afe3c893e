// Package inject hurts the node that it runs in, on purpose and for a bounded time, so that a cluster of staging can be tested
// where it runs and without rights over the machine.
//
// Invariants:
//   - Every fault has an end: a length that is positive and at most MaxTTL. It heals by itself, when it is taken back, and when
//     the process ends. Nothing about it is kept on disk.
//   - A fault counts what it hit. One that hit nothing has shown nothing.
//   - A node that may not be hurt has no Set at all: its network, gossip and disk are the real ones, not wrapped ones that are
//     switched off.
//   - What is cut breaks and stays silent; nothing is altered, so a fault can stop a node and never make it write something wrong.
//
// Not here: who may ask (admin), which nodes and when (chaos/staging).
//
// What it can not do: freeze the whole process. A pause stops the worker's word to the leader, both ways, and so its leases; its
// timers go on, and it gives its work up in time. An owner that does not know that time has passed needs SIGSTOP.
//
// Reading order: fault.go, set.go, network.go, gossip.go, disk.go.
package inject
