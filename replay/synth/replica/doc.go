// Package replica reads topics to learn from and writes topics that look like them.
//
// Invariants:
//   - Learn only reads. Of a registry it asks for schemas alone.
//   - Make writes into a topic that it has made itself. One that exists is refused, whatever is in it, so that no topic with real
//     records can be hit; Remove deletes a topic only under the id that Make gave back.
//   - Judge counts what a reader of committed data finds, by its own hash of what the generator makes again. It shares nothing with
//     the comparison of a scan or a proof.
//
// Not here: what is learnt and how records are made (synth), archives of a replica (archive.Copy makes them as of any topic).
//
// Reading order: learn.go, schemas.go, make.go, judge.go.
package replica
