// Package disk gives a process a disk of its own that can be hurt for real: ext4 in a file, on a loop device, whose power can be
// cut.
//
// Invariants:
//   - A fault shows that it bites before the call returns: a full disk has refused a write, a dead one a read, a cut of the power
//     has lost what was not synced and kept what was. One that does not is an error.
//   - Whatever happens to the test, the next call of Sweep removes its mounts, loop devices and files. Disks of a process that lives
//     are left alone.
//   - Nothing here touches a file system that it did not make.
//
// Not here: who is hurt and when (scenario, matrix), and limits on processes (limits).
//
// Reading order: disk.go (making and removing), power.go, refuse.go (full, read-only, dead, syncs that fail), stall.go, image.go (old
// copies, a cache that lies), bytes.go (flipped bits and lost ends of files), sweep.go.
package disk
