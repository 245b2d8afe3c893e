// Package sequence finds what producers sent and Kafka does not have, when records say who sent them and the how manieth they are:
// a field for the source, and one for its running number. It is the only way to see a loss that happened before a topic, e.g.
// when a leader died that had acknowledged alone, or when a few hosts among many can not deliver while totals look normal.
//
// Invariants:
//   - A number is missing when the same source has lower and higher ones in what was read, and it is not there.
//   - A source that starts again at 0 or 1 begins a new run. Numbers before the first that was seen, and after the last, are not
//     known to exist.
//   - What retention can have taken, and what may still be on its way, is not called missing: numbers next to the log's start, and
//     to now. A compacted topic is not comparable.
//   - Memory is bounded: a source costs what its holes cost, not what its records do. Too many is ErrTooMany and never a guess.
//   - Nothing is written.
//
// Events of Debezium have such numbers of their own (ScanDebezium): each transaction is a source, which begins at 1 and says at its end how
// many events there were.
//
// Reading order: path.go, source.go, detect.go, merge.go, scan.go, finding.go, render.go, transactions.go, debezium.go.
package sequence
