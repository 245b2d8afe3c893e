// Package sentinel foretells loss: it sets what consumer groups have yet to read against what the topic's retention will take
// away, and says from when to when that can happen. It is arithmetic over samples that somebody else took, and the clock is in
// the samples.
//
// Invariants:
//   - A time to loss is a range. Kafka deletes whole segments, and only when the newest record of one is older than retention:
//     a record goes at the earliest when it is itself that old, and at the latest a segment's span and a check of the broker
//     later.
//   - Nothing is foretold from one sample. What can be said then is what happens if the group stops now.
//   - A finding of kind at risk says until when its records are there for sure.
//   - What the brokers did not tell is listed as not checked; it is never taken for "no limit".
//
// What is not here: taking the samples (replay/sentinel/observe), what a group has lost already (replay/gap/group).
//
// Reading order: retention.go, sample.go, forecast.go, loss.go, drift.go, finding.go, render.go.
package sentinel
