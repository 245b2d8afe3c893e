// Package limits gives a process too little: of a processor, of memory, of open files, of file size, of its disk's speed.
//
// Invariants:
//   - Control groups of version 1 and 2 do the same here, whichever the machine has, also when controllers are divided between both.
//   - What a limit did can be read back (how often it throttled, how often the kernel killed), so that one that hit nothing is
//     seen.
//   - Groups have the id of the process that made them in their name; Sweep removes those of processes that are gone.
//
// Not here: who is limited and when (scenario, matrix). Clocks: the wall clock of one process can not be shifted on Linux,
// neither by libfaketime nor by a time namespace; an agent that is built with tag failpoint reads what is wrong from a file.
//
// Reading order: group.go, hierarchy.go, rlimit.go, sweep.go.
package limits
