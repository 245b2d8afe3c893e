// Package report is the proof as a file: what was compared with what, with both sides' numbers, for somebody who was not there.
//
// Invariants:
//   - The file holds the SHA-256 of its content. That stands against accident and against careless editing; it is no signature.
//   - A report can be judged again from its own numbers, and is refused when it says something else than they do.
//   - With access to both sides the comparison can be run again; Differences then names each figure that is another one.
//   - What was not checked is part of the report.
//   - What is about the proof never depends on when the report is made. Timeline, decisions and commands do: they are what the book says then.
//
// What is not here: comparing (replay/verify), what a verdict means (fsm.Judge).
//
// Reading order: report.go, file.go, check.go, render.go; for the post-mortem timeline.go, incident.go.
package report
