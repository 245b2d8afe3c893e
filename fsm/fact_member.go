package fsm

import "backstitch/partition"

// MemberState is what operators decided about a node. Whether it is alive is rumour, and not kept here. The numbers are
// stored; never reuse one.
type MemberState uint8

const (
	MemberActive   MemberState = 1
	MemberDraining MemberState = 2 // gets no new slices and hands over those it has
	MemberLeft     MemberState = 3
)

// String returns the word that `cluster members` prints.
func (s MemberState) String() string {
	switch s {
	case MemberActive:
		return "active"
	case MemberDraining:
		return "draining"
	case MemberLeft:
		return "left"
	}
	return "unknown"
}

// MemberRole says whether a node may vote.
type MemberRole uint8

const (
	RoleVoter  MemberRole = 1 // a Raft voter once autopilot finds it stable
	RoleWorker MemberRole = 2 // follows the log and never votes
)

// String returns "voter" or "worker".
func (r MemberRole) String() string {
	switch r {
	case RoleVoter:
		return "voter"
	case RoleWorker:
		return "worker"
	}
	return "unknown"
}

// Member is a node that the cluster knows.
type Member struct {
	ID   partition.NodeID
	Name string // what people call it, unique
	// Instance is a random number that a data directory gets when it is made. A second process that claims the same ID
	// with another Instance is refused.
	Instance    [16]byte
	Role        MemberRole
	State       MemberState
	Zone        string
	Weight      uint32
	APIAddr     string // host:port
	RPCAddr     string // host:port of Raft and RPC
	GossipAddr  string // host:port
	Version     string // of the program, for people
	MaxOp       uint16 // highest op number that the program can apply
	Why         string // reason of the last change of State
	ModifyIndex uint64
}
