// Package schema asks a schema registry which schema a record names, by number or by GUID, so that a topic and its copy beside another
// registry can be compared: the names differ, the schemas do not. It also reads the versions of a subject and adds one.
//
// Invariants:
//   - A schema's fingerprint is over what it says and what it refers to, never over its number, GUID, subject or version, which are the
//     registry's own.
//   - Nothing is guessed. A registry that does not answer, or does not know a name, is an error; whoever compares must not call
//     a record missing for it.
//   - What a registry says no to and what it is too slow for are told apart. A schema that it does not know costs the records that name
//     it; a registry that is down is asked no more.
//   - Bytes in front of a part are the GUID of a schema if the registry says so, and none if it says that they are none; without its word
//     they are neither.
//   - A schema is asked for once per Registry. Whoever keeps hashes for longer keeps what they were made with, and asks anew (Learnt).
//   - A version is only ever added, and read back: nothing here overwrites, deletes or configures.
//   - An error holds nothing that a registry has answered in words: it may repeat what it was sent.
//
// What is not here: how a fingerprint becomes part of a record's hash (replay/record), login and trust (replay/connect), whether two
// schemas go together (replay/schema/compat), and writing records under other names (replay/rename).
//
// Reading order: registry.go, ask.go, print.go, side.go, front.go, learnt.go; subject.go, catalog.go, copy.go.
package schema
