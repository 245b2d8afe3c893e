// Package archive is backstitch's own archive: what a topic held, byte for byte as the broker stored it, in objects that
// prove themselves. Copy writes it, replay/source/archive reads it, FORMATS.md beside this file lays down the bytes.
//
// Invariants:
//   - Batches are kept as the broker had them: compressed, with their CRC, with their offsets. Nothing is decoded or encoded.
//   - Only committed data is kept. Markers and aborted batches leave holes in the offsets, as compaction does.
//   - One object is one run of batches of one partition of one topic id. Its name carries offsets, record count and hash, so
//     a listing alone tells what is there.
//   - Where one object ends depends on the batches and on where the object before it ended, never on time or on who copies.
//     So two copies of a range make the same objects, and a copy that was cut off goes on where the listing ends.
//   - Every bit is covered by a hash that is checked before the bit is used.
//   - Objects are written once, under a name nobody else's bytes can have, and are never changed or deleted.
//
// What is not here: reading slices (replay/source/archive); when to delete old objects, which is the operator's.
//
// Reading order: name.go, segment.go, builder.go, copy.go, resume.go.
package archive
