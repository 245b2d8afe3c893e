// Package bubble runs the wired cluster in virtual time and hurts it: real nodes with real Raft, gossip and stores on disks that
// can lose what was not synced, the real leader loop, real workers that write through real Kafka clients into a broker in memory.
// Everything lives in one testing/synctest bubble, where a minute and a half takes a fraction of a second.
//
// Invariants:
//   - The seed decides the topology, the data, the jobs and the fault plan, and Plan.String prints all of it. It does not decide
//     how goroutines interleave: a failing seed is run again many times and its hit rate is told.
//   - Package check judges, and shares nothing with the product: the truth is the list of records that the setup produced, what is
//     there is read by an ordinary read-committed client, and what clients were answered is held against a model of the job API.
//   - What can only be seen while it happens is looked at while it happens: checkpoints against what is committed in the same moment,
//     and the digests of all nodes. When all is over the log of one node is applied once more from its first entry on.
//   - What the run does is written as it happens, so that it is there after a panic.
//   - Every wait is bounded in virtual time.
//   - A fault that hit nothing is counted as such, and a kind that never hits anything in many seeds fails the run.
//
// A pause freezes what a process sees, not its goroutines: nothing of its network passes and its clock stands still, so that after
// it the process goes on in the belief that no time has passed, and what it sent meanwhile arrives late.
//
// Not here: faults as values (fault), the broker and the store (fakes), real processes and disks (netns, disk, matrix). Slow disks
// are not possible here: a sleep under a mutex is no durable block, and time would stand still; failing ones neither, since only the
// exit of a process keeps Raft from panicking.
//
// Reading order: plan.go, world.go, agent.go, inject.go, paths.go, job.go, shelf.go, client.go, watch.go, judge.go, replay.go, evidence.go.
// Losses that really happened, by their numbers: repair_test.go, stories_test.go.
package bubble
