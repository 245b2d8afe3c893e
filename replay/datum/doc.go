// Package datum changes datums of Avro: each is read under the schema that it names, goes through the steps of a transform, and is written
// under one output schema. It is one Form of replay/framed, which takes the number of the schema off and puts the other one on.
//
// Invariants:
//   - What no step asks to change says the same under the output schema, or the record is refused by name: numbers are exact, the branch
//     of a union, the scale of a decimal and the unit of a time are kept, a symbol is never another one. Nothing is left out without a word.
//   - A part whose type means the same bytes in both schemas is copied and never taken apart: NaN, -0, how a map is ordered, and how an
//     array is cut into blocks stay. So does the whole datum where no step has changed anything.
//   - A value is changed by all steps or by none. One that can not be changed is a *source.DamagedError with its place in the record.
//   - The same bytes, schemas and steps give the same bytes. There is no float64 but of what is stored as one.
//   - Work and memory are bounded by the datum's bytes and by MaxBytes.
//
// What is not here: the frame and which schema a number stands for (replay/framed), the same for JSON (replay/transform, replay/document) and
// Protobuf (replay/message), how a datum is walked (replay/ocf), asking a registry (replay/schema and
// replay/recovery), who quarantines (replay/engine).
//
// Reading order: schema.go, preset.go, view.go, object.go, step.go, pair.go, convert.go, made.go, chain.go, form.go, example.go, type.go.
package datum
