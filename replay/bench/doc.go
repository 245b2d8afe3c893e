// Package bench measures the engine against a pipe written by hand: the same files, the same decompressors, the same
// producer settings, parallel transactional producers too, but no checkpoints, no digest, no dedupe and no source or sink
// interfaces. What the ratio leaves is the price of the engine.
//
// How: pairs in random order on fresh topics, and as many pairs of the pipe against itself in the same run. CPU is that of
// this process; the broker and the object store are a child process. A ratio is the pipe's CPU per record over the engine's,
// so 1 is as good as by hand. Reported are the median and a bootstrap 95 % interval; when the interval of the pipe against
// itself excludes 1 +- 4 %, the machine was too busy to tell anything, and the report says so. A run whose target does not
// hold exactly the records of the files, by count and multiset hash, gives no figure at all.
//
// Bars: passing records through has at least PassThroughBar of the pipe under each compression, and three steps of a transform ThreeStepsBar of
// the same by hand. A benchmark whose interval is below its bar as a whole fails; one that is void does not.
//
// Run it with: go test ./replay/bench -run '^$' -bench . -bench.pairs 15
//
// Scans are measured against reading alone in the same way (-bench Scan -bench.rounds 15). With -bench.broker they read from a broker that
// is there, such as Apache Kafka by deploy/testbed/kafka.sh.
//
// Reading order: data.go, child.go, pipe.go, engine.go, measure.go, stats.go, labels.go; bare.go, topic.go, scan.go, race.go.
package bench
