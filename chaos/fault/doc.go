// Package fault has faults as values: what is done to the system, to whom, when and for how long, with a text form that a
// person can type, paste into a report and give back.
//
//	at 4s for 10s partition minority
//	at 2s kill owner
//	for 20s delay 50ms±10ms loss 1% on node-b
//	at 5s disk full on leader
//
// Invariants:
//   - One literal table, Table, says of each kind what it does, how it is written, what it may be aimed at and which layers can
//     do it. Parser, printer, validation and random plans all follow it.
//   - Parse of String gives the same fault, and String of Parse gives the one canonical text.
//   - Nothing is accepted and ignored: a fault with a magnitude that its kind does not have is refused.
//   - The same seed and the same Mix give the same plan.
//
// Not here: doing it to anything (bubble, netns, disk, limits, fakes, staging), and the stories around it (scenario).
//
// Reading order: fault.go, kind.go, table.go, target.go, parse.go, timeline.go, plan.go, tally.go.
package fault
