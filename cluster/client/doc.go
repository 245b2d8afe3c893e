// Package client is the HTTP API v1 as Go types, and the client that the command line uses.
//
// The types are the contract: the server in cluster/admin encodes these, so the two sides can not drift apart. They are plain
// JSON values with times in RFC 3339 and hashes in hex; the book's own types stay inside the cluster.
//
// Invariants:
//   - A request that changes something carries an Idempotency-Key that stays the same over all its retries. The server
//     makes the request id of the book from it, so a retry that crosses a change of leader is harmless.
//   - A request is retried only when repeating it can not do harm, and on every known address before it is given up.
//   - Every failure is an *Error with a stable code, the object, the reason, what to type next, and an exit status.
//
// Not here: the server (cluster/admin), node-to-node RPC (cluster/wire), what to print (cmd/backstitch).
//
// Reading order: job.go, cluster.go, proof.go, problem.go, client.go, calls.go.
package client
