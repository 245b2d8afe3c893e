// Package spill counts in memory what fits and on disk what does not: an exact multiset of 128-bit hashes, each with a number.
//
// It is for matching two sides of a comparison and for dedupe, where the set is as large as the difference and nobody knows
// that beforehand.
//
// Invariants:
//   - Exact: no false hit and no false miss, whatever the size.
//   - First in, first out per hash, also across the border between memory and disk.
//   - Memory stays below Options.MemoryBytes (plus the fixed filter, cache and memtable of the spill file); the files go with Close.
//
// Times is its sibling for windows in time: when was this hash seen? The same holds for it.
//
// Not here: durability. The files are scratch; what a killed process left is removed by Sweep.
//
// Reading order: spill.go, memory.go, disk.go, filter.go, times.go.
package spill
