// Package framed changes values that name the schema they were written with, as clients of a schema registry write them: by a number in front (a
// byte 0 and 4 bytes big endian), by a GUID in front (a byte 1 and 16 bytes), or by either in a header; or as those of AWS Glue do: by a byte 3, one for the compression, and the UUID of a version. The name is taken off, the steps change
// the payload, and it comes out under one output schema with that schema's name in the same place. What the payload is, is the affair of a Form: Avro (replay/datum), Protobuf (replay/message), JSON
// (replay/document).
//
// Invariants:
//   - A value that comes out with the bytes that it had is not touched.
//   - A value whose schema is not named, or by a name that nobody knows, is refused by name and never guessed.
//   - Which schema a name stands for is told by Writers and nothing else: a job has those that its plan met, and asks nobody.
//
// What is not here: payloads and steps (the forms), asking a registry (replay/schema and replay/recovery), who quarantines (replay/engine).
//
// Reading order: form.go, name.go, glue.go, editor.go, over.go, read.go, part.go, example.go.
package framed
