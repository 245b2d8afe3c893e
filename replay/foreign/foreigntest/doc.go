// Package foreigntest writes archives as the programs do whose layouts package foreign reads, for tests: one file per writer.
// The bytes are made from the formats' own descriptions and not by the readers' code, so that one mistake is not made twice.
//
// What is not here: what can go wrong with an archive; tests do that to the files themselves.
//
// Reading order: bucket.go, then any writer.
package foreigntest
