// Package schema asks a schema registry which schema a number stands for, so that a topic and its copy beside another registry can be
// compared: the numbers differ, the schemas do not.
//
// Invariants:
//   - A schema's fingerprint is over what it says and what it refers to, never over its number, subject or version, which are the
//     registry's own.
//   - Nothing is guessed. A registry that does not answer, or does not know a number, is an error; whoever compares must not call
//     a record missing for it.
//   - A schema is asked for once. What a registry said under a number does not change.
//
// What is not here: how a fingerprint becomes part of a record's hash (replay/record), writing records under other numbers, and schemas
// that are named by a GUID in a header, which nobody asks a registry for.
//
// Reading order: registry.go, print.go, side.go.
package schema
