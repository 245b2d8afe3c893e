package leader

import (
	"context"
	"log/slog"
	"time"

	"backstitch/fsm"
	"backstitch/partition"
)

// Book is the leader's own replica of the book of record. Each call is a consistent read; two calls may see two indexes,
// which is harmless, because the book checks every proposal again.
type Book interface {
	// Overview returns what every turn needs.
	Overview() (Overview, error)
	// Slices returns all slices of a job, by number. Held and Waited are left empty.
	Slices(job partition.JobID) ([]Slice, error)
	// States returns the states of the given slices, in the order given.
	States(ids []partition.SliceID) ([]fsm.SliceState, error)
	// HasProof reports whether a proof of that name is recorded.
	HasProof(id fsm.ProofID) (bool, error)
	// Unscanned returns what began to be unusual while a scan ran that had begun before.
	Unscanned() ([]fsm.Unscanned, error)
	// Writers returns who may have written the partitions of a job.
	Writers(job partition.JobID) (fsm.Writers, error)
	// Wait blocks until an index above after is applied and returns the applied index. It also returns when ctx ends.
	Wait(ctx context.Context, after uint64) (uint64, error)
}

// Overview is the part of the book that is read in every turn. It is small: members, and jobs that run.
type Overview struct {
	Applied  uint64
	Digest   [32]byte // as of Applied
	Version  uint32
	ByHand   bool // a person raises Version
	Members  []fsm.Member
	ProofKey [32]byte                      // the present one of the book, zero when there never was one
	Jobs     []fsm.Job                     // running and verifying
	Terms    map[partition.JobID]fsm.Terms // of those jobs that have any
	Windows  []fsm.Maintenance             // of maintenance
	Asked    []fsm.Lease                   // that are to be given back, without their owners
	// Schedules are those of scans, by name.
	Schedules []Schedule
	// Tokens are those that have not ended and will.
	Tokens []fsm.Token
}

// Proposer applies a command through Raft. It returns once the command is applied here, or an error when that is not known.
type Proposer interface {
	Propose(ctx context.Context, env fsm.Envelope, cmd fsm.Command) (fsm.Result, error)
}

// Rumours tells what has been heard of other nodes since this node became leader.
type Rumours interface {
	Rumours() map[partition.NodeID]Rumour
}

// Config is what a Loop needs. All fields but Versions, ProofKey and Wall are required.
type Config struct {
	Self     partition.NodeID
	Book     Book
	Proposer Proposer
	Rumours  Rumours
	Limits   Limits
	Versions []VersionStep
	// ProofKey is the public half of this node's proof key, zero when it has none.
	ProofKey [32]byte
	// Tick is the longest time between two turns. A change of the book starts one earlier.
	Tick time.Duration
	// MinTurn is the shortest time between the starts of two turns, so that a busy book does not keep the leader deciding.
	MinTurn time.Duration
	Clock   func() time.Time // with a monotonic reading: time.Now
	// Wall is what is stamped on commands and compared with other nodes' times. nil is Clock: time.Now is both.
	Wall   func() time.Time
	Logger *slog.Logger
}

// DefaultConfig returns the timings and limits; the caller fills in the rest.
func DefaultConfig() Config {
	return Config{Limits: DefaultLimits(), Tick: 200 * time.Millisecond, MinTurn: 50 * time.Millisecond}
}
