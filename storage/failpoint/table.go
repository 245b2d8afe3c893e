package failpoint

// Point names one place of the program.
type Point string

// The places, by room. What is lost or doubled when a process dies there is nothing, and why is in the table below.
const (
	FileWritten            Point = "storage.file-written"
	FileRenamed            Point = "storage.file-renamed"
	GenerationCounted      Point = "storage.generation-counted"
	DataMade               Point = "storage.data-made"
	RaftlogBeforeSync      Point = "storage/raftlog.before-sync"
	RaftlogAfterSync       Point = "storage/raftlog.after-sync"
	RaftlogAfterMark       Point = "storage/raftlog.after-mark"
	RaftlogStableSet       Point = "storage/raftlog.stable-set"
	RaftlogMarkLowered     Point = "storage/raftlog.mark-lowered"
	RaftlogDeleted         Point = "storage/raftlog.deleted"
	SnapStateWritten       Point = "storage/snap.state-written"
	SnapBeforeRename       Point = "storage/snap.before-rename"
	SnapRenamed            Point = "storage/snap.renamed"
	SnapReaped             Point = "storage/snap.reaped"
	BookBeforeCommit       Point = "fsm.before-commit"
	BookAfterCommit        Point = "fsm.after-commit"
	BookSynced             Point = "fsm.book-synced"
	BookRestoreStreamed    Point = "fsm.restore-streamed"
	BookRestored           Point = "fsm.restored"
	BootstrapOwnPromise    Point = "cluster.own-promise"
	BootstrapOnePromise    Point = "cluster.one-promise"
	BootstrapPromiseGiven  Point = "cluster.promise-given"
	JoinAnswered           Point = "cluster.join-answered"
	JoinNoted              Point = "cluster.join-noted"
	AdmitMemberPut         Point = "cluster.admit-member-put"
	ProposeBefore          Point = "cluster.propose-before"
	ProposeApplied         Point = "cluster.propose-applied"
	RestoreSpooled         Point = "cluster.restore-spooled"
	RestoreDone            Point = "cluster.restore-done"
	EngineOpened           Point = "replay/engine.opened"
	EnginePresentLoaded    Point = "replay/engine.present-loaded"
	EngineBeforeCommit     Point = "replay/engine.before-commit"
	EngineAfterCommit      Point = "replay/engine.after-commit"
	EngineDrained          Point = "replay/engine.drained"
	EngineRead             Point = "replay/engine.read"
	KafkaFenced            Point = "replay/sink/kafka.fenced"
	KafkaResumed           Point = "replay/sink/kafka.resumed"
	KafkaProduced          Point = "replay/sink/kafka.produced"
	KafkaFlushed           Point = "replay/sink/kafka.flushed"
	KafkaGroupAdded        Point = "replay/sink/kafka.group-added"
	KafkaProgressAdded     Point = "replay/sink/kafka.progress-added"
	KafkaEnded             Point = "replay/sink/kafka.ended"
	KafkaVisible           Point = "replay/sink/kafka.visible"
	ObjectsTakingOver      Point = "replay/sink/objects.taking-over"
	ObjectsDataWritten     Point = "replay/sink/objects.data-written"
	ObjectsCommitted       Point = "replay/sink/objects.committed"
	DirLinked              Point = "replay/bucket/dir.linked"
	ArchiveBeforePut       Point = "replay/archive.before-put"
	ArchiveAfterPut        Point = "replay/archive.after-put"
	VerifySurvivors        Point = "replay/verify.survivors"
	WorkerOpened           Point = "replay/worker.opened"
	WorkerVerified         Point = "replay/worker.verified"
	WorkerBeforeFinish     Point = "replay/worker.before-finish"
	WorkerReported         Point = "replay/worker.reported"
	WorkerBeforeCheckpoint Point = "replay/worker.before-checkpoint"
	WorkerAfterCheckpoint  Point = "replay/worker.after-checkpoint"
	WorkerBeforeRelease    Point = "replay/worker.before-release"
	PlanWritten            Point = "replay/recovery.plan-written"
	AgentStarting          Point = "cmd.agent-starting"
	AgentStopped           Point = "cmd.agent-stopped"
	WorkerSwept            Point = "cmd.worker-swept"
	SnapshotSaved          Point = "cmd.snapshot-saved"
)

// row is one point: what the world looks like when the program is there, and whether the place takes an error.
type row struct {
	point  Point
	window string
	fails  bool
}

// table is all points. A test compares it with the constants and with the calls in the program.
var table = []row{
	{FileWritten, "a small file is whole under its temporary name", false},
	{FileRenamed, "it has its name, which is not durable yet", false},
	{GenerationCounted, "a generation was counted, its database is not made", false},
	{DataMade, "the data directory has no FORMAT", false},
	{RaftlogBeforeSync, "entries, hard state or a deletion are not in the log", true},
	{RaftlogAfterSync, "entries are durable, the mark is behind them", false},
	{RaftlogAfterMark, "the mark is written and not synced, raft was not told", false},
	{RaftlogStableSet, "a term or a vote is durable, and nobody was told", false},
	{RaftlogMarkLowered, "the mark is lowered, the tail of the log is there", false},
	{RaftlogDeleted, "entries are deleted durably, and raft was not told", false},
	{SnapStateWritten, "a snapshot has its state and no manifest", false},
	{SnapBeforeRename, "a snapshot is whole under its temporary name", false},
	{SnapRenamed, "a snapshot is visible, its name is not durable", false},
	{SnapReaped, "an old snapshot is removed, others are not", false},
	{BookBeforeCommit, "entries are in the log, and not in the book", false},
	{BookAfterCommit, "the book has them, not synced, and nobody saw them", false},
	{BookSynced, "the book is synced, no snapshot of it is written", false},
	{BookRestoreStreamed, "a restore is in the other slot, the pointer is the old one", false},
	{BookRestored, "the pointer is turned, raft does not know", false},
	{BootstrapOwnPromise, "the node that makes the cluster is bound, the others are not", false},
	{BootstrapOnePromise, "one of the others is bound, not all", false},
	{BootstrapPromiseGiven, "a promise is written, and the asker does not know", false},
	{JoinAnswered, "the leader let the node in, the node has not noted it", false},
	{JoinNoted, "it is noted, and the book has yet to catch up", false},
	{AdmitMemberPut, "the leader put the member, the configuration may lack it", false},
	{ProposeBefore, "a command reached the leader and no log", false},
	{ProposeApplied, "a command is applied, the asker does not know", false},
	{RestoreSpooled, "a snapshot to restore is verified, raft has not got it", false},
	{RestoreDone, "the book is restored, ghosts are in it", false},
	{EngineOpened, "older owners are fenced, nothing is copied", false},
	{EnginePresentLoaded, "what others wrote is known, the source is not open", false},
	{EngineBeforeCommit, "records are with the sink, none is committed", false},
	{EngineAfterCommit, "the target has the commit, no checkpoint has it", false},
	{EngineDrained, "the last commit before a drain is made, its lease is held", false},
	{EngineRead, "a batch is read and not written", true},
	{KafkaFenced, "InitProducerID fenced the lane, its progress is not read", false},
	{KafkaResumed, "the progress is read, no transaction is open", false},
	{KafkaProduced, "a batch is about to be produced", false},
	{KafkaFlushed, "all records are acknowledged, the progress is not in the transaction", false},
	{KafkaGroupAdded, "the group is in the transaction, the offset is not", false},
	{KafkaProgressAdded, "the progress is in the transaction, which is open", false},
	{KafkaEnded, "the transaction is committed, its answer may be lost", true},
	{KafkaVisible, "the last commit of a slice is visible", false},
	{ObjectsTakingOver, "the progress is read, the owner before is not fenced", false},
	{ObjectsDataWritten, "a data object is there that no commit names", false},
	{ObjectsCommitted, "a commit is there, and nobody was told", false},
	{DirLinked, "a file has its name, which is not durable", false},
	{ArchiveBeforePut, "an object is built and not stored", false},
	{ArchiveAfterPut, "an object is stored, the next is not", false},
	{VerifySurvivors, "survivors are compared, what was refilled is not", false},
	{WorkerOpened, "a lease is held and its job is open, nothing is begun", false},
	{WorkerVerified, "a comparison is made, and reported nowhere", false},
	{WorkerBeforeFinish, "a slice is done in the target, and open in the book", false},
	{WorkerReported, "the book knows the outcome, the worker does not", false},
	{WorkerBeforeCheckpoint, "progress is durable in the target, the book lags", false},
	{WorkerAfterCheckpoint, "the book has the progress, the lease is not renewed here", false},
	{WorkerBeforeRelease, "slices are drained, their leases are held", false},
	{PlanWritten, "a plan is whole under a temporary name", false},
	{AgentStarting, "an agent has its configuration, and touched nothing", false},
	{AgentStopped, "an agent closed everything, and its process is there", false},
	{WorkerSwept, "scratch files are removed, the worker is not there", false},
	{SnapshotSaved, "a snapshot file is whole under a hidden name", false},
}

// All lists the points in the order of the table.
func All() []Point {
	out := make([]Point, len(table))
	for i, r := range table {
		out[i] = r.point
	}
	return out
}

// Window says what the world looks like when the program is at p, "" for a name that is no point.
func Window(p Point) string {
	r, _ := find(string(p))
	return r.window
}

// Fails says whether p can be armed with error.
func Fails(p Point) bool {
	r, _ := find(string(p))
	return r.fails
}

func find(name string) (row, bool) {
	for _, r := range table {
		if string(r.point) == name {
			return r, true
		}
	}
	return row{}, false
}
