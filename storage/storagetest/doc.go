// Package storagetest is the test kit of the storage room: a conformance suite for raft log and stable stores, a walker that
// flips single bits in all files of a stopped node, and a file system that can be cut after each sync.
//
// It is imported by tests only, of this room and of others whose bytes lie in a node directory. Not here: fault file systems
// that pebble brings (vfs.NewCrashableMem, vfs/errorfs); use them directly.
package storagetest
