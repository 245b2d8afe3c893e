// Package sandbox is a Kafka and an S3 server on loopback for trying things out: franz-go's kfake with its log on disk, and
// gofakes3 in memory; and schema registries that answer and take nothing. It is not for data that anybody wants to keep.
//
// Invariants:
//   - It listens on loopback only.
//   - Tamper changes one byte of one stored value and mends the batch's CRC, so that no checksum of Kafka's own notices:
//     only a comparison of content finds it.
//
// Not here: the process around it and its command (cmd/backstitch), the story that uses it (demo).
//
// Reading order: sandbox.go, tamper.go, pace.go, count.go, registry.go, control.go.
package sandbox
