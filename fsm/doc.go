// Package fsm is the book of record: every replicated fact is a type here, and every change to one is a numbered command
// here. `ls op*` is the protocol.
//
// Invariants:
//   - Apply depends on the book and on the command alone: no clock, no randomness, no network, no logging, no planning.
//   - A command checks everything first and then writes; a refusal is a Code that all replicas agree on and changes no fact.
//   - Facts, applied index and term, and the chained digest go into pebble in one batch.
//   - A Go error inside apply means "this replica can not go on": the Machine latches and applies nothing more.
//   - An op number, once released, keeps its meaning and its bytes for ever.
//
// Not here: who leads, who is alive and who should own what (cluster), what a slice does to data (replay), where bytes
// are kept (storage).
//
// Reading order: fact_job.go, fact_slice.go, fact_proof.go, fact_member.go, command.go, ops.go, one op file, tx.go, machine.go,
// view.go, snapshot.go, restore.go. DESIGN.md says why, wire/FORMATS.md has the byte tables.
package fsm
