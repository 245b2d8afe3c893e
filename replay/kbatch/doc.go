// Package kbatch reads Kafka's record batches, version 2, as brokers store and send them. It is what the archive keeps and
// what a fetch returns, so both go through here.
//
// Invariants:
//   - Nothing is trusted: every size is checked before it is used, the decompressed size has a ceiling, and a batch must hold
//     exactly the records that its header counts.
//   - null and empty stay apart, headers keep their order and their repeats, offsets keep their holes.
//   - Decoding copies no record. Keys, values and headers point into the batch itself or into one decompressed buffer.
//   - The batch's CRC does not cover the base offset, the length and the leader epoch. Whoever stores batches must guard
//     those in another way; replay/archive does.
//
// What is not here: message formats 0 and 1, which brokers no longer write; encoding, which the Kafka client does; which
// batches belong to aborted transactions, which is in replay/klog.
//
// Reading order: header.go, records.go, decompress.go.
package kbatch
