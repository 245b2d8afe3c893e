// Package crash cuts the power of one node at thousands of moments and starts it again. The node has its stores together, as the
// program opens them (log, hard state, mark, snapshots and book on one pebble), and does what raft does with them: append, lose an
// election and take entries back, vote, apply, take snapshots and compact, install a snapshot of another node, restart.
//
// What must hold for each disk that is left:
//   - It opens. Power loss alone never looks like damage, and never like a log that is shorter than its mark.
//   - Every acknowledged entry is in the log or under a snapshot, with the data that was acknowledged; so are term and vote.
//   - The log begins where the newest snapshot ends, or before.
//   - The book is the book of exactly one index, never ahead of log and snapshots, and going on from there gives the digests of a
//     node that nothing happened to.
//   - The node can go on: it appends, and is found again.
//
// A disk whose syncs are lies has to fail these checks, or they could show nothing.
//
// Not here: damage (the rooms' own tests), one store alone (storage/raftlog, fsm), several nodes (bubble).
package crash
