// Package framed changes values that name the schema they were written with (a byte 0, 4 bytes big endian, the payload, as clients of a
// schema registry write them): the frame is taken off, the steps change the payload, and it comes out under one output schema with that
// schema's number in front. What the payload is, is the affair of a Form: Avro (replay/datum), Protobuf (replay/message), JSON
// (replay/document).
//
// Invariants:
//   - A value that comes out with the bytes that it had is not touched.
//   - A value whose schema is not named in front of it, or by a number that nobody knows, is refused by name and never guessed.
//   - Which schema a number stands for is told by Writers and nothing else: a job has those that its plan met, and asks nobody.
//
// What is not here: payloads and steps (the forms), asking a registry (replay/schema and replay/recovery), who quarantines (replay/engine).
//
// Reading order: form.go, editor.go, over.go, example.go.
package framed
