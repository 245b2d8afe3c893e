package fsm

import (
	"encoding/binary"
	"fmt"

	"backstitch/partition"
	"backstitch/storage"
)

// Keys of the book. A stored key is the book's space, a slot, a kind and the rest; what this file builds begins at the
// kind, which is also what checksums, digests and snapshots cover: replicas may keep their books in different slots.
//
// Ids of variable length that are followed by something end with a zero byte, and the rest is big endian, so that keys sort
// as people count.

type kind byte

const (
	kindAudit        kind = 'a' // number -> AuditRecord
	kindAuditHead    kind = 'A' // -> auditHead
	kindRequest      kind = 'd' // request id -> pastRequest
	kindRequestAt    kind = 'e' // index -> requestAt
	kindJob          kind = 'j' // job -> Job without Recipe and Locks
	kindJobFrozen    kind = 'f' // job -> jobFrozen
	kindJobActive    kind = 'J' // job -> mark, as long as it is not terminal
	kindLock         kind = 'k' // lock -> lockHolder
	kindLane         kind = 'l' // job, partition -> lane
	kindLaneSlice    kind = 'L' // job, partition, number -> mark
	kindMember       kind = 'm' // node -> Member
	kindMemberName   kind = 'M' // name -> memberName
	kindOwned        kind = 'o' // node, job, number -> mark
	kindLeased       kind = 'O' // job, number -> leaseHolder
	kindProof        kind = 'p' // proof -> Proof
	kindProofOfJob   kind = 'P' // job, index -> proofRef
	kindSlice        kind = 's' // job, number -> partition.Slice
	kindSliceState   kind = 't' // job, number -> SliceState
	kindProofKey     kind = 'q' // index -> ProofKey
	kindLedger       kind = 'w' // job, number, epoch -> Ledger
	kindDataset      kind = 'D' // dataset -> Dataset
	kindNotice       kind = 'N' // dataset or outbox, index -> Notice
	kindDelivery     kind = 'E' // dataset or outbox, endpoint -> Delivery
	kindWriters      kind = 'W' // job, partition -> laneWriters; job -> mark of a job whose writers are noted
	kindScan         kind = 'c' // job -> Scan
	kindScanPart     kind = 'C' // job, number -> ScanPart
	kindScanGroup    kind = 'g' // group, index -> scanRef
	kindSchedule     kind = 'S' // name -> Schedule
	kindPolicy       kind = 'y' // dataset -> Policy
	kindPlan         kind = 'b' // job that makes it -> Plan
	kindPlanOf       kind = 'B' // dataset, index -> planRef
	kindPlanWork     kind = 'h' // job that makes it -> MadePlan without Document, while the plan waits
	kindPlanText     kind = 'H' // job that makes it -> planText
	kindTried        kind = 'T' // dataset, pair, partition -> tried
	kindAlias        kind = 'i' // alias -> Alias
	kindAliasOf      kind = 'I' // job, alias -> mark, while a version of that job was not taken back
	kindAliasMoves   kind = 'u' // alias, version -> aliasMoves
	kindVoid         kind = 'r' // job -> JobVoid
	kindDiscarded    kind = 'x' // job, partition, offset -> Discarded
	kindAside        kind = 'X' // job -> aside
	kindSchema       kind = 'G' // dataset, pair, place, name -> DatasetSchema
	kindBudget       kind = 'R' // scope -> Budget
	kindTerms        kind = 'K' // job -> Terms
	kindYield        kind = 'Y' // job, number -> yielded, of a lease that is to be given back
	kindTold         kind = 'Q' // job -> Told
	kindJobTerms     kind = '1' // 'd', dataset or 'f', flow, step -> JobTerms of jobs that are not there yet
	kindMaintenance  kind = '0' // name -> Maintenance
	kindFlow         kind = 'F' // flow -> Flow
	kindFlowGraph    kind = 'n' // flow -> FlowGraph
	kindFlowActive   kind = 'V' // flow -> mark, as long as it has not ended
	kindFlowWork     kind = 'U' // flow, step -> MadePlan without Document, while the step waits
	kindWatch        kind = 'Z' // dataset -> Watch
	kindBaseline     kind = '2' // dataset, target -> Baseline
	kindLearned      kind = '3' // dataset, target -> learned
	kindStepNote     kind = '4' // flow, step -> StepNote
	kindFlowUndo     kind = '5' // flow -> FlowUndo
	kindFlowOutbox   kind = '9' // outbox -> FlowOutbox
	kindFlowSchedule kind = '-' // namespace/name -> FlowSchedule
	kindFlowOrder    kind = '*' // namespace/name -> FlowOrder
	kindFlowRun      kind = '%' // flow -> FlowRun
	kindToken        kind = '6' // accessor -> Token
	kindAccessPolicy kind = '7' // name -> AccessPolicy
	kindConsent      kind = '8' // id -> Consent
	kindFollow       kind = '=' // dataset, pair -> follow
	kindPlanLocked   kind = '+' // job that makes it -> lockedPlan
	kindVersion      kind = 'v' // -> clusterVersion
	kindUpgrade      kind = '^' // -> Upgrade
	kindMeta         kind = 'z' // -> meta
	lastKind         kind = 'z'
	maxIDBytes            = 128 // of node ids, node names, lock names, proof ids
	maxLockBytes          = 1024
	slotPointerByte       = 0xff
)

// Values that are not facts of their own.
type (
	mark struct{}

	// meta is what the book itself is: where in the log it stands, and the digest chained up to there.
	meta struct {
		Index  uint64
		Term   uint64
		Digest [32]byte
	}
	// jobFrozen is the part of a Job that never changes. It is large and kept apart, because the rest is written with
	// every slice that ends.
	jobFrozen struct {
		Recipe []byte
		Locks  []string
	}
	lockHolder     struct{ Job partition.JobID }
	leaseHolder    struct{ Node partition.NodeID }
	memberName     struct{ ID partition.NodeID }
	proofRef       struct{ ID ProofID }
	scanRef        struct{ Job partition.JobID }
	planRef        struct{ ID partition.JobID }
	clusterVersion struct{ Version uint32 }
	requestAt      struct{ ID [16]byte }
	// pastRequest is what a request id returned when it was first seen.
	pastRequest struct {
		Op     uint16
		Result Result
	}
	// lane keeps the order of one partition of one job.
	lane struct {
		Open bool   // whether a slice is not done
		Head uint32 // number of the first slice that is not done; meaningful when Open
		Last uint32 // number of the last slice
		Kind partition.SliceKind
		To   partition.Offset // end of the last fill slice
	}
	auditHead struct {
		Oldest uint64 // number of the oldest record that is kept
		Next   uint64 // number of the next record
		Anchor [32]byte
		Hash   [32]byte // of the newest record
	}
)

func key(k kind, parts ...[]byte) []byte {
	n := 1
	for _, p := range parts {
		n += len(p)
	}
	out := append(make([]byte, 0, n), byte(k))
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

func u32(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }
func u64(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

func writersKey(l partition.Lane) []byte {
	return key(kindWriters, ended(l.Job), u32(uint32(l.Partition)))
}

// ended is an id of variable length with its end.
func ended[S ~string](id S) []byte { return append([]byte(id), 0) }

func jobKey(k kind, id partition.JobID) []byte { return key(k, []byte(id)) }

func sliceKey(k kind, id partition.SliceID) []byte {
	out := make([]byte, 0, len(id.Job)+6)
	out = append(append(append(out, byte(k)), id.Job...), 0)
	return binary.BigEndian.AppendUint32(out, id.N)
}

func laneKey(l partition.Lane) []byte { return key(kindLane, ended(l.Job), u32(uint32(l.Partition))) }

// lanePrefix begins the keys of all slices of a lane.
func lanePrefix(l partition.Lane) []byte {
	return key(kindLaneSlice, ended(l.Job), u32(uint32(l.Partition)))
}

func laneSliceKey(l partition.Lane, n uint32) []byte {
	return key(kindLaneSlice, ended(l.Job), u32(uint32(l.Partition)), u32(n))
}

func ownedKey(node partition.NodeID, id partition.SliceID) []byte {
	return key(kindOwned, ended(node), ended(id.Job), u32(id.N))
}

// trailingNumber is the slice number at the end of a key.
func trailingNumber(k []byte) uint32 { return binary.BigEndian.Uint32(k[len(k)-4:]) }

// keyName is how an error names a key to an operator.
func keyName(k []byte) string {
	if len(k) == 0 {
		return "book of record"
	}
	return fmt.Sprintf("book of record, %s %q", kind(k[0]), k[1:])
}

// String names what is kept under keys of this kind.
func (k kind) String() string {
	switch k {
	case kindAudit:
		return "audit record"
	case kindAuditHead:
		return "audit head"
	case kindRequest, kindRequestAt:
		return "request id"
	case kindJob:
		return "job"
	case kindJobFrozen:
		return "job recipe"
	case kindJobActive:
		return "active job"
	case kindLock:
		return "lock"
	case kindLane, kindLaneSlice:
		return "lane"
	case kindMember:
		return "member"
	case kindMemberName:
		return "member name"
	case kindOwned, kindLeased:
		return "lease"
	case kindProof:
		return "proof"
	case kindProofOfJob:
		return "proof of job"
	case kindSlice:
		return "slice"
	case kindSliceState:
		return "slice state"
	case kindProofKey:
		return "proof key"
	case kindLedger:
		return "ledger"
	case kindDataset:
		return "dataset"
	case kindNotice:
		return "notice"
	case kindDelivery:
		return "delivery of notices"
	case kindWriters:
		return "writers"
	case kindScan, kindScanGroup:
		return "scan"
	case kindScanPart:
		return "scanned partition"
	case kindSchedule:
		return "schedule"
	case kindPolicy:
		return "policy"
	case kindPlan, kindPlanOf:
		return "plan"
	case kindPlanWork:
		return "work of a plan"
	case kindPlanText:
		return "document of a plan"
	case kindTried:
		return "what plans have tried"
	case kindFollow:
		return "scan that is planned next"
	case kindPlanLocked:
		return "plan that waits for a lock"
	case kindAlias, kindAliasOf:
		return "alias"
	case kindAliasMoves:
		return "groups of an alias"
	case kindVoid:
		return "rollback of a job"
	case kindDiscarded:
		return "discarded record"
	case kindAside:
		return "records set aside"
	case kindSchema:
		return "schema of a dataset"
	case kindBudget:
		return "budget"
	case kindTerms:
		return "terms of a job"
	case kindJobTerms:
		return "terms of jobs to come"
	case kindMaintenance:
		return "window of maintenance"
	case kindTold:
		return "what is told of a deadline"
	case kindYield:
		return "lease to give back"
	case kindFlow, kindFlowActive:
		return "flow"
	case kindFlowGraph:
		return "steps of a flow"
	case kindFlowWork:
		return "plan of a flow's step"
	case kindToken:
		return "token"
	case kindAccessPolicy:
		return "access policy"
	case kindConsent:
		return "consent"
	case kindFlowUndo:
		return "edges back of a flow"
	case kindFlowOutbox:
		return "who hears of a flow"
	case kindFlowSchedule, kindFlowOrder:
		return "schedule of a flow"
	case kindFlowRun:
		return "run of a flow's schedule"
	case kindStepNote:
		return "note of a flow's step"
	case kindWatch:
		return "what is counted of a dataset"
	case kindBaseline:
		return "counted hours"
	case kindLearned:
		return "what was learned of hours"
	case kindVersion:
		return "cluster version"
	case kindUpgrade:
		return "who finishes upgrades"
	case kindMeta:
		return "applied index"
	}
	return fmt.Sprintf("kind %#02x", byte(k))
}

// newValue returns a pointer to the type that is stored under keys of this kind, nil for an unknown kind.
func (k kind) newValue() any {
	switch k {
	case kindAudit:
		return new(AuditRecord)
	case kindAuditHead:
		return new(auditHead)
	case kindRequest:
		return new(pastRequest)
	case kindRequestAt:
		return new(requestAt)
	case kindJob:
		return new(Job)
	case kindJobFrozen:
		return new(jobFrozen)
	case kindJobActive, kindLaneSlice, kindOwned, kindAliasOf, kindFlowActive:
		return new(mark)
	case kindLock:
		return new(lockHolder)
	case kindLane:
		return new(lane)
	case kindMember:
		return new(Member)
	case kindMemberName:
		return new(memberName)
	case kindLeased:
		return new(leaseHolder)
	case kindProof:
		return new(Proof)
	case kindProofOfJob:
		return new(proofRef)
	case kindSlice:
		return new(partition.Slice)
	case kindSliceState:
		return new(SliceState)
	case kindProofKey:
		return new(ProofKey)
	case kindLedger:
		return new(Ledger)
	case kindDataset:
		return new(Dataset)
	case kindNotice:
		return new(Notice)
	case kindDelivery:
		return new(Delivery)
	case kindWriters:
		return new(laneWriters)
	case kindScan:
		return new(Scan)
	case kindScanPart:
		return new(ScanPart)
	case kindScanGroup:
		return new(scanRef)
	case kindSchedule:
		return new(Schedule)
	case kindPolicy:
		return new(Policy)
	case kindPlan:
		return new(Plan)
	case kindPlanOf:
		return new(planRef)
	case kindPlanWork:
		return new(MadePlan)
	case kindPlanText:
		return new(planText)
	case kindTried:
		return new(tried)
	case kindFollow:
		return new(follow)
	case kindPlanLocked:
		return new(lockedPlan)
	case kindAlias:
		return new(Alias)
	case kindAliasMoves:
		return new(aliasMoves)
	case kindVoid:
		return new(JobVoid)
	case kindDiscarded:
		return new(Discarded)
	case kindAside:
		return new(aside)
	case kindSchema:
		return new(DatasetSchema)
	case kindBudget:
		return new(Budget)
	case kindTerms:
		return new(Terms)
	case kindJobTerms:
		return new(JobTerms)
	case kindMaintenance:
		return new(Maintenance)
	case kindTold:
		return new(Told)
	case kindYield:
		return new(yielded)
	case kindFlow:
		return new(Flow)
	case kindFlowGraph:
		return new(FlowGraph)
	case kindFlowWork:
		return new(MadePlan)
	case kindToken:
		return new(Token)
	case kindAccessPolicy:
		return new(AccessPolicy)
	case kindConsent:
		return new(Consent)
	case kindStepNote:
		return new(StepNote)
	case kindFlowUndo:
		return new(FlowUndo)
	case kindFlowOutbox:
		return new(FlowOutbox)
	case kindFlowSchedule:
		return new(FlowSchedule)
	case kindFlowOrder:
		return new(FlowOrder)
	case kindFlowRun:
		return new(FlowRun)
	case kindWatch:
		return new(Watch)
	case kindBaseline:
		return new(Baseline)
	case kindLearned:
		return new(learned)
	case kindVersion:
		return new(clusterVersion)
	case kindUpgrade:
		return new(Upgrade)
	case kindMeta:
		return new(meta)
	}
	return nil
}

// slot is one of two places for the whole book. A restore fills the other one and then turns the pointer.
type slot byte

func (s slot) key(k []byte) []byte {
	out := make([]byte, 0, 2+len(k))
	return append(append(out, byte(storage.BookSpace), byte(s)), k...)
}

func (s slot) lower() []byte { return storage.BookSpace.Key(byte(s)) }
func (s slot) upper() []byte { return storage.BookSpace.Key(byte(s) + 1) }
func (s slot) other() slot   { return 1 - s }
func slotPointer() []byte    { return storage.BookSpace.Key(slotPointerByte) }
