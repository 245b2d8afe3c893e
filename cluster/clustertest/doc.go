// Package clustertest runs whole clusters inside one test: an in-memory network that can be cut, in-memory disks that can lose
// what was not synced, and real Raft, gossip and stores on top. It is made for testing/synctest, where a minute of cluster time
// takes a fraction of a second and every timer is the production one.
//
// Invariants:
//   - A host that is down refuses connections, as a machine does whose process died; a host that is cut off answers nothing.
//   - A kill keeps only what was synced.
//   - Whatever a test starts is stopped by its cleanup, and a node that ended by itself with an error fails the test unless it
//     was expected to.
//
// Not here: processes, sockets and real disks (chaos).
//
// Reading order: cluster.go, network.go, pipe.go, gossip.go.
package clustertest
