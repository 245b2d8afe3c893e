// Package snap keeps raft's snapshots on the node's disk: raft.SnapshotStore as one directory per snapshot.
//
// Invariants:
//   - A snapshot is there whole or not at all: it is written under a temporary name, synced, and renamed.
//   - Nothing unverified reaches a restore: Open reads the whole file against its checksums before it returns, and each chunk
//     is checked again when it is served.
//   - A damaged snapshot is not listed as usable and not served; Open and Damaged name it. It is not deleted: someone may
//     want to look at it, and it may be the only one.
//   - Old snapshots go only after a newer one is in place.
//
// Not here: what is inside a snapshot (fsm), the raft log (storage/raftlog).
//
// Reading order: store.go, sink.go, chunk.go, manifest.go.
package snap
