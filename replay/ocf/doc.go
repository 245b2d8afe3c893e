// Package ocf reads and writes Avro object container files as bytes: it frames blocks, checks their sync markers, decompresses them, and
// finds where each datum begins and ends. Values stay the bytes that they are; a datum becomes something else only where it is asked for
// as JSON.
//
// Invariants:
//   - A block whose sync marker is where its length says is believed as to how many records it holds, whatever is wrong inside.
//     Of any other nothing is believed: reading goes on behind the next marker, and how many records were lost is not known.
//   - A block yields all of its records or none: what follows a datum that does not parse can not be told from it.
//   - Nothing is allocated for what a length claims, only for what is there. What decompresses, nests or repeats beyond its limit is
//     ErrLimit, before it is done.
//   - Two schemas with one Print write every datum as the same bytes: it is over the Parsing Canonical Form.
//   - The JSON of a datum is a function of its bytes and its schema.
//
// What is not here: what the bytes of a record are when an archive holds only its datum (replay/foreign), and asking a registry for
// schemas (replay/schema). Schemas are parsed by github.com/twmb/avro.
//
// Reading order: schema.go, walk.go, json.go, part.go, header.go, reader.go, codec.go, writer.go. The format is that of the Avro specification,
// "Object Container Files".
package ocf
