// Package realtest is the main job against real servers: Apache Kafka, a real S3 server, three real agents, and three
// million real records. Its tests carry build tags and are run by `make test-real` (tag real) and `make bench-memory` (tag
// memory), which fetch the servers.
//
// The judge is not ours: Kafka's own console consumer reads the topic, read_committed, and the truth is kept by
// chaos/traffic with a hash of its own.
//
// Not here: the processes (testbed), the judge (check), the records and their loss (traffic).
//
// Reading order: refill_test.go, store_test.go, hurt_test.go, memory_test.go; groups_test.go and buckets_test.go stand alone.
package realtest
