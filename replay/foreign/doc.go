// Package foreign reads archives that other programs wrote: it lists their objects, counts and numbers their records, and
// reads them back with everything that is wrong in between. What a key means and what an object holds is said by a Layout,
// one per writer, in a package of its own under replay/source.
//
// What a position is. Where records carry their own (Traits.Own: an envelope with offsets, a segment of a backup) it is that
// one. Elsewhere an object begins at the offset that its name says, or that follows from the last offset in its name and the
// number of its records, or at the end of the object before it if that is later; a record's position is that and its place in
// the object. With one object after the other that is the Kafka offset. With a partitioner that fans one partition out into
// many directories it is only a stable number, and only content decides.
//
// Invariants:
//   - Objects are read under the ETag that was listed. One that was replaced is source.ErrChanged, one that is gone is named.
//   - An object that is cut short yields what comes before the cut, then a *source.DamagedError, then the next object. One
//     whose checksum does not fit yields nothing, because nobody knows which of its records is wrong.
//   - A record that says two things is damage: a member that stands twice, text that is no text, base64 that nobody writes. What is inside of
//     a value that is JSON is its owner's, and stays as it is.
//   - A name is not believed where the content can be asked: records of another topic or partition, or beyond the offsets of
//     the name, make the whole object foreign (source.CodeForeign).
//   - Objects of one directory that hold more records than there is room before the next one overlap. What is equal is given
//     once; if nothing is equal, one of the two is not what its name says, and neither is believed.
//   - What can not be read at all for its format (ORC, Avro and Parquet where nobody said what its values were) is listed as such, and never
//     left out silently.
//   - A block of Avro that is damaged costs the records that it says it holds, and no others; so does a row group of Parquet.
//   - Nothing is held whole but zstd objects, segments and Parquet up to a limit, and nothing decompresses beyond its ceiling.
//
// What is not here: names (replay/source/*), which layout an archive has (replay/layout), comparing (replay/gap).
//
// Reading order: layout.go, name.go, archive.go, list.go, count.go, number.go, overlap.go, object.go, codec.go, cut.go,
// decode.go, single.go, members.go, json.go, rendered.go, avro.go, parquet.go, envelope.go, pump.go, merge.go, reader.go.
package foreign
