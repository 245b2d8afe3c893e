// Package objects writes slices into an object store or a local directory, exactly once, and reads it back as a target.
//
// Format, version 1, 2 where a data object is Avro or Parquet, 3 where a commit names jobs that are void, and 4 where it is CSV, an array of JSON or
// compressed lines, or has values as columns:
//
//	TOPIC/00003/00000000000000000007.commit           one commit of partition 3, JSON
//	TOPIC/00003/00000000000000000007-<16 hex>.ndjson  its records, one JSON object a line; .avro and .parquet are AvroSchema and parquet.go
//
// Commits of a partition are numbered from 1 without a hole. Each is created under a name that must not exist yet, whole or
// not at all; that is the one atomic step: If-None-Match in an object store (bucket.Bucket.PutNew), a link in a directory. A commit
// is {"commit":{...},"check":"32 hex"} with a checksum of its own, names its data object with size and checksum, or none; it says at
// which offset the partition ends with it; it carries the stamp of the lane that made it; and it names the jobs whose records do not count any
// more, with all those that the commit before it names. A job is made void by a commit without data. A data object that no commit names is rubbish of a writer that died, and is not
// read.
//
// A line is {"offset":N,"timestamp":MS,"type":0|1,"key":B64|null,"value":B64|null,"headers":[["name",B64|null],...]}, with
// "type" and "headers" left out when they are 0 and none. offset counts the records of the partition from 0, void ones too: they leave a hole, and
// no offset is given twice. B64 is base64 of
// the exact bytes; header names are too, in case they are no text.
//
// Invariants:
//   - Opening a lane makes a commit without data. A writer only ever commits under the number after the last one that it
//     knows, so whoever was open before finds the name taken: it is fenced.
//   - A data object gives each record back as it was, or the record is refused: sink.CodeNotHeld, CodeNotFramed, CodeNoSchema, CodeNoColumns.
//   - A record is in one data object of its commit. There is more than one only where values are columns of several schemas.
//   - Nothing is overwritten or deleted. What is void is passed over.
//   - A job is void in a whole partition, for ever. It fences the job's writers like any commit does, and they can not open the lane again. It is
//     refused while records of later jobs lie behind those of the job, since what those jobs left out rested on them.
//   - A store that lets two writers have one name is never written to: Open asks it first (Prober).
//   - A listing is believed as to what it shows, not as to where it ends: the commit after its last one is asked for.
//
// Two lanes of one partition, of two jobs, take turns in the same way; the cluster does not let them run at once.
//
// Reading order: sink.go, writer.go, log.go, revert.go, format.go, text.go, codec.go, line.go, array.go, csv.go, avro.go, parquet.go,
// columns.go, avro_columns.go, parquet_columns.go, read.go.
package objects
