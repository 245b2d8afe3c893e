// Package replaytest is the kit for tests of everything that touches data: brokers and object stores in the process, records
// that are hard to keep, and the suites that every source and every sink passes.
//
// Reading order: kafka.go, s3.go, records.go, memory.go (a source in memory), sinks.go and sources.go (the suites),
// control.go (a control plane in memory).
package replaytest
