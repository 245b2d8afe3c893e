// Package parquetfile reads Parquet files that nobody vouches for. What a file claims is held against the bytes that are there before
// any room is made for it; then the library, github.com/parquet-go/parquet-go, gets one row group at a time, in a small file of ours whose
// pages are open already. Rows become JSON, or the bytes of a single column.
//
// Invariants:
//   - Nothing is allocated for what a length, a count or a run claims, only for what is there. What decompresses or repeats beyond a
//     limit is ErrLimit, before it is done.
//   - A row group yields rows only if each of its columns has as many as the footer says, and each page has the checksum that its header
//     says, where it says one. A column that is short of one would shift the values of all rows behind it.
//   - The library sees no compression, statistics, indexes, encryption or logical types of a file: what these mean is decided here.
//   - The JSON of a row is a function of its values and the file's schema. A type that has no JSON is ErrNoForm when the file is opened, a
//     value that has none is ocf.ErrNoJSON.
//
// What is not here: which columns are those of a record (replay/source/*), writing (replay/sink/objects).
//
// Reading order: file.go, thrift.go, group.go, page.go, inflate.go, runs.go, rows.go, schema.go, row.go, leaf.go. The format is that of
// the Apache Parquet specification.
package parquetfile
