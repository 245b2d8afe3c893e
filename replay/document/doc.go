// Package document changes values that are JSON behind the number of a JSON Schema: the steps are those of replay/transform, and what comes
// out has to fit the output schema.
//
// Invariants:
//   - What replay/transform keeps is kept: blanks, order, and the spelling of numbers. A validator never writes.
//   - Nothing comes out that the output schema does not take, and nothing of which a validator would see another thing than its readers: members
//     of one name, or a number of more than 1,000 digits.
//   - A schema refers to what came with it. Nothing is loaded from anywhere.
//
// What is not here: the frame and who knows its numbers (replay/framed), whether two schemas go together (replay/schema/compat).
//
// Reading order: schema.go, chain.go.
package document
