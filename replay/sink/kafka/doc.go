// Package kafka writes slices into a Kafka topic with transactions, and reads the topic back.
//
// Invariants:
//   - There is one transactional id per lane, so opening a lane fences whoever had it, also a zombie of an earlier slice.
//   - The progress is a group offset with metadata, committed in the transaction that commits the data. Readers of committed
//     data see each record once, and the next owner learns exactly what they see.
//   - A writer that met an error is dead. Nothing of the client's own recovery is used: it would take a new producer epoch,
//     and so fence the owner that has just fenced us.
//   - A commit is what a broker answered. What the client says about it alone does not count.
//   - Key, value, headers, timestamp and partition are those of the record. Headers are only ever added, at the end.
//   - Transactions run under the older protocol (without the part of KIP-890 that raises the producer epoch at each end),
//     also on brokers that know the newer one. A commit that holds only progress is then three requests that the client's
//     producer need not know about. What the newer one guards against, a late produce request of an ended transaction, can not
//     happen here: each commit waits for all acknowledgements, and everything else ends in a new epoch.
//
// The groups of a job that has ended are left to the brokers, which drop a group without members after
// offsets.retention.minutes, and the transactional ids likewise. Deleting them would need the right to delete groups, and would
// take away what tells a zombie of the job that its lane is over.
//
// It needs WRITE on the topic and on transactional ids and READ on groups that begin with "backstitch/".
//
// What is not here: when to commit (replay/engine), what is missing (replay/dedupe), decoding of fetched batches
// (replay/klog, replay/kbatch).
//
// Reading order: config.go, sink.go (open), writer.go (write), commit.go, ends.go, errors.go, read.go.
package kafka
