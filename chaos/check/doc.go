// Package check decides from evidence whether the system kept its promises.
//
// Each checker is a pure function over evidence that any layer can collect: it returns what it found broken, and an error when the
// evidence is not good enough to judge by. A run passes when there is neither.
//
// Invariants:
//   - A judge shares no code with what it judges: readers are Kafka's own console consumer and a plain franz-go consumer, hashes are
//     those of chaos/traffic, and the model of the control plane is written from the promise, not from the book's code.
//   - A judge looks at its own assumptions first: an empty truth, a reader that stopped early, a clock that went back are
//     ErrEvidence, never a pass.
//   - A judge reports what it counted, and the test decides. Nothing is forgiven here.
//   - What a request with an unknown outcome did is open until the end of time.
//
// Not here: how the evidence came about (bubble, matrix, realtest, failover).
//
// Reading order: finding.go, read.go, topic.go, same.go, fencing.go, checkpoints.go, digests.go, leases.go, acked.go, ended.go,
// history.go, model.go, told.go, leaks.go, console.go, store.go.
package check
