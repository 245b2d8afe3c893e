// Package klog reads a Kafka partition as the broker stores it: watermarks, offsets by time, settings, and raw batches of committed
// data. The archive keeps those batches as they are, source/kafka decodes them.
//
// Invariants:
//   - Only committed data comes out: markers, aborted batches and everything at or above the last stable offset do not. Loss
//     is never concluded from the holes that this leaves.
//   - A read ends where its range or the last stable offset at its beginning ends, whichever comes first, even if only
//     markers are left there. It never waits for records that are not there yet.
//   - A topic that was recreated is noticed by its id, and positions that retention took away by the log start. Neither is
//     passed over in silence.
//
// It sends fetch requests itself rather than poll a consumer: a consumer returns decoded records, resets or stalls at a lost
// offset, and does not show markers, so it can not tell that it has reached the end.
//
// What is not here: decoding (replay/kbatch), groups and their commits (replay/kgroup; those of our own jobs in replay/sink).
//
// Reading order: watermarks.go, times.go, settings.go, reader.go, aborted.go.
package klog
