// Package testbed runs what the big tests need, as real processes on loopback: Apache Kafka, an S3 server, the sandbox, agents
// of the program itself, and the program's own commands.
//
// Invariants:
//   - Everything that is started ends with its test, also when the test panics or is killed (see chaos/process).
//   - Everything a child prints is kept in the test's artifact directory and its end is shown when the test fails.
//   - Agents are started with the configuration that a person would write; nothing here reaches into them.
//
// Not here: what to do to the processes (realtest, failover) and whether the outcome is right (check, traffic).
//
// Reading order: child.go, memory.go, servers.go, sandbox.go, fleet.go, health.go, membership.go, command.go, topic.go, spec.go, site.go.
package testbed
