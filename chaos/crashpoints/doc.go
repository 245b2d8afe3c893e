// Package crashpoints lets real agents die at every failpoint of the program and wants the exact result all the same.
//
// Three agents of a build with the tag failpoint are armed to die at each point that nobody has died at yet. Whoever dies is
// started again, armed with the rest, while the fleet is made, archives, refills a topic, an object store and a directory, verifies, hands work
// over and restores its book. At the end each record is there once, each job has its proof, all books are equal, and no point of
// the table is left: one that the story does not reach fails the test by its name.
//
//   - The fleet is never told that it is tested: a point is armed by the environment, and a death is a SIGKILL.
//   - Who died at which point is read from what the process wrote down before, not assumed.
//
// What is not here: what a disk or a network does to a process (outage, matrix).
//
// Reading order: storm_test.go, story_test.go, judge_test.go, modes_test.go.
package crashpoints
