// Package canary finds secrets where they do not belong. A test gives every secret that the program is told a value of its own, lets people and nodes
// do what they do, and looks through every byte that came out of it.
//
// Invariants:
//   - A secret is found in any form in which programs write bytes: as it is, escaped for JSON, URLs, Go and HTML, in hex, and in base64 at each of
//     its three alignments, also inside another text that was encoded as a whole.
//   - What is compressed or packed is opened first, also when it begins in the middle of something else; what can not be opened is looked through as it
//     is. The files of a database are read through the database, keys and values.
//   - What is found is told by the name of the secret and the place, and never by its value.
//
// Not here: which secrets there are, and what is done with them (the test of cmd/backstitch that is called after this package).
//
// Reading order: secret.go, search.go, store.go.
package canary
