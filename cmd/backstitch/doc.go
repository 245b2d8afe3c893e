// Command backstitch finds what a data pipeline lost, puts exactly that back, and proves it.
//
// This package is flags, wiring and printing; it is the only place that knows both the data side (replay) and the control
// side (cluster). What can be tested without a terminal lives in its sub-packages or in a room.
//
// Rules that hold for every command:
//   - stdout carries data and nothing else; progress, prompts, logs and errors go to stderr.
//   - The exit status is one of those in cluster/client, and says the same as the text.
//   - An error has three lines: what happened, why with the object, what to type next; and a stable code.
//   - A question is asked only on a terminal. Elsewhere the command refuses and names the flag that answers it.
//
// Reading order: main.go, run.go, app.go, output.go, errors.go, then one file per command. The agent is put together in
// agent.go and wire.go.
package main
