// Package raftlog keeps raft's log and hard state in the node's pebble: raft.LogStore, raft.StableStore and
// raft.MonotonicLogStore in one type.
//
// Invariants:
//   - StoreLogs returns after one synced batch; what it returned for is found again or missed with a name.
//   - An entry is checked (CRC32C over index, term, type, time, extensions, data) when the log is opened and at every read.
//   - The log has no holes: a batch that would make one is refused, and Open names the index at which one begins.
//   - The high-water mark is never ahead of what is durable, so a node that merely lost power is never suspected.
//
// Not here: snapshots (storage/snap), the entry cache (wrap a Log in raft.NewLogCache), and what a node does that got
// storage.ErrShortened: the caller sets the directory aside and rejoins as a learner.
//
// Reading order: log.go, delete.go, open.go, mark.go, entry.go, stable.go.
package raftlog
