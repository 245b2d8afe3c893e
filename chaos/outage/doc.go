// Package outage runs agents on machines that break: each has a disk of its own (chaos/disk) and can be given too little of a
// processor, of memory and of open files (chaos/limits), in the middle of a job.
//
// Invariants, checked after every fault:
//   - The job ends well, verify passes, and an independent reader of committed records finds in each partition exactly what was
//     produced, in that order: nothing lost, nothing twice, nothing moved.
//   - Every job that was ever accepted is in the book of every node, and all books say the same.
//   - The fault hit a node that was in the middle of its work. One that came too late fails the run.
//   - A node that ends by itself does so with the status that is documented for its trouble.
//
// It needs root; what it can not do it skips, with the reason.
package outage
