// Package blocks holds measurements of one thing against measurements of nothing that lie beside them in time, so that what a machine does to all of
// them is no part of the answer.
//
// A benchmark measures in blocks in turn: nobody, one thing, nobody, another. Each block of a thing is held against the blocks of nobody beside it, and
// each block of nobody against the one before: how far from 1 those are, is the noise.
//
// Not here: what is measured (live, flood).
//
// Reading order: ratio.go.
package blocks
