// Package reach opens the real ends of a plan: archives in object stores and directories, and Kafka topics. It is what the
// command line plans and compares with.
//
// Invariants:
//   - Nothing here writes.
//   - Every end is pinged when it is opened, in bounded time, so that a wrong address or password is said before a long scan.
//   - A thing that is not there is recovery.ErrNoReference or recovery.ErrNoTarget; one that does not answer is a *connect.Error.
//
// What is not here: how jobs open their ends (replay/open), what a recipe means (replay/recovery).
//
// Reading order: reach.go, reference.go, target.go.
package reach
