// Package layout knows all layouts of archives: it opens one by its name, and finds out which one an archive has.
//
// Invariants:
//   - Detect looks at a bounded sample of keys. It shows what it saw, and refuses where two layouts explain it: a wrong layout
//     is worse than a question, because the offset in a name is the first one for some writers and the last one for others.
//   - Settle looks into one object for what names do not say, such as format and fields. What it found is in the Options, so
//     that a plan can freeze it and nobody looks again.
//   - Nothing that is said is overruled by what is found.
//
// What is not here: what keys mean (replay/source/*), our own archive's format (replay/archive).
//
// Reading order: options.go, table.go, detect.go, settle.go.
package layout
