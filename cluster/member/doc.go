// Package member is the rumour: which nodes are about, where they listen, how busy they are. It wraps memberlist.
//
// Invariants:
//   - Everything here is a hint. No fact, vote or lease changes because of it.
//   - What another node says of itself is decoded strictly. Metadata that does not decode, claims another name than its
//     sender, or belongs to another cluster is dropped, and what was known of that node stays.
//   - A node that is dead by rumour is still listed, with the time at which it was declared so, until it returns.
//
// Not here: the sockets (cluster/member/transport), finding addresses where none are written down (cluster/discover), who belongs to the cluster (the book: fsm.Member), who
// leads and votes (cluster), moving work off dead nodes (cluster/leader).
//
// Reading order: meta.go, timings.go, keyring.go, ring.go, lock.go, gossip.go, seek.go, delegate.go, log.go.
package member
