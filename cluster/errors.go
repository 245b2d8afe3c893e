package cluster

import (
	"errors"
	"fmt"

	"backstitch/fsm"
	"backstitch/storage"
)

// The sentinels of this room.
var (
	// ErrNoLeader says that the command was not proposed: nobody leads, or the leader could not be reached. Try again.
	ErrNoLeader = errors.New("no leader")
	// ErrOutcomeUnknown says that the command was sent and no answer came. It may still happen. Repeat it with the same
	// RequestID.
	ErrOutcomeUnknown = errors.New("outcome unknown")
	// ErrNotReady says that this node can not serve: it is starting, stopping, waiting to be let in, or latched.
	ErrNotReady = errors.New("node is not ready")
	// ErrConfig says that the configuration can not work.
	ErrConfig = errors.New("configuration")
	// ErrNodeIDInUse says that another living process, or another data directory, has this node's id or name.
	ErrNodeIDInUse = errors.New("node id is in use")
	// ErrOtherCluster says that two nodes belong to different clusters.
	ErrOtherCluster = errors.New("belongs to another cluster")
	// ErrCannotRejoin says that this node lost data and there is nobody from whom it could get it back.
	ErrCannotRejoin = errors.New("data is damaged and no other node is known")
	// ErrRestart says that damage was met while the node served. Started again, it sets its data aside and rejoins.
	ErrRestart = errors.New("this node has to start again")
	// ErrRefused says that the leader will not do what an operator asked; the reason is with it.
	ErrRefused = errors.New("refused")
	// ErrUnknownNode says that no member has this id or name.
	ErrUnknownNode = errors.New("no such node")
)

// Codes of this room's errors. Never change or reuse one.
const (
	CodeConfig       = "BST-E0401"
	CodeNodeIDInUse  = "BST-E0402"
	CodeOtherCluster = "BST-E0403"
	CodeCannotRejoin = "BST-E0404"
	CodePromised     = "BST-E0405" // this node promised to make a cluster with others, who never did
	CodeListen       = "BST-E0406"
	CodeTLS          = "BST-E0407"
	CodeGossip       = "BST-E0408"
	CodeLatched      = "BST-E0409" // this replica can not go on
	CodeLastVoter    = "BST-E0410" // the cluster would be left without a quorum
	CodeJoinRefused  = "BST-E0411"
	CodeProtected    = "BST-E0412" // faults are injected on purpose only in staging and dev
	CodeProofKey     = "BST-E0413" // the file with the proof key can not be used
	CodeKeyring      = "BST-E0420" // keys of gossip are not changed so
	CodeNoKey        = "BST-E0421" // no member has such a key of gossip
	CodeDiskHard     = "BST-E0415" // the disk is past its hard mark, and this would need room on it
	CodeProgram      = "BST-E1212" // a node does not run a program for a flow
)

// Error is a fault as an operator meets it: which object, why, and what to type next.
type Error struct {
	Code   string // stable, BST-E04xx
	Object string
	Kind   error // one of the sentinels
	Cause  error // may be nil
	Hint   string
}

// Error returns one line with code, object and reason. The hint is for whoever prints it on a line of its own.
func (e *Error) Error() string {
	if e.Cause == nil {
		return fmt.Sprintf("%s: %s: %v", e.Code, e.Object, e.Kind)
	}
	return fmt.Sprintf("%s: %s: %v: %v", e.Code, e.Object, e.Kind, e.Cause)
}

// Unwrap gives both the sentinel and the cause to errors.Is and errors.As.
func (e *Error) Unwrap() []error {
	if e.Cause == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Cause}
}

// Exit statuses of an agent that ended by itself. They are documented and never change.
const (
	ExitDamaged   = 20 // data is damaged and the node can not rejoin by itself
	ExitNewer     = 21 // data was written by a newer program
	ExitDiskFull  = 22
	ExitDisk      = 23 // the disk refused a write or a sync
	ExitLatched   = 24 // this replica can not go on, or differs from the leader's; it is rebuilt at the next start
	ExitNodeIDUse = 25 // another process has this node's id, name or directory
)

// ExitStatus says with which status the process should end after Run, New or Deps.Fatal gave err: 0 for nil, 1 when no other
// fits. More particular reasons win over the ones that they cause.
func ExitStatus(err error) int {
	switch {
	case err == nil:
		return 0
	case errors.Is(err, storage.ErrNewer):
		return ExitNewer
	case errors.Is(err, ErrRestart):
		return ExitLatched
	case errors.Is(err, storage.ErrFull):
		return ExitDiskFull
	case errors.Is(err, ErrNodeIDInUse), errors.Is(err, storage.ErrLocked), errors.Is(err, storage.ErrForeign):
		return ExitNodeIDUse
	case errors.Is(err, ErrCannotRejoin), errors.Is(err, storage.ErrDamaged), errors.Is(err, storage.ErrShortened):
		return ExitDamaged
	case errors.Is(err, storage.ErrDisk):
		return ExitDisk
	case errors.Is(err, fsm.ErrLatched), errors.Is(err, fsm.ErrDiverged):
		return ExitLatched
	}
	return 1
}
