package fault

// Kind names what is done. It is the word that figures are counted under; Form in Table is how it is written in a plan.
type Kind string

// Processes.
const (
	Kill           Kind = "kill"
	KillInSnapshot Kind = "kill-in-snapshot"
	Pause          Kind = "pause"
	Leave          Kind = "leave"
	RollingRestart Kind = "rolling-restart"
	CrashLoop      Kind = "crash-loop"
)

// The network between nodes, and to the broker and the store.
const (
	Partition Kind = "partition"
	Bridge    Kind = "bridge"
	OneWay    Kind = "one-way"
	Flap      Kind = "flap"
	Loss      Kind = "loss"
	Delay     Kind = "delay"
	Reorder   Kind = "reorder"
	Duplicate Kind = "duplicate"
	Corrupt   Kind = "corrupt"
	Bandwidth Kind = "bandwidth"
	Reset     Kind = "reset"
	GossipCut Kind = "gossip-cut"
	RaftCut   Kind = "raft-cut"
	ServerCut Kind = "server-cut"
	MTUHole   Kind = "mtu-hole"
)

// Disks.
const (
	DiskFull      Kind = "disk-full"
	DiskSlow      Kind = "disk-slow"
	DiskEIO       Kind = "disk-eio"
	DiskFsync     Kind = "disk-fsync"
	DiskReadOnly  Kind = "disk-read-only"
	DiskLying     Kind = "disk-lying"
	TornWrite     Kind = "torn-write"
	PowerLoss     Kind = "power-loss"
	BitFlip       Kind = "bit-flip"
	TruncatedTail Kind = "truncated-tail"
	LostSnapshot  Kind = "lost-snapshot"
	OldDisk       Kind = "old-disk"
)

// What a machine has too little of, and its clock.
const (
	CPU         Kind = "cpu"
	Memory      Kind = "memory"
	Descriptors Kind = "descriptors"
	ClockSkew   Kind = "clock-skew"
	ClockJump   Kind = "clock-jump"
	ClockFreeze Kind = "clock-freeze"
)

// Who is a member.
const (
	AddVoter     Kind = "add-voter"
	Remove       Kind = "remove"
	Replace      Kind = "replace"
	NewAddresses Kind = "new-addresses"
	VersionSkew  Kind = "version-skew"
	Drain        Kind = "drain"
	StepDown     Kind = "step-down"
)

// The broker and what is in its topics.
const (
	BrokerRestart   Kind = "broker-restart"
	BrokerError     Kind = "broker-error"
	BrokerThrottle  Kind = "broker-throttle"
	BrokerSlow      Kind = "broker-slow"
	BrokerCut       Kind = "broker-cut"
	BrokerAmbiguous Kind = "broker-ambiguous"
	Retention       Kind = "retention"
	TopicRecreated  Kind = "topic-recreated"
	UncleanElection Kind = "unclean-election"
	AbortedTx       Kind = "aborted-transactions"
)

// The object store.
const (
	StoreSlowdown  Kind = "store-slowdown"
	StoreError     Kind = "store-error"
	StoreTruncated Kind = "store-truncated"
	StoreChecksum  Kind = "store-checksum"
	StoreStale     Kind = "store-stale"
	StoreDenied    Kind = "store-denied"
	StoreMissing   Kind = "store-missing"
	StoreSlow      Kind = "store-slow"
	StoreAmbiguous Kind = "store-ambiguous"
)

// Records.
const (
	PoisonRecord Kind = "poison-record"
	SchemaBreak  Kind = "schema-break"
)

// Spec returns the kind's row of Table, nil when there is none.
func (k Kind) Spec() *Spec { return byKind[k] }

// Family is what a kind belongs to.
type Family string

// Families. The first four are infrastructure: they hurt what the program stands on, whatever it works with.
const (
	Process    Family = "process"
	Network    Family = "network"
	Disk       Family = "disk"
	Resource   Family = "resource"
	Membership Family = "membership"
	Broker     Family = "broker"
	Store      Family = "store"
	Input      Family = "input"
)

// Infrastructure says whether the family hurts what the program stands on.
func (f Family) Infrastructure() bool {
	return f == Process || f == Network || f == Disk || f == Resource
}
