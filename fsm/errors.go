package fsm

import "errors"

var (
	// ErrLatched says that this replica met an error while applying and applies, snapshots and serves nothing any more.
	// The error that made it latch is wrapped beside it.
	ErrLatched = errors.New("BST-E0301: the book of record of this node has stopped")
	// ErrDiverged says that this replica's book is not that of the leader. The node must be rebuilt from a snapshot.
	ErrDiverged = errors.New("BST-E0302: the book of record differs from the leader's (set the data directory aside and let the node rejoin)")
	// ErrSnapshot says that a snapshot stream is not what Persist wrote. Nothing was restored from it.
	ErrSnapshot = errors.New("BST-E0303: snapshot is damaged")
	// ErrClosed says that the book is about to be closed, or is.
	ErrClosed = errors.New("the book of record is closed")
	// errApplied answers an entry that this book already holds. It is met after a restart only, when nobody waits for it.
	errApplied = errors.New("entry is applied already")
)
