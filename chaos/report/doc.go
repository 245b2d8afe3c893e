// Package report keeps what a run leaves behind: one directory that says what was done, what happened and how it was judged,
// and figures that many suites add up to.
//
// Invariants:
//   - The directory is whole at any moment: a run that ends in the middle, by a panic, a timeout or SIGKILL, has written
//     everything up to then, and its verdict says "unfinished". A verdict is put into place by renaming and is never half there.
//   - Only an explicit verdict says "kept". Whoever forgets to judge has not kept anything.
//   - What is in the directory is enough to run the same again: scenario, seed, faults and the command.
//   - Figures add up: of any two lines the sum is the same in any order.
//
// The directory:
//
//	run.json        scenario, layer, seed, command, version, when it began
//	scenario.yaml   the scenario as it was run
//	faults.txt      the faults of this seed, one a line
//	timeline.jsonl  what was done and when, by the monotonic and by the wall clock
//	history.jsonl   what clients asked and were answered
//	logs/, data/    of processes
//	verdict.json    kept, broken, vacuous, skipped or unfinished, with every violation, and figures
//
// Not here: deciding (check), the bugs that were found (BUGS.md of this room).
//
// Reading order: run.go, verdict.go, read.go, figures.go, bars.go; the program in figures sums up a file of lines, the
// one in scenarios makes a table of it.
package report
