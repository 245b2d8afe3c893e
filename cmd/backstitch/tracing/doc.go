// Package tracing sends spans to a collector: OTLP over HTTP, protobuf, compressed.
//
//   - Nothing waits for it. Spans go into a queue of a fixed length; what finds it full is dropped and counted.
//   - A collector that is away or refuses costs spans and nothing else. They are counted, and the log says so when it begins and when it ends.
//   - Run sends what is in the queue before it returns, within a few seconds.
//   - Headers are read from their references for each sending, so that a new token needs no restart. They are never attributes, and no error names one.
//
// The library's own exporter is not used: it links a gRPC client, which is a sixth of the program. What spans there are is said where they are
// made: replay/engine, replay/worker, cluster, cluster/admin. Those of whole jobs are made here (Jobs), since nobody else sees a job begin and end.
//
// Read tracing.go, then queue.go, encode.go, jobs.go.
package tracing
