// Package realtest is the main job against real servers: Apache Kafka, a real S3 server, three real agents, and three
// million real records. Its tests carry build tags and are run by `make test-real` (tag real) and `make bench-memory` (tag
// memory), which fetch the servers.
//
// The judge is not ours: Kafka's own console consumer reads the topic, read_committed, and the truth is kept by
// chaos/traffic with a hash of its own.
//
// What is not Kafka's has judges of its own, in Java and from others (deploy/testbed/judge): Apache Avro and Apache Parquet read what a target
// of files holds, Apache Avro writes what our reader reads, Kafka Streams counts over a refilled topic, and Apicurio Registry answers the
// questions that schema check answers, and says what names of schemas stand for that a restore has rewritten.
//
// Not here: the processes (testbed), the judge (check), the records and their loss (traffic).
//
// Reading order: refill_test.go, store_test.go, hurt_test.go, memory_test.go; groups_test.go, buckets_test.go and feedback_test.go stand alone; judge_test.go,
// files_test.go, avro_test.go, parquet_test.go, count_test.go, registry_test.go, remap_test.go.
package realtest
