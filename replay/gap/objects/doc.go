// Package objects compares two buckets object by object: what a copy into another region lacks, has beyond the original, or holds
// with other content. It reads listings of both sides and what the stores know of each object, and writes nothing.
//
// Invariants:
//   - Both listings are streamed in key order and merged. What is held does not grow with the number of objects.
//   - Equal sizes are never called equal contents. Contents are told by a checksum that both stores keep, or by reading both.
//   - What could not be compared is a finding with a reason, and the rest is compared all the same. A listing that breaks off
//     leaves everything behind that key not comparable: nothing behind it is called missing.
//   - A run of findings never takes in an object that has nothing of it, unless it says that it has several runs.
//   - The same data gives the same findings with the same ids.
//
// What is not here: records (replay/gap), how a store is asked (bucket.Inspector), repairing (a plan writes records, not objects).
//
// Reading order: report.go, compare.go, listing.go, judge.go, content.go, tally.go, render.go.
package objects
