// Package cluster is one node of a backstitch cluster: who we are, who leads, what the others have agreed on.
//
// A Node owns the stores, the replica of the book of record, Raft, gossip and the port on which nodes talk. Everything that
// another room may ask of it is a method of Node: propose a command, read the book, hold leases, see how the group is.
//
// Invariants:
//   - Gossip proposes, Raft decides: nothing that gossip says changes a fact or a right to vote.
//   - A peer is a node id. Its address is looked up when it is dialled, so a node may come back with another one.
//   - A node that may have forgotten what it acknowledged does not start Raft before the leader has taken its vote away.
//   - Two clusters never mix: the cluster id is made once, at bootstrap, kept beside the data, and every first word between
//     two nodes carries it.
//   - Propose tells three things apart: it happened (Result), it did not (ErrNoLeader), nobody knows (ErrOutcomeUnknown).
//   - New starts nothing. Run owns every goroutine and returns when all are gone.
//
// Not here: what only the leader decides (cluster/leader), gossip itself (cluster/member), the messages between nodes
// (cluster/wire), certificates (cluster/access), HTTP (cluster/admin), what a slice does to data (replay).
//
// Reading order: config.go, errors.go, node.go, run.go, open.go, mark.go, bootstrap.go, join.go, mux.go, peers.go, serve.go,
// propose.go, lead.go, book.go, autopilot.go, control.go, operate.go, snapshot.go, status.go, health.go, metrics.go.
package cluster
