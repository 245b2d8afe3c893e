// Package confluent says what the names of Confluent's sink connectors mean, those of S3 and the older ones of HDFS, and what
// is in their objects: JSON lines and raw bytes with line breaks, plain, gzip or zstd, Avro and Parquet, with .keys and .headers companions.
//
// Invariants:
//   - The offset in a name is that of the first record. Names of the HDFS sink (Config.Ends) have the last one too.
//   - Offsets are numbers, however many digits they have: the pad of ten zeros overflows.
//   - A value is the bytes of its line, never decoded. A JSON line is only looked at for its first and last character. Lines
//     in the tombstone directory are null values. The word null anywhere else stays the four bytes that the archive holds.
//   - A blank line is no record in JSON, and an empty record in bin.
//   - A key line that is one JSON string is that string's text, and null is a null key, because that is how the connector's
//     JSON format writes a string key. Any other key line is taken as its bytes.
//   - An Avro object holds datums, a Parquet object rows. What bytes a value had is said (Config.Values) and never guessed; without it such objects are named and
//     not compared. A key in Avro or Parquet is a string or bytes; any other is damage.
//   - Companions pair by line. One that has more or fewer lines is damage, not a shift.
//   - Directories are not believed: whatever the partitioner made of them, the partition is the one in the name.
//
// What is not here: listing, numbering and reading (replay/foreign); ORC, which is named and not compared.
//
// Reading order: config.go, name.go, decode.go, companion.go.
package confluent
