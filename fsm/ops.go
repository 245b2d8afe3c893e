package fsm

import (
	"fmt"

	"backstitch/fsm/wire"
)

// This file is the register of commands. Numbers are spelled out and go by tens: 01x jobs, 02x slices, 03x leases, 04x checkpoints and access, 05x
// findings and proofs, 06x datasets, budgets and leases that are asked for, 07x schemas, what was set aside and what readers are sent to, 08x flows, 09x
// members, version and digest, from 95 on what flows have besides, and from 100 on what upgrades have. A number that was released is never given to something else: an op that is not used any more stays here and
// applies to nothing.

// op is a command that can be applied. Apply first checks everything and then writes; a refusal has written nothing.
type op interface {
	Command
	apply(t *tx) Result
	// subject names what the command is about, for the audit trail.
	subject() string
}

// opSpec is one row of the register.
type opSpec struct {
	number uint16
	name   string
	since  uint32 // cluster version from which on it may be proposed
	decode func(body []byte) (op, error)
}

var opTable = [...]opSpec{
	{10, "submit-job", 1, decodeOp[SubmitJob]},
	{11, "start-job", 1, decodeOp[StartJob]},
	{12, "pause-job", 1, decodeOp[PauseJob]},
	{13, "resume-job", 1, decodeOp[ResumeJob]},
	{14, "cancel-job", 1, decodeOp[CancelJob]},
	{15, "begin-verify", 1, decodeOp[BeginVerify]},
	{16, "finish-job", 1, decodeOp[FinishJob]},
	{17, "retry-job", 1, decodeOp[RetryJob]},
	{18, "set-priority", 6, decodeOp[SetPriority]},
	{19, "submit-job-on-terms", 7, decodeOp[SubmitJobOnTerms]},
	{20, "add-slices", 1, decodeOp[AddSlices]},
	{21, "finish-slice", 1, decodeOp[FinishSlice]},
	{22, "fail-slice", 1, decodeOp[FailSlice]},
	{30, "grant-leases", 1, decodeOp[GrantLeases]},
	{31, "revoke-leases", 1, decodeOp[RevokeLeases]},
	{40, "save-checkpoints", 1, decodeOp[SaveCheckpoints]},
	{41, "create-token", 8, decodeOp[CreateToken]},
	{42, "end-token", 8, decodeOp[EndToken]},
	{43, "put-access-policy", 8, decodeOp[PutAccessPolicy]},
	{44, "bootstrap-access", 8, decodeOp[BootstrapAccess]},
	{45, "note-refusal", 8, decodeOp[NoteRefusal]},
	{46, "put-consent", 8, decodeOp[PutConsent]},
	{50, "record-proof", 1, decodeOp[RecordProof]},
	{51, "put-proof-key", 2, decodeOp[PutProofKey]},
	{52, "save-ledger", 2, decodeOp[SaveLedger]},
	{53, "submit-scan", 3, decodeOp[SubmitScan]},
	{54, "finish-scan-slice", 3, decodeOp[FinishScanSlice]},
	{55, "finish-scan", 3, decodeOp[FinishScan]},
	{56, "put-schedule", 3, decodeOp[PutSchedule]},
	{57, "put-dataset-with-watch", 8, decodeOp[PutDatasetWithWatch]},
	{58, "save-baseline", 8, decodeOp[SaveBaseline]},
	{59, "claim-baseline", 8, decodeOp[ClaimBaseline]},
	{60, "put-dataset", 3, decodeOp[PutDataset]},
	{61, "delete-dataset", 3, decodeOp[DeleteDataset]},
	{62, "settle-notices", 3, decodeOp[SettleNotices]},
	{63, "put-dataset-with-policy", 4, decodeOp[PutDatasetWithPolicy]},
	{64, "keep-plan", 4, decodeOp[KeepPlan]},
	{65, "approve-plan", 4, decodeOp[ApprovePlan]},
	{66, "reject-plan", 4, decodeOp[RejectPlan]},
	{67, "put-budget", 6, decodeOp[PutBudget]},
	{68, "tell-sla", 8, decodeOp[TellSLA]},
	{69, "yield-leases", 7, decodeOp[YieldLeases]},
	{70, "save-schemas", 5, decodeOp[SaveSchemas]},
	{71, "finish-slice-within", 5, decodeOp[FinishSliceWithin]},
	{72, "discard-records", 5, decodeOp[DiscardRecords]},
	{73, "restore-records", 5, decodeOp[RestoreRecords]},
	{74, "put-alias", 5, decodeOp[PutAlias]},
	{75, "revert-alias", 5, decodeOp[RevertAlias]},
	{76, "void-job", 5, decodeOp[VoidJob]},
	{77, "put-maintenance", 8, decodeOp[PutMaintenance]},
	{78, "plan-step-on-terms", 8, decodeOp[PlanStepOnTerms]},
	{79, "put-dataset-on-terms", 8, decodeOp[PutDatasetOnTerms]},
	{80, "submit-flow", 7, decodeOp[SubmitFlow]},
	{81, "begin-step", 7, decodeOp[BeginStep]},
	{82, "settle-step", 7, decodeOp[SettleStep]},
	{83, "approve-step", 7, decodeOp[ApproveStep]},
	{84, "pause-flow", 7, decodeOp[PauseFlow]},
	{85, "resume-flow", 7, decodeOp[ResumeFlow]},
	{86, "cancel-flow", 7, decodeOp[CancelFlow]},
	{87, "retry-flow", 7, decodeOp[RetryFlow]},
	{88, "plan-step", 7, decodeOp[PlanStep]},
	{89, "finish-flow", 7, decodeOp[FinishFlow]},
	{90, "raise-version", 1, decodeOp[RaiseVersion]},
	{91, "compare-digest", 1, decodeOp[CompareDigest]},
	{92, "put-member", 1, decodeOp[PutMember]},
	{93, "set-member-state", 1, decodeOp[SetMemberState]},
	{94, "remove-member", 1, decodeOp[RemoveMember]},
	{95, "note-step", 8, decodeOp[NoteStep]},
	{96, "submit-flow-with-undo", 8, decodeOp[SubmitFlowWithUndo]},
	{97, "begin-flow", 8, decodeOp[BeginFlow]},
	{98, "put-flow-schedule", 8, decodeOp[PutFlowSchedule]},
	{99, "note-keyring", 8, decodeOp[NoteKeyring]},
	{100, "set-upgrade", 8, decodeOp[SetUpgrade]},
	{101, "finish-upgrade", 8, decodeOp[FinishUpgrade]},
}

const (
	// FirstVersion is the cluster version of a new cluster.
	FirstVersion uint32 = 1
	// LatestVersion is the highest cluster version that this program can take part in.
	LatestVersion uint32 = 8
	// MaxOp is what this program says of itself in Member.MaxOp: its highest op number, and one more with each cluster version
	// that only fills gaps below it. It tells versions apart and is not itself an op.
	MaxOp uint16 = 101
	// writersSince is the version from which on the book notes who may have written a partition.
	writersSince uint32 = 2
	// datasetsSince is the version from which on the book notes what happens to a dataset.
	datasetsSince uint32 = 3
	// policiesSince is the version from which on the book makes plans of what scans of datasets find.
	policiesSince uint32 = 4
	// asideSince is the version from which on the book adds up what the slices of a job have set aside.
	asideSince uint32 = 5
	// budgetsSince is the version from which on the book has budgets.
	budgetsSince uint32 = 6
	// termsSince is the version from which on jobs have terms, and leases are asked for.
	termsSince uint32 = 7
	// toldSince is the version from which on the book says who was told of a deadline.
	toldSince uint32 = 8
	// accessSince is the version from which on the book knows tokens.
	accessSince uint32 = 8
)

// versionNeeds is the MaxOp that each member must have before a cluster version may be raised.
var versionNeeds = [LatestVersion + 1]uint16{1: 94, 2: 95, 3: 96, 4: 97, 5: 98, 6: 99, 7: 100, 8: 101}

// VersionNeeds returns the Member.MaxOp that a cluster version wants of every member.
func VersionNeeds(version uint32) uint16 { return versionNeeds[version] }

// Since returns the cluster version from which on an op may be proposed; ok is false for a number that this program does
// not know.
func Since(number uint16) (version uint32, ok bool) {
	spec, ok := findOp(number)
	return spec.since, ok
}

// OpName returns the name of an op as the audit trail prints it, e.g. "submit-job", or "op 123" for one that this program
// does not know.
func OpName(number uint16) string {
	if spec, ok := findOp(number); ok {
		return spec.name
	}
	return fmt.Sprintf("op %d", number)
}

func findOp(number uint16) (opSpec, bool) {
	for _, spec := range opTable {
		if spec.number == number {
			return spec, true
		}
	}
	return opSpec{}, false
}

func decodeOp[T op](body []byte) (op, error) {
	var v T
	err := wire.Unmarshal(body, &v)
	return v, err
}
