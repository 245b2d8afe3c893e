// Package leader is what only the leader does: it looks at the book, at the members and at the rumours about them, decides
// which commands are due, and proposes them. It decides in a pure function (Decide) and acts in a thin loop (Loop).
//
// Who may say what: gossip and lost connections propose, the book decides, sinks enforce. Everything here is a hint turned
// into a command; a wrong hint costs time and never correctness, because each grant raises the epoch of its slice, the book
// refuses the old owner's checkpoints and the sink refuses its writes.
//
// Invariants:
//
//   - Decide depends on Input alone: no clock, no randomness, no map order. Two leaders with one Input decide the same.
//
//   - At most the first unfinished slice of a lane is granted; slices of a lane never run side by side.
//
//   - In a blackout of a job, or a window of maintenance that concerns it, nothing of it is granted, and what runs is asked for. A lease that is asked for stays its owner's until it is given back, so nothing is
//     taken between the beginning of a transaction and its commit, unless the owner does not answer for Limits.Yield.
//
//   - Nothing starves: a job that waits with nothing running lifts its priority by one each Limits.AgeEvery, and goes before all others in the end.
//
//   - A running lease is never moved for balance, only because its owner is lost, draining, gone or unknown. Balance acts
//     between slices, which is soon, because slices are short.
//
//   - One hint moves nothing. A node is lost when two of three agree (gossip calls it dead, its port refuses, it has been
//     silent for Limits.Silence), or when it has been silent for the whole lease time, after which it has stopped by itself.
//     So a pause of one second, which only makes a node silent, moves no lease.
//
//   - A leader that has just begun, or that was itself stopped for a while, knows nothing about others' silence. It counts
//     silence from its own beginning, and for Limits.Grace does not count it at all. The leader before it is the exception: it
//     renewed nobody's lease for as long as it did not answer, which is one hint from the first moment.
//
//   - A verify slice goes to a node that wrote nothing of its partition as long as one takes work. If that one is full, the slice
//     waits for it up to Limits.Witness; if there is none, a writer reads, and the evidence is E3 and says so.
//
//   - No job finishes without a proof; the proof's id is made from what was compared, so a leader that died between
//     recording a proof and finishing the job is followed by one that finds the same id and goes on.
//
//   - A schedule's scan is named after the due time that stands in the book, which refuses a second one; the next due time is computed from
//     now, so what was missed while nobody led is made up for once.
//
// How a decision is made, in this order, each step a file:
//  1. health.go: which members may get work, which lose what they have, with the reason in words.
//  2. jobs.go: what each job needs next: begin verify, record the proof, finish, or run lanes.
//  3. grant.go: leases of lost owners are moved (a grant of a leased slice to its next owner at epoch+1, never revoke and
//     wait), free lanes are granted in the order of plan.Order while slots last, placed by partition/assign.
//     Scans have lanes of their own.
//     yield.go asks for leases, for a blackout and for a job of higher priority.
//  4. scans.go: scans that are due by a schedule.
//  5. upkeep.go: raise the cluster version, compare digests.
//
// The loop is level-triggered: it forgets what it proposed and reads the book again, so a proposal that was lost, refused
// or applied twice needs no case of its own. It reads little: per active job the list of slices once, then only the heads
// of lanes (cache.go).
//
// Crash windows: a leader that dies after proposing and before anything else leaves either nothing or the applied command;
// the next one starts from the book. What is lost with a leader is memory that only improves choices: who failed a slice (a retry prefers somebody else), how long a slice has waited, also for its aging.
//
// Not here: joining and removing raft peers (cluster), what a worker does with a lease (replay/worker), arithmetic of
// placement (partition/assign) and of order (partition/plan), and the rules that the book enforces (fsm).
//
// Reading order: input.go, limits.go, decide.go, health.go, jobs.go, proof.go, grant.go, yield.go, scans.go, upkeep.go, deps.go, cache.go, watch.go,
// loop.go.
package leader
