// Package compat says whether what was written with one schema can be read with another, and if not, where and why: Avro, JSON Schema
// and Protobuf, in the modes of a Confluent-compatible registry.
//
// Invariants:
//   - Three answers: compatible, incompatible, undecided. What this package does not understand is undecided, never compatible, and so
//     is a comparison with nothing.
//   - Each problem names its kind, the place in the schema, what both sides say there, and one sentence for a person.
//   - The direction is the caller's: a reader and a writer. Modes turn "candidate and earlier versions" into such pairs.
//   - No network: what a schema refers to is handed in with it.
//   - The answer depends on the two texts alone, not on maps' order or on what was asked before.
//
// Whose rules: those of the Avro specification, by the library's own check, of which this package finds the places; those of the
// JSON Schema drafts up to 2020-12 read as Confluent's registry reads them (docs/schemas.md names what differs); those of the Protobuf
// language guide, and Confluent's where the guide leaves it to the user.
//
// What is not here: asking a registry (replay/schema), and what records name (replay/record).
//
// Reading order: compat.go, kinds.go, mode.go, diff.go; avro.go, avro_walk.go; json.go, json_side.go, json_covers.go, json_objects.go,
// json_choice.go, json_parts.go; proto.go.
package compat
