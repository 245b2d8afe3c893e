package engine

import "sync/atomic"

// Counters count what slices did, work that was done again included. They are for metrics; a slice's own truth is its
// checkpoint.
type Counters struct {
	ReadRecords atomic.Int64
	ReadBytes   atomic.Int64
	Written     atomic.Int64 // records in committed transactions
	WriteBytes  atomic.Int64
	Suppressed  atomic.Int64
	Quarantined atomic.Int64
	Commits     atomic.Int64
	Reopened    atomic.Int64 // times that a slice went back to its last durable progress
}
