// Package rename gives records the names that the target's registry has for their schemas: the number in front of a key or a value (a byte 0
// and 4 bytes big endian), the GUID in front of it (a byte 1 and 16 bytes), or what the headers __key_schema_id and __value_schema_id hold.
// Everything behind it compares, routes and writes records under those names.
//
// Invariants:
//   - Nothing but a name changes: the payload behind it, message indexes of Protobuf, and all other headers keep their bytes.
//   - A record that names a schema which Names does not know is a *source.DamagedError with its place, and never passed on under its old name.
//   - Both parts of a record are renamed, or it is not passed on.
//   - A name is never guessed: which parts begin with names Names says, and a GUID in front of a part is one only if Names knows it.
//   - The same bytes and Names give the same bytes. Nobody is asked but Names.
//   - Versions of AWS Glue's schemas (a byte 3 and a UUID) are no names of such a registry and stay.
//
// What is not here: asking registries (replay/schema), deciding on names and freezing them (replay/recovery), how names are left out of a
// comparison (replay/record).
//
// Reading order: table.go, edit.go, over.go.
package rename
