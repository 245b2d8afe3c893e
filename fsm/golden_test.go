package fsm

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"backstitch/fsm/flow"
	"backstitch/fsm/wire"
	"backstitch/partition"
)

// The files below testdata/wire are what released programs have written into logs and books. They are never changed and
// never removed: each must decode for ever, and encode to the same bytes. -update only adds files that are missing.
var update = flag.Bool("update", false, "write golden files that are missing")

var goldenEnvelope = Envelope{Actor: "cli:root@host", Reason: "retention overtook the sink", UnixNanos: 1_700_000_000_123_456_789,
	RequestID: [16]byte{0xde, 0xad, 0xbe, 0xef, 15: 1}}

var (
	goldenSlice = partition.SliceID{Job: "bs-7f3k2m", N: 12}
	goldenPoint = Checkpoint{Epoch: 3, Cursor: 1 << 40, Records: 70_000, Bytes: 5 << 32, Suppressed: 200, Quarantined: 1,
		Digest: [16]byte{1, 2, 3}, UnixNanos: 1_700_000_000_000_000_001}
	goldenComparison = Comparison{Partition: 7, Range: partition.Range{From: 100, To: 70_000}, Verdict: Fail, Evidence: E3,
		Expected: Side{Records: 300, Bytes: 1 << 33, Sum: [16]byte{9}, Chain: [16]byte{8}}, Actual: Side{Records: 299, Bytes: 4},
		Missing: 1, Extra: 2, PreexistingDuplicates: 3, IntroducedDuplicates: 4, OrderViolations: 5, Quarantined: 6,
		Detail: "offset 4711: value differs", NotChecked: []string{"timestamps: the archive does not hold them"}, ReadBy: "b"}
	goldenQuarantine = []Quarantined{{Partition: 7, Offset: 4711, Object: "topics/a.json.gz", Code: "BST-Q0001", Reason: "not JSON"}}
	goldenProof      = Proof{ID: "r-abc", Job: "bs-7f3k2m", Verdict: Fail, Evidence: E3, Comparisons: []Comparison{goldenComparison},
		UnixNanos: 1_700_000_000_000_000_002, By: "node:b", Index: 77}
	goldenMember = Member{ID: "a", Name: "node-a", Instance: [16]byte{5}, Role: RoleVoter, State: MemberDraining, Zone: "east",
		Weight: 100, APIAddr: "10.0.0.1:7420", RPCAddr: "10.0.0.1:7421", GossipAddr: "10.0.0.1:7422", Version: "v0.1.0", MaxOp: 94,
		Why: "kernel update", ModifyIndex: 300}
	goldenWindow = Window{Range: partition.Range{From: 100, To: 70_000}, FromMs: 1_700_000_000_000, ToMs: 1_700_000_000_001, Filled: 20,
		Expected: WindowSide{Records: 300, Bytes: 1 << 33, Sum: [16]byte{9}}, Actual: WindowSide{Records: 299, Bytes: 4, Sum: [16]byte{7}}}
	goldenOrder = ScanOrder{Name: "orders-gap", Namespace: "shop", Dataset: "orders", Pair: "kafka:abc/orders s3://archive", Recipe: []byte(`{"v":1}`),
		RateBytes: 20 << 20, Whole: true, Priority: 20, Keep: 300}
	goldenCounts = ScanCounts{Comparable: 1, Compared: 70_000, Matched: 69_000, Target: 69_500, Missing: 1_000, MissingBytes: 1 << 33,
		Duplicates: 2, Extra: 3, Findings: 400, Unknown: 5}
	goldenSurvey = Survey{Partitions: []SurveyPart{{Partition: 7, Bytes: 1 << 33}}, Header: []byte(`{"d":1}`)}
	goldenPart   = ScanPart{Slice: goldenSlice, Partition: 7, By: "a", UnixNanos: 1_700_000_000_000_000_009, Counts: goldenCounts, Truncated: true,
		Body: []byte{0x28, 0xb5}}
	goldenDataset = Dataset{Name: "shop/orders", Document: []byte("{}"), Annotations: []Annotation{{"runbook_url", "https://wiki/orders"}},
		Reference: Place{"s3://acme", "orders"}, Targets: []Place{{"kafka://h:9092", "orders"}},
		Endpoints: []Endpoint{{Name: "pager", Format: FormatAlertmanager, URL: "http://am:9093", Token: "env:BACKSTITCH_NOTIFY_AM", On: 1<<NoticeFailed | 1<<NoticeSucceeded}},
		Orders:    []ScanOrder{goldenOrder}, EveryNanos: 3_600_000_000_000, Cron: "0 * * * *",
		CreatedBy: "cli:root", CreatedUnixNanos: 1, ChangedBy: "cli:ann", ChangedUnixNanos: 2, CreateIndex: 70, ModifyIndex: 300}
	goldenPlan = Plan{ID: "bs-7f3k2m", Dataset: "shop/orders", Scan: "bs-7f3k2n", Pair: "p", RateBytes: 20 << 20, State: PlanWaiting, Why: "w", By: "cli:ann",
		Job: "bs-7f3k2p", Hash: [32]byte{1, 31: 2}, Records: 70_000, Bytes: 1 << 33, CreatedUnixNanos: 1, ChangedUnixNanos: 2, CreateIndex: 70, ModifyIndex: 300}
	goldenMade = MadePlan{Job: "bs-7f3k2p", Name: "orders.refill", Hash: [32]byte{1, 31: 2}, Recipe: []byte(`{"v":1}`), Locks: []string{"kafka:abc/orders/0"},
		Priority: 50, Records: 70_000, Bytes: 1 << 33, Slices: []partition.Slice{goldenFrozen}, Warnings: []string{"BST-P202 w"}, Document: []byte{0x28, 0xb5}}
	goldenSchema = SeenSchema{Place: TargetValue, Name: "7", Print: [16]byte{6, 15: 7}, Subject: "orders-value", Version: 3, First: Position{7, 4711}, TimestampMs: 1_700_000_000_000}
	goldenTerms  = Terms{Job: "bs-7f3k2m", Calendar: partition.Calendar{Zone: "Europe/Berlin",
		Peaks:     []partition.Window{{Cron: "0 7 * * MON-FRI", Duration: 12 * time.Hour, Rate: partition.Rate{Bytes: 5 << 20, Records: 70_000, Requests: 300}}},
		Blackouts: []partition.Window{{Cron: "55 23 L * *", Duration: 2 * time.Hour, Rate: partition.Rate{Bytes: 1, Records: 2, Requests: 3}}}},
		DetectedUnixNanos: 1_700_000_000_000_000_000, DeadlineUnixNanos: 1_700_000_000_000_000_001, AlertPercent: 75, CompletePPM: 999_990}
	goldenWatch   = Watch{Dataset: "shop/orders", Topics: []WatchedTopic{{Target: 1, Topic: "orders", Recipe: []byte(`{"v":1}`), RateBytes: 20 << 20, MaxBytes: 512 << 10}}, Scan: true}
	goldenUnusual = Unusual{About: "source web-3", More: true, Partition: 7, SinceHour: 489_990, UntilHour: 490_000, Off: 70_000, New: 300, Hour: 489_995, From: 400, To: 500, Seen: 3,
		Season: "Fridays 03:00 to 04:00 UTC", Reason: "r", Cause: "c"}
	goldenSteps = []flow.Step{{Name: "refill", Needs: []string{"fill"}, Gate: "fill", MayFail: true, TimeoutNanos: 1 << 40, Kind: "recovery", Body: []byte("{}"),
		Retry: flow.Retry{Attempts: 5, InitialNanos: 1, MaxNanos: 1 << 33, Fixed: true, On: 6}}}
	goldenJobTerms = JobTerms{Calendar: goldenTerms.Calendar, DetectedUnixNanos: 1_700_000_000_000_000_000, WithinNanos: 3_600_000_000_000, AlertPercent: 75, CompletePPM: 999_990}
	goldenFrozen   = partition.Slice{ID: goldenSlice, Kind: partition.SliceVerify, Partition: 7,
		Ranges:  partition.Ranges{{From: 100, To: 200}, {From: 300, To: 70_000}},
		Objects: []partition.Object{{Key: "topics/a.json.gz", ETag: "9b2c", Size: 1 << 20, Base: 100, Count: -1}},
		Records: 300, Bytes: 1 << 33, TargetFrom: 0, TargetTo: 70_100, Filled: partition.Ranges{{From: 100, To: 200}}}
)

// goldenCommands has one command per op, with no field left zero.
var goldenCommands = []Command{
	SubmitJob{ID: "bs-7f3k2m", Name: "refill orders", Namespace: "shop", Recipe: []byte(`{"v":1}`), PlanHash: [32]byte{1, 31: 2},
		Locks: []string{"kafka:abc/orders/0", "kafka:abc/orders/1"}, Priority: 50, Records: 70_000, Bytes: 5 << 32, Slices: 300},
	StartJob{"bs-7f3k2m"}, PauseJob{"bs-7f3k2m"}, ResumeJob{"bs-7f3k2m"}, CancelJob{"bs-7f3k2m"}, BeginVerify{"bs-7f3k2m"},
	FinishJob{ID: "bs-7f3k2m", State: JobSucceeded, Proof: "r-abc"}, RetryJob{"bs-7f3k2m"}, SetPriority{ID: "bs-7f3k2m", Priority: 70},
	SubmitJobOnTerms{Submit: SubmitJob{ID: "bs-7f3k2m", Name: "refill orders", Namespace: "shop", Recipe: []byte("{}"), PlanHash: [32]byte{1, 31: 2},
		Locks: []string{"kafka:abc/orders/0"}, Priority: 50, Records: 70_000, Bytes: 1 << 33, Slices: 300}, Terms: goldenTerms},
	PutMaintenance{Name: "kafka-upgrade", Scope: "target/kafka:abc", Zone: "Europe/Berlin", Cron: "0 2 * * SUN", FromUnixNanos: 1_700_000_000_000_000_006, SpanNanos: 7_200_000_000_000, Off: true},
	TellSLA{Job: "bs-7f3k2m", Kind: NoticeMissed, DeadlineUnixNanos: 1_700_000_000_000_000_001, Why: "the deadline passed 1s ago"},
	YieldLeases{[]Lease{{Slice: goldenSlice, Owner: "a", Epoch: 3}}},
	AddSlices{Job: "bs-7f3k2m", Slices: []partition.Slice{goldenFrozen}},
	FinishSlice{Slice: goldenSlice, Owner: "a", Epoch: 3, Checkpoint: goldenPoint, Comparison: &goldenComparison, Quarantine: goldenQuarantine},
	FailSlice{Slice: goldenSlice, Owner: "a", Epoch: 3, Err: "BST-E0107: broker is gone", Retry: true, NotBeforeUnixNanos: 1_700_000_000_000_000_003},
	GrantLeases{[]Grant{{Slice: goldenSlice, Owner: "a", Seen: 2}}}, RevokeLeases{[]Lease{{Slice: goldenSlice, Owner: "a", Epoch: 3}}},
	SaveCheckpoints{Owner: "a", Entries: []SliceCheckpoint{{goldenSlice, goldenPoint}}},
	CreateToken{Accessor: "k3f9x2m7qa", Hash: [32]byte{1, 31: 2}, Namespaces: []string{"payments"}, Role: AccessOperator, ExpiresUnixNanos: 1_700_000_000_000_000_020},
	EndToken{Accessor: "k3f9x2m7qa", Expired: true}, PutAccessPolicy{Name: "oncall", Subject: "cert:ann", Role: AccessApprover, Namespace: "payments"},
	BootstrapAccess{Accessor: "k3f9x2m7qa", Hash: [32]byte{1, 31: 2}, Seen: 300}, NoteRefusal{Verb: "cancel-job", Namespace: "payments", Needs: AccessOperator},
	NoteKeyring{Change: KeyringUse, Key: "9b2c00112233445566778899aabbccdd", Forced: true},
	PutConsent{ID: "9b2c", Say: true, Verb: "void-job", Object: "bs-7f3k2m", Namespace: "payments"},
	RecordProof{goldenProof}, PutProofKey{Key: [32]byte{6, 31: 7}, Replaces: [32]byte{5, 31: 8}},
	SaveLedger{Slice: goldenSlice, Owner: "a", Epoch: 3, Windows: []Window{goldenWindow}}, RaiseVersion{2}, CompareDigest{Index: 70_000, Digest: [32]byte{3, 31: 4}},
	SubmitScan{ID: "bs-7f3k2m", Order: &goldenOrder, Schedule: "hourly", DueUnixNanos: 1_700_000_000_000_000_006, NextUnixNanos: 1_700_000_000_000_000_007},
	FinishScanSlice{Slice: goldenSlice, Owner: "a", Epoch: 3, Checkpoint: goldenPoint, Survey: &goldenSurvey, Part: &goldenPart}, FinishScan{"bs-7f3k2m"},
	PutSchedule{Name: "hourly", Order: &goldenOrder, EveryNanos: 3_600_000_000_000, Cron: "0 * * * *", NextUnixNanos: 1_700_000_000_000_000_008},
	PutDataset{Name: goldenDataset.Name, Document: goldenDataset.Document, Annotations: goldenDataset.Annotations,
		Reference: goldenDataset.Reference, Targets: goldenDataset.Targets, Endpoints: goldenDataset.Endpoints, Orders: goldenDataset.Orders,
		EveryNanos: goldenDataset.EveryNanos, Cron: goldenDataset.Cron, NextUnixNanos: 1_700_000_000_000_000_010, Seen: 300},
	DeleteDataset{Name: "shop/orders", Seen: 300},
	PutDatasetWithPolicy{Dataset: PutDataset{Name: goldenDataset.Name, Document: goldenDataset.Document, Annotations: goldenDataset.Annotations,
		Reference: goldenDataset.Reference, Targets: goldenDataset.Targets, Endpoints: goldenDataset.Endpoints, Orders: goldenDataset.Orders,
		EveryNanos: goldenDataset.EveryNanos, Cron: goldenDataset.Cron, NextUnixNanos: 1_700_000_000_000_000_010, Seen: 300},
		Act: PolicyRun, MaxRecords: 70_000, MaxBytes: 1 << 33},
	PutDatasetWithWatch{Dataset: PutDatasetWithPolicy{Dataset: PutDataset{Name: goldenDataset.Name, Document: goldenDataset.Document, Annotations: goldenDataset.Annotations,
		Reference: goldenDataset.Reference, Targets: goldenDataset.Targets, Endpoints: goldenDataset.Endpoints, Orders: goldenDataset.Orders,
		EveryNanos: goldenDataset.EveryNanos, Cron: goldenDataset.Cron, NextUnixNanos: 1_700_000_000_000_000_010, Seen: 300},
		Act: PolicyRun, MaxRecords: 70_000, MaxBytes: 1 << 33}, Topics: goldenWatch.Topics, Scan: true},
	SaveBaseline{Dataset: "shop/orders", Target: 1, Node: "a", Base: 490_000, Failure: "BST-E1200", Look: &Look{TopicID: "9b2c", FirstHour: 490_001, LastHour: 490_002, Hours: 2,
		Records: 70_000, Anew: true, Places: 9, Judged: 8, Notes: []string{"n"}, State: []byte{1, 2}, Unusual: []Unusual{goldenUnusual}}},
	ClaimBaseline{Dataset: "shop/orders", Target: 1, Node: "a", ForNanos: 1 << 33},
	KeepPlan{Slice: goldenSlice, Owner: "a", Epoch: 3, Checkpoint: goldenPoint, Made: &goldenMade},
	ApprovePlan{ID: "bs-7f3k2m", Hash: [32]byte{1, 31: 2}}, RejectPlan{ID: "bs-7f3k2m", Hash: [32]byte{1, 31: 2}},
	PutBudget{Scope: "target/kafka:abc/orders", Rate: partition.Rate{Bytes: 20 << 20, Records: 70_000, Requests: 300}},
	SettleNotices{Dataset: "shop/orders", Endpoint: "pager", UpTo: 301, Sent: 2, Dropped: 1, Why: "410 Gone"},
	SaveSchemas{Slice: goldenSlice, Owner: "a", Epoch: 3, Schemas: []SeenSchema{goldenSchema}},
	FinishSliceWithin{Finish: FinishSlice{Slice: goldenSlice, Owner: "a", Epoch: 3, Checkpoint: goldenPoint, Comparison: &goldenComparison, Quarantine: goldenQuarantine}, MaxQuarantine: 10},
	DiscardRecords{Job: "bs-7f3k2m", Positions: []Position{{7, 4711}}, Planned: []bool{true}}, RestoreRecords{Job: "bs-7f3k2m", Positions: []Position{{7, 4711}}},
	PutAlias{Name: "orders", Place: "kafka:abc/orders-v2", Topic: "orders-v2", Job: "bs-7f3k2m", From: "kafka:abc/orders", FromTopic: "orders",
		Moves: []GroupMove{{Group: "billing", Plan: []byte("{}")}}, Seen: 300, Stage: true},
	RevertAlias{Name: "orders", Job: "bs-7f3k2m", Seen: 300, Done: true}, VoidJob{Job: "bs-7f3k2m", Done: true, Records: 70_000},
	SubmitFlow{ID: "fl-7f3k2m", Name: "november-outage", Namespace: "payments", Document: []byte("{}"), Steps: goldenSteps},
	BeginStep{Flow: "fl-7f3k2m", Step: "refill", Attempt: 2, Token: "9b2c", Wait: true, Why: "w"},
	SettleStep{Flow: "fl-7f3k2m", Step: "refill", Attempt: 2, Status: flow.Broken, Class: flow.Throttled, Why: "429", Again: true, NotBeforeUnixNanos: 1_700_000_000_000_000_016},
	ApproveStep{Flow: "fl-7f3k2m", Step: "refill", Attempt: 2, No: true}, PauseFlow{"fl-7f3k2m"}, ResumeFlow{"fl-7f3k2m"}, CancelFlow{"fl-7f3k2m"}, RetryFlow{"fl-7f3k2m"},
	PlanStepOnTerms{Plan: PlanStep{Flow: "fl-7f3k2m", Step: "refill", Attempt: 2, Made: &goldenMade}, Terms: goldenJobTerms},
	PutDatasetOnTerms{Put: PutDatasetWithPolicy{Dataset: PutDataset{Name: "shop/orders", Document: []byte("{}"), Reference: Place{Name: "/a"}, Targets: []Place{{Name: "/b"}}, Seen: 300},
		Act: PolicyRun, MaxRecords: 70_000, MaxBytes: 1 << 33}, Terms: goldenJobTerms},
	PlanStep{Flow: "fl-7f3k2m", Step: "refill", Attempt: 2, Made: &goldenMade}, FinishFlow{"fl-7f3k2m"},
	SetUpgrade{ByHand: true}, FinishUpgrade{9},
	PutMember{goldenMember}, SetMemberState{ID: "a", State: MemberLeft}, RemoveMember{"a"},
	NoteStep{Flow: "fl-7f3k2m", Step: "refill", Attempt: 2, Marks: []byte(`{"0":9}`), Text: "billing: 7 behind"},
	SubmitFlowWithUndo{Flow: SubmitFlow{ID: "fl-7f3k2m", Name: "november-outage", Namespace: "payments", Document: []byte("{}"), Steps: goldenSteps}, Undo: []flow.Undo{{Step: "fill", By: "undo-fill"}}},
	BeginFlow{Flow: SubmitFlow{ID: "fl-7f3k2m", Name: "november-outage", Namespace: "payments", Document: []byte("{}"), Steps: goldenSteps}, Undo: []flow.Undo{{Step: "fill", By: "undo-fill"}},
		Annotations: goldenDataset.Annotations, Endpoints: goldenDataset.Endpoints, Schedule: "payments/nightly", DueUnixNanos: 1_700_000_000_000_000_023, NextUnixNanos: 1_700_000_000_000_000_024},
	PutFlowSchedule{Flow: SubmitFlow{Name: "nightly", Namespace: "payments", Document: []byte("{}"), Steps: goldenSteps}, Undo: []flow.Undo{{Step: "fill", By: "undo-fill"}},
		Annotations: goldenDataset.Annotations, Endpoints: goldenDataset.Endpoints, MaxRecords: 70_000, MaxBytes: 1 << 33, EveryNanos: 1, Cron: "0 3 * * *", Zone: "Europe/Berlin",
		NextUnixNanos: 1_700_000_000_000_000_023, Paused: true, Remove: true},
}

// goldenValues has one stored value per kind that is not tiny.
var goldenValues = map[string]any{
	"book_job": Job{ID: "bs-7f3k2m", Name: "refill orders", Namespace: "shop", State: JobPaused, ResumeState: JobRunning, Why: "peak",
		PlanHash: [32]byte{1}, Priority: 50, Records: 70_000, Bytes: 1 << 33, Slices: 300, Added: 300, FillSlices: 288, FillDone: 4,
		VerifySlices: 12, VerifyDone: 1, FailedSlices: 2, CreatedBy: "cli:root", CreatedUnixNanos: 1, StartedUnixNanos: 2,
		FinishedUnixNanos: 3, CreateIndex: 70, ModifyIndex: 300, Proof: "r-abc"},
	"book_job_recipe": jobFrozen{Recipe: []byte("{}"), Locks: []string{"kafka:abc/orders/0"}},
	"book_slice":      goldenFrozen,
	"book_slice_state": SliceState{ID: goldenSlice, Kind: partition.SliceFill, Partition: 7, Status: SliceLeased, Owner: "a", Epoch: 3,
		Checkpoint: goldenPoint, Attempts: 2, NotBeforeUnixNanos: 4, Err: "BST-E0107", Comparison: &goldenComparison,
		Quarantine: goldenQuarantine, ModifyIndex: 300},
	"book_terms":     goldenTerms,
	"book_job_terms": goldenJobTerms,
	"book_upgrade":   Upgrade{ByHand: true, PutBy: "cli:ann", Why: "INC-4211", PutUnixNanos: 1_700_000_000_000_000_019, ModifyIndex: 300},
	"book_maintenance": Maintenance{Name: "kafka-upgrade", Scope: "target/kafka:abc", Zone: "Europe/Berlin", Cron: "0 2 * * SUN", FromUnixNanos: 1_700_000_000_000_000_006,
		SpanNanos: 7_200_000_000_000, PutBy: "cli:root", Why: "INC-4211", PutUnixNanos: 1_700_000_000_000_000_007, ModifyIndex: 300},
	"book_told": Told{Job: "bs-7f3k2m", DeadlineUnixNanos: 1_700_000_000_000_000_001, AtRiskUnixNanos: 1_700_000_000_000_000_002, AtRiskWhy: "75 % of the time are over",
		MissedUnixNanos: 1_700_000_000_000_000_003, MissedWhy: "the deadline passed 1s ago", ModifyIndex: 70_000},
	"book_yield": yielded{Epoch: 300},
	"book_proof": goldenProof,
	"book_proof_key": ProofKey{Key: [32]byte{6, 31: 7}, SinceIndex: 70_000, SinceUnixNanos: 1_700_000_000_000_000_004, By: "cli:root",
		UntilIndex: 70_001, UntilUnixNanos: 1_700_000_000_000_000_005},
	"book_ledger":       Ledger{Slice: goldenSlice, Epoch: 3, Windows: []Window{goldenWindow}},
	"book_dataset":      goldenDataset,
	"book_notice":       Notice{Dataset: "shop/orders", Index: 301, UnixNanos: 3, Kind: NoticeFailed, Job: "bs-7f3k2m", JobName: "orders.refill", Why: "w", Proof: "r-abc", Scan: &goldenCounts},
	"book_delivery":     Delivery{Dataset: "shop/orders", Endpoint: "pager", Settled: 301, Sent: 2, Dropped: 1, Why: "410 Gone", UnixNanos: 4},
	"book_writers":      laneWriters{Nodes: []partition.NodeID{"a", "b"}},
	"book_member":       goldenMember,
	"book_lane":         lane{Open: true, Head: 3, Last: 300, Kind: partition.SliceFill, To: 70_000},
	"book_meta":         meta{Index: 70_000, Term: 3, Digest: [32]byte{1}},
	"book_audit":        AuditRecord{Number: 1, Index: 2, UnixNanos: 3, Op: 10, Subject: "job", Actor: "a", Reason: "r", RequestID: [16]byte{1}, Code: Overlap, Object: "o", Refused: 4, Hash: [32]byte{5}},
	"book_audit_head":   auditHead{Oldest: 1, Next: 300, Anchor: [32]byte{1}, Hash: [32]byte{2}},
	"book_request":      pastRequest{Op: 30, Result: Result{Code: Overlap, Index: 300, Object: "o", Refused: []Refusal{{goldenSlice, LaneBusy}}}},
	"book_request_at":   requestAt{ID: [16]byte{1}},
	"book_lock":         lockHolder{Job: "bs-7f3k2m"},
	"book_lease_holder": leaseHolder{Node: "a"},
	"book_member_name":  memberName{ID: "a"},
	"book_proof_ref":    proofRef{ID: "r-abc"},
	"book_scan": Scan{Job: "bs-7f3k2m", Dataset: "orders", Pair: "p", Schedule: "hourly", DueUnixNanos: 1_700_000_000_000_000_006,
		RateBytes: 20 << 20, Whole: true, Keep: 300, Header: []byte("{}"), Counts: goldenCounts, Truncated: 1},
	"book_scan_part": goldenPart,
	"book_scan_ref":  scanRef{Job: "bs-7f3k2m"},
	"book_schedule": Schedule{Name: "hourly", Order: goldenOrder, EveryNanos: 1, Cron: "0 * * * *", NextUnixNanos: 1_700_000_000_000_000_007,
		Last: "bs-7f3k2m", LastUnixNanos: 1_700_000_000_000_000_006, PutBy: "cli:root", PutUnixNanos: 1_700_000_000_000_000_005, ModifyIndex: 300},
	"book_policy":      Policy{Dataset: "shop/orders", Act: PolicyRun, MaxRecords: 70_000, MaxBytes: 1 << 33},
	"book_plan":        goldenPlan,
	"book_plan_ref":    planRef{ID: "bs-7f3k2m"},
	"book_plan_work":   goldenMade,
	"book_plan_text":   planText{Document: []byte{0x28, 0xb5}},
	"book_tried":       tried{Tries: []try{{Plan: "bs-7f3k2m", Job: "bs-7f3k2p", By: "cli:ann", Ranges: partition.Ranges{{From: 100, To: 70_000}}}}},
	"book_follow":      follow{Dataset: "shop/orders", Pair: "p", Scan: "bs-7f3k2m", Missing: 70_000},
	"book_plan_locked": lockedPlan{ID: "bs-7f3k2m"},
	"book_alias": Alias{Name: "orders", Current: 1, Last: 2, CreateIndex: 70, ModifyIndex: 300, Versions: []AliasVersion{{Number: 2, State: AliasReverting, Before: 1,
		Place: "kafka:abc/orders-v2", Topic: "orders-v2", Job: "bs-7f3k2m", Proof: "r-abc", Groups: []string{"billing"}, By: "cli:ann", Why: "INC-4211",
		UnixNanos: 1_700_000_000_000_000_011, RevertedBy: "cli:bob", RevertedWhy: "no", RevertedUnixNanos: 1_700_000_000_000_000_012}}},
	"book_alias_moves": aliasMoves{Moves: []GroupMove{{Group: "billing", Plan: []byte("{}")}}},
	"book_void": JobVoid{Job: "bs-7f3k2m", Done: true, Records: 70_000, By: "cli:ann", Why: "INC-4211", UnixNanos: 1_700_000_000_000_000_013,
		DoneUnixNanos: 1_700_000_000_000_000_014},
	"book_schema":    DatasetSchema{Dataset: "shop/orders", Pair: "p", Seen: goldenSchema, Scan: "bs-7f3k2m", UnixNanos: 4, Last: "bs-7f3k2n", LastUnixNanos: 5},
	"book_discarded": Discarded{Job: "bs-7f3k2m", Position: Position{7, 4711}, Planned: true, By: "cli:ann", Why: "w", UnixNanos: 4, Index: 301},
	"book_aside":     aside{Positions: 70_000},
	"book_budget":    Budget{Scope: "job/bs-7f3k2m", Rate: partition.Rate{Bytes: 20 << 20, Records: 70_000, Requests: 300}, PutBy: "cli:ann", Why: "INC-4211", PutUnixNanos: 1_700_000_000_000_000_015, ModifyIndex: 300},
	"book_token": Token{Accessor: "k3f9x2m7qa", Hash: [32]byte{1, 31: 2}, Why: "airflow", Namespaces: []string{"payments"}, ExpiresUnixNanos: 1_700_000_000_000_000_020,
		CreatedBy: "cert:ann", CreatedUnixNanos: 1, EndedUnixNanos: 2, Expired: true, EndedBy: "node:a", EndedWhy: "w", ModifyIndex: 300},
	"book_access_policy": AccessPolicy{Name: "oncall", Subject: "cert:ann", Role: AccessApprover, Namespace: "payments", PutBy: "token:k3f9x2m7qa", Why: "INC-4211",
		PutUnixNanos: 1_700_000_000_000_000_021, ModifyIndex: 300},
	"book_consent": Consent{ID: "9b2c", Verb: "void-job", Object: "bs-7f3k2m", Namespace: "payments", Why: "w", AskedBy: "cert:ann", AskedUnixNanos: 1,
		SaidBy: "cert:bob", SaidUnixNanos: 2, ExpiresUnixNanos: 1_700_000_000_000_000_022, ModifyIndex: 300},
	"book_flow": Flow{ID: "fl-7f3k2m", Name: "november-outage", Namespace: "payments", State: FlowPaused, Why: "w", Lost: 1, CreatedBy: "cli:ann",
		CreatedUnixNanos: 1, FinishedUnixNanos: 2, CreateIndex: 70, ModifyIndex: 300, States: []flow.State{{Status: flow.Waiting, Attempt: 2, Tries: 1, Token: "9b2c",
			Job: "bs-7f3k2m", Proof: "r-abc", Proved: true, Class: flow.Failed, Why: "w", By: "cli:ann", BegunUnixNanos: 3, EndedUnixNanos: 4, NotBeforeUnixNanos: 5}}},
	"book_flow_undo":   FlowUndo{Edges: []flow.Undo{{Step: "fill", By: "undo-fill"}}},
	"book_flow_outbox": FlowOutbox{Name: "fl-7f3k2m", Flow: "november-outage", Namespace: "payments", Annotations: goldenDataset.Annotations, Endpoints: goldenDataset.Endpoints},
	"book_flow_schedule": FlowSchedule{Name: "nightly", Namespace: "payments", EveryNanos: 1, Cron: "0 3 * * *", Zone: "Europe/Berlin", NextUnixNanos: 1_700_000_000_000_000_024, Paused: true, Last: "fl-7f3k2m",
		LastUnixNanos: 1_700_000_000_000_000_023, Runs: 300, Skipped: 2, SkippedUnixNanos: 3, SkippedFor: "fl-7f3k2n", PutBy: "cli:ann", PutUnixNanos: 4, ModifyIndex: 300},
	"book_flow_order": FlowOrder{Graph: FlowGraph{Steps: goldenSteps, Document: []byte("{}")}, Undo: []flow.Undo{{Step: "fill", By: "undo-fill"}}, Annotations: goldenDataset.Annotations,
		Endpoints: goldenDataset.Endpoints, MaxRecords: 70_000, MaxBytes: 1 << 33},
	"book_flow_run":   FlowRun{Schedule: "payments/nightly", DueUnixNanos: 1_700_000_000_000_000_023, MaxRecords: 70_000, MaxBytes: 1 << 33},
	"book_step_note":  StepNote{Attempt: 2, Marks: []byte(`{"0":9}`), Text: "billing: 7 behind", UnixNanos: 1_700_000_000_000_000_017},
	"book_flow_graph": FlowGraph{Steps: goldenSteps, Document: []byte("{}")},
	"book_watch":      goldenWatch,
	"book_baseline": Baseline{Dataset: "shop/orders", Target: 1, Topic: "orders", TopicID: "9b2c", FirstHour: 1, LastHour: 490_000, Hours: 700, Records: 70_000, Places: 9, Judged: 8,
		Notes: []string{"n"}, LookedBy: "a", LookedUnixNanos: 1, Failures: 2, Failure: "f", Claimant: "b", ClaimedUnixNanos: 3, NotBeforeUnixNanos: 4, ModifyIndex: 300,
		Anomalies: []Anomaly{{ID: "an-7f3k", Unusual: goldenUnusual, ToldIndex: 299, FoundUnixNanos: 5, Over: true, OverUnixNanos: 6, Scan: "bs-7f3k2m"}}},
	"book_learned": learned{State: []byte{1, 2}},
	"book_version": clusterVersion{Version: 2},
	"book_mark":    mark{},
	"book_slot":    slotRef{Slot: 1},
}

const goldenDir = "testdata/wire"

func TestGoldenCommands(t *testing.T) {
	seen := map[uint16]bool{}
	for _, cmd := range goldenCommands {
		seen[cmd.Op()] = true
		b, err := Encode(goldenEnvelope, cmd)
		if err != nil {
			t.Fatal(err)
		}
		compareGolden(t, fmt.Sprintf("op%03d_%s.v1", cmd.Op(), strings.ReplaceAll(OpName(cmd.Op()), "-", "_")), b)
	}
	for _, spec := range opTable {
		if !seen[spec.number] {
			t.Errorf("op %d %s has no golden bytes", spec.number, spec.name)
		}
	}
	for name, b := range goldenFiles(t, "op") {
		env, cmd, err := Decode(b)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if again, err := Encode(env, cmd); err != nil || !bytes.Equal(again, b) {
			t.Errorf("%s: encodes to %x, want %x: %v", name, again, b, err)
		}
	}
}

func TestGoldenValues(t *testing.T) {
	for name, value := range goldenValues {
		b, err := wire.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		compareGolden(t, name+".v1", b)
	}
	covered := map[string]bool{}
	for _, value := range goldenValues {
		covered[fmt.Sprintf("*%T", value)] = true
	}
	for k := range 256 {
		if value := kind(k).newValue(); value != nil && !covered[fmt.Sprintf("%T", value)] {
			t.Errorf("%s has no golden bytes", kind(k))
		}
	}
}

func compareGolden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join(goldenDir, name+".hex")
	text, err := os.ReadFile(path)
	if os.IsNotExist(err) && *update {
		text = []byte(hex.EncodeToString(got) + "\n")
		if err = os.MkdirAll(goldenDir, 0o755); err == nil {
			err = os.WriteFile(path, text, 0o644)
		}
	}
	if err != nil {
		t.Fatalf("%v (run with -update to add it)", err)
	}
	if want := strings.TrimSpace(string(text)); hex.EncodeToString(got) != want {
		t.Errorf("%s: got %x, want %s\nreleased bytes never change: give the change a new op number", name, got, want)
	}
}

func goldenFiles(t *testing.T, prefix string) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(goldenDir, prefix+"*.hex"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	out := map[string][]byte{}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		b, err := hex.DecodeString(strings.TrimSpace(string(text)))
		if err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		out[filepath.Base(f)] = b
	}
	return out
}

// TestOpsAreOnlyAdded: the register may grow at the end of a family, and nothing in it may change.
func TestOpsAreOnlyAdded(t *testing.T) {
	var b strings.Builder
	last := uint16(0)
	for _, spec := range opTable {
		fmt.Fprintf(&b, "%03d %s since %d\n", spec.number, spec.name, spec.since)
		if spec.number <= last || spec.number > MaxOp || spec.since > LatestVersion || spec.number > versionNeeds[spec.since] {
			t.Errorf("op %d: out of order, above MaxOp, or not covered by its version", spec.number)
		}
		last = spec.number
		cmd, err := spec.decode(nil)
		if err == nil || cmd.Op() != spec.number {
			t.Errorf("op %d decodes to op %d", spec.number, cmd.Op())
		}
		if n, err := filepath.Glob(fmt.Sprintf("op%03d_*.go", spec.number)); err != nil || len(n) != 1 {
			t.Errorf("op %d has files %v, want one", spec.number, n)
		}
	}
	path := "testdata/ops.golden"
	text, err := os.ReadFile(path)
	if err != nil && !*update {
		t.Fatal(err)
	}
	gone := false
	for line := range strings.Lines(string(text)) {
		if !strings.Contains(b.String(), line) {
			gone = true
			t.Errorf("%q was released and is gone or changed", strings.TrimSpace(line))
		}
	}
	if *update && !gone {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	for line := range strings.Lines(b.String()) {
		if !strings.Contains(string(text), line) {
			t.Errorf("%q is not in %s (add it with -update)", strings.TrimSpace(line), path)
		}
	}
}

// FuzzApply: no bytes that Raft could commit crash a machine, and what it refuses to decode changes no fact.
func FuzzApply(f *testing.F) {
	for _, cmd := range goldenCommands {
		b, err := Encode(goldenEnvelope, cmd)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte{wire.Format, 0xdd, 0xff, 0xff, 0xff, 0xff})
	n := newNode(f)
	running(n, "bs-7f3k2m", 20)
	f.Fuzz(func(t *testing.T, data []byte) {
		n.t = t
		env, cmd, err := Decode(data)
		if err == nil {
			if again, err := Encode(env, cmd); err != nil || !bytes.Equal(again, data) {
				t.Errorf("%x encodes again as %x: %v", data, again, err)
			}
		}
		l := logEntry(t, n.m.Applied()+1, Envelope{}, RaiseVersion{1})
		l.Data = data
		if _, ok := n.m.Apply(l).(error); ok {
			n.restart() // latched, as it must over an op that it does not know
		}
		n.t = f
	})
}

// FuzzReadSnapshot: no stream crashes the reader or makes it believe it.
func FuzzReadSnapshot(f *testing.F) {
	n := newNode(f)
	running(n, "bs-a", 2)
	good := n.snapshot()
	f.Add(good)
	f.Add(good[:len(good)/2])
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := ReadSnapshot(bytes.NewReader(data)); err == nil && !bytes.Equal(data, good) {
			t.Error("a stream that nobody wrote was accepted")
		}
	})
}
