package fsm

import "backstitch/partition"

// Assignment is what one node holds as of Index.
type Assignment struct {
	Index uint64
	Work  []Work
	// Budgets are what a share is needed of, by scope: View.Bounds.
	Budgets []Budget
}

// Work is one leased slice with what is needed to run it.
type Work struct {
	Slice  partition.Slice
	Epoch  partition.Epoch
	Recipe []byte     // Job.Recipe
	Seen   Checkpoint // the book's copy of the progress; the target's own wins
	// Scopes are what budgets of the slice's job may be for, the widest first; none of a job that writes nothing.
	Scopes []Scope
	// RateBytes is how many bytes a second a node may read for the scan that a survey, scan or plan slice belongs to; 0 for no limit.
	RateBytes int64
	// Survey is Scan.Header, of a scan slice.
	Survey []byte
	// Schemas are what earlier scans of the same pair have met, of a scan slice that is about a dataset.
	Schemas []DatasetSchema
	// Plan is what a plan slice makes, nil for others.
	Plan *Plan
	// Yield says that the slice is to be given back at its next checkpoint, or at once where it does not run.
	Yield bool
	// Quarantined are the positions that the fill slices of a verify slice's lane have set aside. Empty on fill slices.
	Quarantined partition.Ranges
}
