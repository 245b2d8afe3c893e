// Package record is what flows from a source to a sink: records in batches that own their bytes, and the canonical form
// under which two records are the same. It is a leaf: it imports nothing of ours but partition.
//
// Invariants:
//
//   - A Record's Key, Value and header bytes point into slabs that its Batch owns. They are valid until Batch.Release.
//
//   - nil and empty are different: a nil Value is a tombstone, a nil header value is a null header.
//
//   - Whoever gets a batch owns it, and passes it on or releases it, exactly once.
//
//   - Header keys are borrowed in the same way: clone one before keeping it longer than its batch.
//
// What is not here: the Kafka batch encoding is in replay/kbatch.
//
// Reading order: record.go, batch.go, slab.go, canonical.go, multiset.go.
package record
