// Package ledger keeps what a scan has read, so that the next scan of the same two ends reads only what is new: it stands between
// gap.Scan and both sides, and gives back the digests of records for which it can vouch instead of their contents.
//
// Invariants:
//   - What a scan finds is the same with a ledger and without: findings, ids, counts, everything but gap.Report.Ledger.
//   - A record is vouched for only while anchors say that it is what was read. For a topic: its id, the log start, the last stable
//     offset, the end of the leader epoch of its last record, a policy without compaction, and its last records, which are read again. For an
//     archive: key, ETag and size of each object that reaches into a window. What they do not vouch for is read.
//   - What was hashed by schema is vouched for only while both registries, asked anew, say what they said of each schema. A comparison by
//     schema shares no file with one by bytes.
//   - A file that is damaged, cut short, of another version or under other fields is no ledger. It costs a full read, and the report says
//     so; it never costs a finding.
//   - A file is there whole or not at all, and is replaced whole.
//   - A proof reads. replay/verify can not reach this package.
//
// A ledger keeps a digest of each record, some 23 bytes, in windows of up to a thousand with their count, bytes and sum. Coarser ones
// would do to tell that two windows differ, and not for what a scan says of them: a record that is missing here may be equal to one that
// is there twice in a window that matches, and its run, its bytes and its column in the heatmap are those of single records.
// So a window that differs is not read again either: its digests say where.
//
// What is not here: how two sides are compared (replay/gap), who asks brokers and stores for anchors (replay/recovery).
//
// Reading order: scan.go, believe.go, vouch.go, part.go, reader.go, sides.go, window.go, file.go, write.go. Bytes are in FORMATS.md.
package ledger
