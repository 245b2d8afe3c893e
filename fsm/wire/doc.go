// Package wire is the only codec of replicated and transmitted values: commands, facts and RPC messages.
//
// It writes a strict subset of msgpack, so that any msgpack tool can read what it wrote, and it reads that subset alone.
// There is exactly one encoding of each value: what decodes also encodes back to the same bytes, and digests over encoded
// values therefore agree on all replicas.
//
// Invariants:
//   - A struct is an array of its fields in declared order. No maps, no floats, no interfaces, no times.
//   - Integers and lengths take the shortest form; a longer one is ErrCorrupt.
//   - Decoding allocates in proportion to the input: the structure is scanned before anything is decoded, and every
//     declared count must fit into the bytes that are there.
//   - Input of a newer program is ErrVersion, never ErrCorrupt and never silently shortened.
//
// Not here: what the values mean (fsm, cluster), checksums (storage and fsm/machine put them around the bytes).
//
// Reading order: wire.go, scan.go, plan.go, encode.go, decode.go, frame.go; the byte tables are in FORMATS.md.
package wire
