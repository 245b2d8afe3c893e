// Package columns lays datums of Avro out as columns of Parquet, and puts them together again, byte for byte.
//
// Invariants:
//   - A datum that was laid out comes back with the same bytes, or it is refused by name: Append reads back what it has made before it says
//     that it is done. What the columns have no room for, such as how an array was cut into blocks, is refused so.
//   - Types are those that Avro's own converter to Parquet makes, so that what reads its files reads these: a union with null is an optional
//     column, any other a group with member0, member1 and so on, of which one is there; lists and maps have three levels; decimals, dates, times
//     and UUIDs keep their meaning.
//   - A schema that has no columns is refused as a whole, with the place: ErrNoForm.
//   - Levels of others that describe no datum are ErrCorrupt, and never a panic; what they cost is bounded by how many there are.
//
// What is not here: the row around a value, and files (replay/sink/objects); JSON of rows that others wrote (replay/parquetfile); what a
// number in front of a datum stands for (replay/schema).
//
// Reading order: layout.go, leaf.go, append.go, read.go. Levels are those of "Dremel: Interactive Analysis of Web-Scale Datasets" (VLDB 2010).
package columns
