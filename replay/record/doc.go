// Package record is what flows from a source to a sink: records in batches that own their bytes, and the canonical form
// under which two records are the same. It is a leaf: it imports nothing of ours but partition.
//
// Invariants:
//   - A Record's Key, Value and header bytes point into slabs that its Batch owns. They are valid until Batch.Release.
//   - nil and empty are different: a nil Value is a tombstone, a nil header value is a null header.
//   - Whoever gets a batch owns it, and passes it on or releases it, exactly once.
//
// Reading order: record.go, batch.go, canonical.go, multiset.go.
package record
