// Package admin is the HTTP API v1 of a node: jobs, members, the Raft group, snapshots, health and metrics.
//
// Invariants:
//   - A handler decides nothing about the book: it turns a request into commands, proposes them from whichever node was
//     asked, and turns refusals into RFC 9457 problems with a stable code.
//   - The request id of each command comes from the Idempotency-Key, so a repeated request finds its first outcome, also on
//     another node and after a change of leader.
//   - Reads are local. A blocking read (`?index=&wait=`) answers as soon as the node has applied something newer.
//   - Every answer that reflects the book carries the index that it reflects in X-Backstitch-Index.
//   - Nothing is served that has no row in the table of verbs, and nothing is done before the caller has the role that the row names.
//
// Not here: the types of the API (cluster/client), which role a verb needs (cluster/access), what a job does (replay).
//
// Reading order: server.go, guard.go, concerns.go, access.go, problem.go, node.go, request.go, jobs.go, submit.go, proofs.go, datasets.go, trigger.go,
// members.go, group.go, snapshot.go, health.go, stacks.go.
package admin
