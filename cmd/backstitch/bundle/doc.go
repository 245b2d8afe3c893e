// Package bundle writes what a person sends to somebody else when a cluster misbehaves: one archive of many small texts, with everything that
// opens a door taken out.
//
// A bundle is a tar in zstd. Its first entry is README.txt, its last manifest.json: what each entry is, where it came from, its SHA-256, how
// many places were taken out of it, and what could not be had and why. A bundle without a manifest was cut off.
//
// Invariants:
//   - What goes in goes through Redact, unless the one who asked said otherwise; the manifest says which.
//   - What can not be had is a line in the manifest and no reason to stop: a bundle is made when things are broken.
//   - No more than one entry is in memory, and none is longer than MaxEntry.
//
// What is not here: what is asked, and of whom (cmd/backstitch), and the logs of agents, which are where the service manager keeps them.
//
// Reading order: bundle.go, redact.go.
package bundle
