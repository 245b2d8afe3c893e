// Package publish sends readers to what a job has proved, and back. It is the order of steps between the book of record, which holds where
// readers are to go, consumer groups in Kafka, and the logs of files; each of those is done by others and handed in.
//
// Invariants:
//   - Readers are never sent to a place before their groups have positions there, and the positions go only after readers were sent away: in no
//     moment does a consumer that asks where to read begin at a place by chance. So a group moves before the alias does, and goes back after it.
//   - What is about to be done is in the book before it is done: whatever dies, the same command finishes it, from anywhere, and a rollback undoes
//     exactly it.
//   - All that can be refused is refused before the first write.
//   - Running again what is done changes nothing.
//   - Files are made void after readers were sent away, and only while the book holds the job's locks.
//
// What is not here: which job may be published (fsm.PutAlias), where a group goes on (replay/regroup), commits of files (replay/sink/objects),
// flags and text (cmd/backstitch).
//
// Reading order: place.go, deps.go, publication.go, rollback.go, error.go.
package publish
