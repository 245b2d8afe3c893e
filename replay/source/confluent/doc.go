// Package confluent reads archives in the layout of Confluent's S3 sink connector, from any bucket or directory: JSON lines
// and raw bytes with line breaks, plain, gzip or zstd, with .keys and .headers companions.
//
// What a position is: the objects of a partition in numeric order of the start offset in their names, then by key. An
// object's Base is the larger of its start offset and the end of the object before it; a record's position is Base plus its
// line number. With the default partitioner and an untouched log that is the Kafka offset. With a field or time partitioner
// several objects interleave, and it is only a stable number.
//
// Invariants:
//   - A value is the bytes of its line, never decoded. A JSON line is only looked at for its first and last character. Lines
//     in the tombstone directory are null values. The word null anywhere else stays the four bytes that the archive holds.
//   - A blank line is no record in JSON, and an empty record in bin.
//   - A key line that is one JSON string is that string's text, and null is a null key, because that is how the connector's
//     JSON format writes a string key. Any other key line is taken as its bytes.
//   - Companions pair by line. One that has more or fewer lines is damage, not a shift. They are frozen with their value file:
//     an Object's ETag is "value|.keys.json=etag|.headers.json=etag".
//   - An object that is cut short yields what comes before the cut, then a *source.DamagedError, then the next object. One
//     whose checksum does not fit yields no line at all, because nobody knows which of them is wrong.
//   - Nothing is read whole but zstd objects up to a limit, and nothing decompresses beyond its ceiling.
//
// What is not here: Avro and Parquet; offsets that only content can prove (replay/gap).
//
// Reading order: config.go, name.go, catalog.go, lines.go, open.go, reader.go, pump.go, companion.go.
package confluent
