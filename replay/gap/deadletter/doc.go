// Package deadletter reads a dead-letter topic as a list of known losses. Kafka Connect, with errors.tolerance=all, drops a record
// that it can not convert, transform or write, and tells in the headers of a dead letter which one it was and why.
//
// Invariants:
//   - A finding is of one partition of one origin, one connector and one reason; its positions are exact.
//   - The same record twice in the dead-letter topic is one loss.
//   - A dead letter that does not say where it is from is counted and never guessed at.
//   - That a record was dropped is what Connect says. Whether somebody wrote it since is not looked at, and said so.
//   - Memory is bounded; too many kinds is ErrTooMany. Nothing is written.
//
// Reading order: letter.go, scan.go, finding.go, render.go.
package deadletter
