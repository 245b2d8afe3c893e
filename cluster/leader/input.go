package leader

import (
	"time"

	"backstitch/cluster/vitals"
	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/partition/calendar"
)

// Input is all that a decision depends on.
type Input struct {
	// Now is the time since this leader began to watch, on its monotonic clock. It starts again from zero when the leader
	// finds that it was itself stopped for longer than Limits.Stall.
	Now time.Duration
	// Wall is the leader's wall clock; it is only compared with SliceState.NotBeforeUnixNanos and with when schedules are due, and stamped on
	// proofs.
	Wall    time.Time
	Self    partition.NodeID // this leader, which is never lost to itself
	Jobs    []Job            // every job that is running or verifying
	Members []fsm.Member     // all members of the book
	// Rumours has an entry for each node that was heard of. A member without one has been silent since Now was zero and is
	// unknown to gossip.
	Rumours map[partition.NodeID]Rumour
	Limits  Limits

	Schedules []Schedule      // of scans, by name
	Tokens    []fsm.Token     // that have not ended and will
	Unscanned []fsm.Unscanned // that wait for a scan; they are not read in each turn

	OwnProofKey [32]byte // public half of this node's, zero when it has none
	ProofKey    [32]byte // the present one of the book, zero when there never was one

	Version  uint32        // replicated cluster version
	Versions []VersionStep // that this program knows, ascending
	ByHand   bool          // a person raises the version

	Applied    uint64   // index of the book
	Digest     [32]byte // chained digest as of Applied
	LastDigest DigestMark
	// LastPreempt is when this leader last asked for a lease for the sake of another job, on the scale of Now; nil when it never did.
	LastPreempt *time.Duration
}

// Schedule is a schedule of scans. Busy says that its last scan has not ended.
type Schedule struct {
	fsm.Schedule
	Busy bool
}

// Rumour is what this leader has heard about one node. All of it is a hint.
type Rumour struct {
	GossipAlive bool
	// Silence is the time since the node's last renewal reached this leader, or since the leader began if there was none.
	Silence time.Duration
	// Before is how long the node had not answered this one when this leader began. Only of the leader before it is that known, and
	// only until it is heard.
	Before time.Duration
	// Refused is true when there is no connection to the node and its port has refused every dial since. A process that is
	// merely stopped does not refuse: its kernel goes on accepting.
	Refused bool
	// Disk is how full the node itself holds its disk to be.
	Disk vitals.Level
}

// VersionStep says which op number a member must be able to apply before the cluster may be raised to Version.
type VersionStep struct {
	Version uint32
	MaxOp   uint16
}

// DigestMark is when this leader last proposed a comparison of digests, and of which index.
type DigestMark struct {
	At    time.Duration // on the scale of Input.Now
	Index uint64        // 0 when it never did
}

// Job is an active job with what is needed of its slices.
type Job struct {
	fsm.Job
	Slices []Slice // all of the job, by number
	Terms  fsm.Terms
	// Calendar is what the job's says of Input.Wall, and Unread why that is not known: then nothing of the job runs.
	Calendar calendar.State
	Unread   error
	// Writers says who may have written the job's partitions, once it verifies.
	Writers fsm.Writers
	// Comparisons are those of the verify slices, by slice number, once all verify slices are done; nil before.
	Comparisons []Compared
	// ProofRecorded reports whether the book has the proof that Comparisons make.
	ProofRecorded bool
}

// scans reports whether the job is a scan: those begin with a survey.
func (j Job) scans() bool { return len(j.Slices) > 0 && j.Slices[0].Kind == partition.SliceSurvey }

// reads reports whether the job writes nothing: a scan, or what makes a plan, which the book ends by itself.
func (j Job) reads() bool { return len(j.Slices) > 0 && j.Slices[0].Kind.Reads() }

// Compared is the result of one verify slice. Index is the log index that recorded it: it tells the same numbers of two
// runs of a retried job apart.
type Compared struct {
	Comparison fsm.Comparison
	Index      uint64
}

// Slice is what a decision needs of one slice.
type Slice struct {
	N                  uint32
	Kind               partition.SliceKind
	Partition          int32
	Bytes              int64 // estimate of the plan
	Status             fsm.SliceStatus
	Owner              partition.NodeID // "" unless leased
	Epoch              partition.Epoch
	Attempts           uint32
	NotBeforeUnixNanos int64
	// Waited is how long this leader has seen the slice wait for NotBeforeUnixNanos. That time was set by another node's
	// wall clock, which may be hours off; see Limits.MaxBackoff.
	Waited time.Duration
	// Idle is how long this leader has seen the slice wait for an owner.
	Idle time.Duration
	// Asked says that the owner was asked to give the lease back, and Waits for how long this leader has seen that.
	Asked bool
	Waits time.Duration
	// Held is who last held a lease of this slice or, while it was never leased, of the lane's slice before it. "" when this
	// leader did not see it.
	Held partition.NodeID
}

// Proposal is one command that is due, with the reason that the audit trail will show.
type Proposal struct {
	Command fsm.Command
	Reason  string
	// Preempts says that a lease is asked for for the sake of another job.
	Preempts bool
}
