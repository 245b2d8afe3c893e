// Package kgroup reads what a Kafka cluster knows about consumer groups: which there are, where they stand, and what is left of
// the history of their commits in __consumer_offsets.
//
// Invariants:
//   - Nothing is written, and no group is joined: not a single request here can change where a group stands.
//   - The history is what compaction has left of it. Whoever draws conclusions from it gets the time from which on it is whole.
//   - A record of the internal topic that can not be read is counted and never guessed at.
//
// What is not here: what follows from it (replay/gap/group, replay/sentinel).
//
// Reading order: groups.go, history.go, decode.go.
package kgroup
