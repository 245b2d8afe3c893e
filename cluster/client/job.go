package client

import (
	"encoding/json"
	"time"
)

// Submission is the body of POST /v1/jobs: a frozen plan. The same submission again is answered with the job it made.
type Submission struct {
	ID        string `json:"id" doc:"job id, derived from the plan's hash" example:"bs-7f3k2m"`
	Name      string `json:"name"`
	Namespace string `json:"namespace"`
	PlanHash  string `json:"planHash" doc:"SHA-256 of the plan, 64 hex digits"`
	// Cluster is the cluster that the plan was made for; "" when it was made without one. Another cluster refuses it.
	Cluster string `json:"cluster,omitempty"`
	// CheckIndex is the newest index of this job's name that the caller saw; nil skips the check, 0 means that it must be new.
	CheckIndex *uint64         `json:"checkIndex,omitempty"`
	Recipe     json.RawMessage `json:"recipe" doc:"what a worker needs besides its slice"`
	Locks      []string        `json:"locks"`
	Priority   uint8           `json:"priority"`
	Records    int64           `json:"records"`
	Bytes      int64           `json:"bytes"`
	Slices     []Slice         `json:"slices"`
	Terms      *Terms          `json:"terms,omitempty"`
}

// Range is a half-open range of reference positions.
type Range struct {
	From int64 `json:"from"`
	To   int64 `json:"to"`
}

// Object is one archive object as the plan froze it.
type Object struct {
	Key   string `json:"key"`
	ETag  string `json:"etag"`
	Size  int64  `json:"size"`
	Base  int64  `json:"base"`
	Count int64  `json:"count"`
}

// Slice is the unchanging part of a slice; see partition.Slice.
type Slice struct {
	N          uint32   `json:"n" doc:"number inside the job"`
	Kind       string   `json:"kind" enum:"fill,verify"`
	Partition  int32    `json:"partition"`
	Ranges     []Range  `json:"ranges"`
	Objects    []Object `json:"objects,omitempty"`
	Records    int64    `json:"records"`
	Bytes      int64    `json:"bytes"`
	TargetFrom int64    `json:"targetFrom"`
	TargetTo   int64    `json:"targetTo"`
	Filled     []Range  `json:"filled,omitempty"`
}

// Work is GET /v1/jobs/{id}/recipe: what was submitted, enough to run the comparison again from outside.
type Work struct {
	Job      string          `json:"job"`
	PlanHash string          `json:"planHash"`
	Recipe   json.RawMessage `json:"recipe"`
	Slices   []Slice         `json:"slices"`
}

// Progress is the sum of the checkpoints of a job's fill slices. It may lag behind the target and never leads it.
type Progress struct {
	Written     int64 `json:"written"`
	Bytes       int64 `json:"bytes"`
	Suppressed  int64 `json:"suppressed" doc:"found in the target already and not written again"`
	Quarantined int64 `json:"quarantined"`
}

// Job is one accepted plan. Its state is one of planned, running, verifying, succeeded, failed, paused, cancelled.
type Job struct {
	ID          string   `json:"id"`
	Name        string   `json:"name"`
	Namespace   string   `json:"namespace"`
	State       string   `json:"state"`
	ResumeState string   `json:"resumeState,omitempty"`
	Why         string   `json:"why,omitempty"`
	PlanHash    string   `json:"planHash"`
	Locks       []string `json:"locks"`
	Priority    uint8    `json:"priority"`

	Records      int64    `json:"records" doc:"planned, over all fill slices"`
	Bytes        int64    `json:"bytes"`
	Slices       uint32   `json:"slices"`
	FillSlices   uint32   `json:"fillSlices"`
	FillDone     uint32   `json:"fillDone"`
	VerifySlices uint32   `json:"verifySlices"`
	VerifyDone   uint32   `json:"verifyDone"`
	FailedSlices uint32   `json:"failedSlices"`
	Progress     Progress `json:"progress"`

	CreatedBy   string     `json:"createdBy"`
	CreatedAt   time.Time  `json:"createdAt"`
	StartedAt   *time.Time `json:"startedAt,omitempty"`
	FinishedAt  *time.Time `json:"finishedAt,omitempty"`
	CreateIndex uint64     `json:"createIndex"`
	ModifyIndex uint64     `json:"modifyIndex"`

	Proof   string `json:"proof,omitempty" doc:"id of the newest proof"`
	Verdict string `json:"verdict,omitempty" doc:"of the newest proof: pass, fail, indeterminate"`
	// Aliases are the names under which what the job wrote is published, or was before the current version.
	Aliases []string `json:"aliases,omitempty"`
	// Void says that the job was rolled back: what it wrote into files does not count.
	Void *JobVoid `json:"void,omitempty"`
	// Hours and Deadline are there of a job that has them.
	Hours    *Hours    `json:"hours,omitempty"`
	Deadline *Deadline `json:"deadline,omitempty"`
}

// Terminal reports whether nothing happens to the job any more.
func (j Job) Terminal() bool {
	return j.State == "succeeded" || j.State == "failed" || j.State == "cancelled"
}

// SliceState is the changing part of a slice.
type SliceState struct {
	ID         string     `json:"id" example:"bs-7f3k2m/00000012"`
	Kind       string     `json:"kind" enum:"fill,verify,survey,scan"`
	Partition  int32      `json:"partition" doc:"-1 of a survey"`
	Status     string     `json:"status" enum:"waiting,leased,done,failed"`
	Owner      string     `json:"owner,omitempty" doc:"node id"`
	OwnerName  string     `json:"ownerName,omitempty"`
	Epoch      uint64     `json:"epoch"`
	Records    int64      `json:"records" doc:"planned"`
	Bytes      int64      `json:"bytes" doc:"planned"`
	Cursor     int64      `json:"cursor"`
	Progress   Progress   `json:"progress"`
	SeenAt     *time.Time `json:"seenAt,omitempty" doc:"time of the newest checkpoint"`
	Attempts   uint32     `json:"attempts"`
	NotBefore  *time.Time `json:"notBefore,omitempty"`
	Error      string     `json:"error,omitempty"`
	Quarantine []Poison   `json:"quarantine,omitempty"`
	Index      uint64     `json:"modifyIndex"`
}

// Poison is one record that could not be written.
type Poison struct {
	Partition int32  `json:"partition"`
	Offset    int64  `json:"offset"`
	Object    string `json:"object,omitempty"`
	Code      string `json:"code"`
	Reason    string `json:"reason"`
}

// Jobs is GET /v1/jobs, newest first.
type Jobs struct {
	Jobs []Job `json:"jobs"`
}

// SliceStates is GET /v1/jobs/{id}/slices, in slice order.
type SliceStates struct {
	Slices []SliceState `json:"slices"`
}

// Action is the body of pause, resume, cancel and of a member's drain and uncordon.
type Action struct {
	Reason string `json:"reason,omitempty" maxLength:"1024"`
}

// Retry is the body of POST /v1/jobs/{id}/retry. Only what failed is run again; what is done is never written twice.
type Retry struct {
	Reason string `json:"reason,omitempty" maxLength:"1024"`
}

// CurvePoint is how far a job was at a moment.
type CurvePoint struct {
	At        time.Time `json:"at"`
	Dealt     int64     `json:"dealt" doc:"records read and decided about"`
	Written   int64     `json:"written" doc:"records of them that were written"`
	Bytes     int64     `json:"bytes" doc:"written"`
	CapPerSec int64     `json:"capBytesPerSecond,omitempty" doc:"what bounds and peak hours allowed; absent where nothing did"`
	Peak      bool      `json:"peak,omitempty" doc:"peak hours were on"`
	Rest      bool      `json:"rest,omitempty" doc:"nothing was to run: paused, a blackout, or maintenance"`
}

// Curve is GET /v1/jobs/{id}/curve: how a job went, as the answering node has seen it since it was started. It is no fact of the book, and other nodes
// may have seen more or less of it.
type Curve struct {
	Job    string       `json:"job"`
	Node   string       `json:"node" doc:"name of the node that answered"`
	Points []CurvePoint `json:"points" doc:"oldest first, at most 240; the longer the curve, the further apart"`
}
