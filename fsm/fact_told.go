package fsm

import (
	"iter"

	"backstitch/partition"
)

// Told is what was said of a job's deadline, at most once of each kind. It is of one deadline: of another one everything may be said anew.
type Told struct {
	Job               partition.JobID
	DeadlineUnixNanos int64
	AtRiskUnixNanos   int64 // when it was said, 0 if it was not
	AtRiskWhy         string
	MissedUnixNanos   int64
	MissedWhy         string
	ModifyIndex       uint64
}

const maxToldWhy = 512

// Has reports whether nothing is left to say of a kind: it was said, or a worse thing was.
func (x Told) Has(k NoticeKind) bool {
	return x.MissedUnixNanos != 0 || k == NoticeAtRisk && x.AtRiskUnixNanos != 0
}

// Told returns what was said of the deadline that a job has; ok is false if nothing was.
func (v *View) Told(id partition.JobID) (x Told, ok bool, err error) {
	ok, err = v.read(jobKey(kindTold, id), &x)
	return x, ok, err
}

// AllTerms yields the terms of all jobs that have any, those that have ended too.
func (v *View) AllTerms() iter.Seq2[Terms, error] { return each[Terms](v, key(kindTerms), nil) }
