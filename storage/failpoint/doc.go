// Package failpoint names the places of the program where dying hurts most, so that a test can die there.
//
// A point stands at a crash window: between two steps that are only right together. What recovery finds there is written in the
// rooms' DESIGN.md, and with a point the row can be tested in a real process.
//
//   - In a normal build Reach and Err are empty and inlined: nothing of a point is left in the program.
//   - A build with the tag failpoint arms points by BACKSTITCH_FAILPOINTS and refuses to start with a plan that it does not know.
//   - Each name is in the table once, and is reached at exactly one place of the program; a test reads the source for that.
//   - A crash is a SIGKILL of the process by itself: no deferred call runs.
//
// The form of a plan, points separated by semicolons:
//
//	storage/raftlog.after-sync=crash        at the first reach
//	storage/raftlog.after-sync=crash@3      at the third
//	fsm.before-commit=delay:200ms           at every reach; @n begins with the n-th
//	replay/engine.read=error@2x             the first two times; only where the table says that the place takes an error
//
// What is not here: faults of disks, networks and brokers, which are in chaos.
//
// Reading order: table.go, plan.go, on.go.
package failpoint
