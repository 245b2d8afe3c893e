// Package sim runs the cluster's decisions on one goroutine under one seed: the same seed is the same run, to the last event.
//
// What decides is the program's own code: fsm.Machine applies the commands, leader.Loop takes turns, worker.Table starts and stops
// runs, engine.Engine steps, sink.Stamp resumes, dedupe suppresses, verify compares, plan.Cut and assign.Assign cut and place. What
// they stand on is a model that promises as much as the real thing and not more:
//
//   - raft: a log in one order. A proposal may be lost, late, doubled, or committed without an answer. A deposed leader goes on
//     until it notices, and what it could not commit may be committed by the next one.
//   - the network: messages are lost, late, doubled, out of order; links are cut one way; everything reaches a stopped process
//     when it goes on.
//   - the broker: transactions with producer epochs, a stamp that is committed with the records, an end whose answer is lost or
//     that takes effect later, open transactions of others, offsets that are used again.
//   - nodes: stopped for longer than a lease, killed, back with an older copy of the book; wall clocks that are hours off.
//
// Invariants of the package:
//   - Nothing here asks a clock, starts a goroutine or ranges over a map in a way that shows. The engine's reading ahead is a
//     goroutine of its own, and its reader shares nothing with the rest.
//   - A run without a fault from the plan is a run of a healthy cluster: all harm is in Plan, so a failing run can be shrunk by
//     leaving faults out.
//   - What is checked is computed from the model's own ground truth and never with replay's idea of missing.
//
// Not here: real raft, real pebble files and real network code (bubble, netns), crashes of the disk (crash).
//
// Reading order: world.go, schedule.go, plan.go, node.go, call.go, raft.go, book.go, work.go, broker.go, sink.go, reference.go,
// faults.go, operator.go, rules.go (what must hold at each step), judge.go (what must hold at the end), shrink.go, figures.go.
package sim
