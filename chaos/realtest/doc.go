// Package realtest is the main job against real servers: Apache Kafka, a real S3 server, three real agents, and three
// million real records. Its tests carry the build tag "real" and are run by `make test-real`, which fetches the servers.
//
// The judge is not ours: Kafka's own console consumer reads the topic, read_committed, and the truth is kept by
// chaos/traffic with a hash of its own.
//
// Reading order: servers.go, cluster.go, topic.go, judge.go, refill_test.go.
package realtest
