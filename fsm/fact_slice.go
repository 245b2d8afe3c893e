package fsm

import "backstitch/partition"

// SliceStatus is where a slice is in its life. The numbers are stored; never reuse one.
type SliceStatus uint8

const (
	SliceWaiting SliceStatus = 1 // nobody owns it
	SliceLeased  SliceStatus = 2 // Owner works on it under Epoch
	SliceDone    SliceStatus = 3
	SliceFailed  SliceStatus = 4 // for good, until RetryJob
)

// String returns the word that status output uses.
func (s SliceStatus) String() string {
	switch s {
	case SliceWaiting:
		return "waiting"
	case SliceLeased:
		return "leased"
	case SliceDone:
		return "done"
	case SliceFailed:
		return "failed"
	}
	return "unknown"
}

// SliceState is the part of a slice that changes. The part that does not is partition.Slice, kept under its own key.
type SliceState struct {
	ID        partition.SliceID
	Kind      partition.SliceKind
	Partition int32
	Status    SliceStatus
	Owner     partition.NodeID // "" unless leased
	// Epoch is that of the newest lease ever granted. It never falls, also when the slice waits.
	Epoch      partition.Epoch
	Checkpoint Checkpoint
	Attempts   uint32 // failures so far
	// NotBeforeUnixNanos is when a slice that failed for a passing reason may be granted again.
	NotBeforeUnixNanos int64
	Err                string // the last failure, "" when there was none
	Comparison         *Comparison
	Quarantine         []Quarantined // at most MaxQuarantineEntries
	ModifyIndex        uint64
}

// MaxQuarantineEntries bounds the quarantine list of one slice. The counts go on beyond it.
const MaxQuarantineEntries = 1000

// Checkpoint is the replicated copy of a slice's progress. The truth about progress lies in the target; this copy may lag
// behind it and never leads it.
type Checkpoint struct {
	Epoch       partition.Epoch
	Cursor      partition.Offset // next reference position that is not yet durable in the target
	Records     int64            // written
	Bytes       int64            // written, uncompressed
	Suppressed  int64            // found in the target already and not written again
	Quarantined int64
	Digest      [16]byte // of the positions and sizes of the records written by this slice, see replay/record
	UnixNanos   int64    // of the owner's clock, for people
}

// Quarantined names one record that could not be written. The record itself stays in the reference at Offset.
type Quarantined struct {
	Partition int32
	Offset    partition.Offset
	Object    string // key of the archive object, "" for a Kafka reference
	Code      string // stable, "BST-Q..."
	Reason    string
}
