package fsm

import (
	"fmt"

	"backstitch/partition"
)

// Command is the body of one op. Each lives in its own file, op<number>_<name>.go.
type Command interface {
	// Op is the number under which the command is encoded.
	Op() uint16
}

// Envelope is what surrounds every command: the audit trail is the log of envelopes.
type Envelope struct {
	Actor     string // who, e.g. "node:node-a" or "cli:root@host"
	Reason    string // why, "" when nobody said
	UnixNanos int64  // of the proposer's clock: the only time that Apply ever sees
	// RequestID makes a retried proposal harmless: the second one returns the first one's result and changes nothing. The
	// zero value switches this off, for commands that are harmless anyway.
	RequestID [16]byte
}

// Code is the outcome of a command that all replicas agree on. The numbers are stored and cross the wire; never reuse one.
type Code uint16

const (
	OK             Code = 0
	UnknownJob     Code = 1
	UnknownSlice   Code = 2
	UnknownMember  Code = 3
	UnknownProof   Code = 4
	StaleEpoch     Code = 5  // the lease has moved on; stop
	WrongState     Code = 6  // the object is not in a state that allows this
	Overlap        Code = 7  // another job holds one of the locks; Object names it
	Exists         Code = 8  // the same name with other content
	Incomplete     Code = 9  // StartJob before all slices are there, or without passing proof
	LaneBusy       Code = 10 // an earlier slice of the lane is not done
	NeedsVersion   Code = 11 // not every member can apply this op yet
	Invalid        Code = 12 // the command contradicts itself or exceeds a limit; Object says how
	OtherInstance  Code = 13 // a different data directory already uses this node id
	DigestMismatch Code = 14 // kept free: op 091 latches a replica that differs instead

	UnknownSchedule Code = 15
	UnknownDataset  Code = 16 // no such dataset, or no such endpoint of it
	UnknownPlan     Code = 17 // no plan of the cluster's own
	TooManyAside    Code = 18 // the slices of a job have set aside more than it allows; Object has the numbers
	UnknownAlias    Code = 19 // no alias of that name
	UnknownFlow     Code = 20 // no such flow, or no such step of it

	UnknownToken        Code = 41 // no token of that accessor, or one that has ended
	UnknownAccessPolicy Code = 42
	UnknownConsent      Code = 43 // nobody asks for that
	NotAllowed          Code = 44 // the actor may not; Object says why
)

// String returns the word that the API and logs use, e.g. "stale-epoch".
func (c Code) String() string {
	switch c {
	case OK:
		return "ok"
	case UnknownJob:
		return "unknown-job"
	case UnknownSlice:
		return "unknown-slice"
	case UnknownMember:
		return "unknown-member"
	case UnknownProof:
		return "unknown-proof"
	case StaleEpoch:
		return "stale-epoch"
	case WrongState:
		return "wrong-state"
	case Overlap:
		return "overlap"
	case Exists:
		return "exists"
	case Incomplete:
		return "incomplete"
	case LaneBusy:
		return "lane-busy"
	case NeedsVersion:
		return "needs-version"
	case Invalid:
		return "invalid"
	case OtherInstance:
		return "other-instance"
	case DigestMismatch:
		return "digest-mismatch"
	case UnknownSchedule:
		return "unknown-schedule"
	case UnknownDataset:
		return "unknown-dataset"
	case UnknownPlan:
		return "unknown-plan"
	case UnknownAlias:
		return "unknown-alias"
	case UnknownFlow:
		return "unknown-flow"
	case TooManyAside:
		return "too-many-aside"
	case UnknownToken:
		return "unknown-token"
	case UnknownAccessPolicy:
		return "unknown-access-policy"
	case UnknownConsent:
		return "unknown-consent"
	case NotAllowed:
		return "not-allowed"
	}
	return fmt.Sprintf("code %d", uint16(c))
}

// Result is what applying a command returned. It is the same on every replica.
type Result struct {
	Code   Code
	Index  uint64
	Object string // what a refusal is about
	// Refused lists the entries of a batched command that were refused while the rest was applied.
	Refused []Refusal
}

// Refusal is one refused entry of a batched command.
type Refusal struct {
	Slice partition.SliceID
	Code  Code
}
