// Package storage keeps the bytes of one node so that they survive a crash, and says so when they did not.
//
// A node directory holds one pebble database (raft log, stable store and book of record in separate key spaces), the
// raft snapshots, and three small files that are read before pebble is: the format, the identity and the high-water mark.
//
// Invariants:
//   - What a synced write returned for is there after a crash; what came back changed is an error with a name, never data.
//   - Nothing is opened that a newer program wrote, and nothing is opened twice.
//   - The first write, sync or corruption error is the last: it is latched, Options.Fatal is called once, and no later
//     write is reported as durable. A second fsync after a failed one proves nothing.
//   - The identity lies outside of what SetAside renames, so a node that lost its data knows that it once had some.
//
// Not here: what the bytes mean. The raft log is in storage/raftlog, snapshots in storage/snap, the temporary multiset in
// storage/spill, test kits in storage/storagetest; facts and commands are in fsm. No clock is read anywhere in this room.
//
// Reading order: open.go, layout.go, identity.go, format.go, errors.go, seal.go, events.go, metrics.go; byte tables are in
// FORMATS.md, the reasoning in DESIGN.md.
package storage
