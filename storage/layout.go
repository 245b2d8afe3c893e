package storage

import "github.com/cockroachdb/pebble/v2/vfs"

// Space is the first byte of every key; it says whom the key belongs to. Numbers are on disk: never renumber or reuse one.
type Space byte

const (
	// MetaSpace belongs to this package.
	MetaSpace Space = 0x01
	// LogSpace holds raft log entries, owned by storage/raftlog.
	LogSpace Space = 0x02
	// StableSpace holds raft's hard state, owned by storage/raftlog.
	StableSpace Space = 0x03
	// BookSpace holds the book of record, owned by fsm.
	BookSpace Space = 0x04
)

// Key returns the space byte followed by rest, in a new slice.
func (s Space) Key(rest ...byte) []byte {
	return append(append(make([]byte, 0, 1+len(rest)), byte(s)), rest...)
}

// Lower is the first possible key of the space.
func (s Space) Lower() []byte { return []byte{byte(s)} }

// Upper is the first key behind the space, for use as an exclusive bound.
func (s Space) Upper() []byte { return []byte{byte(s) + 1} }

// Names inside a node directory. Everything below dataDir is renamed together by SetAside; the rest stays.
const (
	dataDir      = "data"
	pebbleDir    = "pebble"
	snapshotDir  = "snapshots"
	markFile     = "mark"
	formatFile   = "FORMAT"
	identityFile = "identity.json"
	lockFile     = "LOCK"
)

// SnapshotDir is where the raft snapshots of the node directory lie.
func SnapshotDir(fs vfs.FS, dir string) string { return fs.PathJoin(dir, dataDir, snapshotDir) }

// MarkPath is where the high-water mark of the node directory lies: beside pebble, not inside it.
func MarkPath(fs vfs.FS, dir string) string { return fs.PathJoin(dir, dataDir, markFile) }
