// Package message changes values that are messages of Protobuf behind the number of their schema: after the number come the indexes of the
// message in its file (zigzag varints, their count in front; a single 0 for the first message), then the message. Steps see it as JSON.
//
// Invariants:
//   - A message that no step changes, and that is of the same type in the output schema, keeps its bytes: unknown fields, NaN, order, and
//     spellings that no library would write.
//   - Another one is taken apart only where the tree of its fields gives it back byte for byte. So what the tree can not hold (unknown fields,
//     a field that stands twice, a list that is not packed as its schema says) is refused by name, and nothing is lost on the way.
//   - Fields go by name, not by number: a number that has another name in the output schema is another field, which a step has to say. Numbers
//     are exact; text, bytes, symbols and numbers are never each other without a cast. A symbol is never another one.
//   - Members keep the order of the record. The same bytes, schemas and steps give the same bytes.
//   - Work and memory are bounded by the message's bytes and MaxBytes, levels by maxDepth.
//
// What is not here: the frame and who knows its numbers (replay/framed), the steps (replay/transform).
//
// Reading order: schema.go, view.go, write.go, scalar.go, flow.go, chain.go.
package message
