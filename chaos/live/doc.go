// Package live measures what a backfill does to those who use the same brokers meanwhile: a real Apache Kafka, real agents, and a producer
// and a group of consumers whose latencies are what it is about. It is a benchmark, run by `make bench-live` (build tag live), and no
// part of `make test`: its figures depend on the machine.
//
// A run is made of blocks in turn: nobody works (A), a job that spares the live ones (B), nobody, the same job with feedback off (C), and
// so on (package blocks).
//
// A latency counts from the moment at which a record was to be sent, and not from when it could be: who is late because of the job would
// otherwise send less, and look well. A record that has not arrived yet counts with as long as it has been under way.
//
// Not here: how a rate follows from what others suffer (replay/pace), whether the data are right afterwards (realtest), the processes (testbed).
//
// Reading order: load.go, live_test.go.
package live
