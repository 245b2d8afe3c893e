package mutant

// The mutants, by the promise that they break. Where the simulation sees the bug it is the one that has to: it knows the promises
// and not the function that is changed. The others are of places that the simulation has a model of.

// sim are seeds of the exact simulation.
func sim(n string) Test {
	return Test{Package: "chaos/sim", Run: "TestSeeds", Args: []string{"-sim.seeds=" + n}}
}

func room(pkg, test string) Test { return Test{Package: pkg, Run: test} }

// All is every mutant.
var All = []Mutant{
	// Exactly once.
	{
		Name: "skip-the-fence", File: "replay/sink/progress.go",
		Old: "case s.Slice == slice.ID.N && s.Epoch > epoch:", New: "case false:",
		Why:    "an owner that was overtaken takes its lane back",
		Caught: room("replay/sink", "TestResume"),
	},
	{
		Name: "checkpoint-before-commit", File: "replay/engine/engine.go",
		Old: "	return *c, true\n", New: "	early := *c\n	early.Cursor, early.Records = e.next.Cursor, e.next.Records\n	return early, true\n",
		Why:    "the book hears of progress that the target does not have",
		Caught: sim("100"),
	},
	{
		Name: "forget-the-progress", File: "replay/sink/progress.go",
		Old: "		return s.Progress, nil\n	}\n	fresh", New: "		return Begin(slice), nil\n	}\n	fresh",
		Why:    "the next owner begins the slice again",
		Caught: sim("20"),
	},
	{
		Name: "min-instead-of-max", File: "replay/engine/copy.go",
		Old: "e.next.Cursor = max(e.next.Cursor, next)", New: "e.next.Cursor = min(e.next.Cursor, next)",
		Why:    "the cursor stays behind what was written",
		Caught: sim("20"),
	},
	{
		Name: "lost-answer-is-yes", File: "replay/engine/engine.go",
		Old: "	if err := e.writer.Commit(ctx, e.next); err != nil {", New: "	if err := e.writer.Commit(ctx, e.next); err != nil && !errors.Is(err, sink.ErrUnknownOutcome) {",
		Why:    "a commit whose answer was lost counts as done",
		Caught: room("replay/engine", "TestUnknownOutcomeOfEachCommit"),
	},
	{
		Name: "write-what-is-there", File: "replay/engine/copy.go",
		Old: "		if there {", New: "		if there && target < 0 {",
		Why:    "a record that somebody else has put back is written again",
		Caught: sim("50"),
	},
	{
		Name: "use-a-record-twice", File: "replay/dedupe/dedupe.go",
		Old: " || p.opt.Consumed.Contains(r.Offset)", New: "",
		Why:    "one record in the target stands for two of the reference after a restart",
		Caught: sim("100"),
	},
	{
		Name: "trust-lost-progress", File: "replay/engine/engine.go",
		Old: "	if p.Cursor < e.task.Seen.Cursor || p.Records < e.task.Seen.Records {", New: "	if p.Cursor < 0 {",
		Why:    "a target that forgot what it has is written to a second time",
		Caught: room("replay/engine", "TestLostProgressIsNotWrittenOver"),
	},
	{
		Name: "share-a-transactional-id", File: "replay/sink/kafka/sink.go",
		Old: "string(l.Job) + \"/\" + strconv.Itoa(int(l.Partition))", New: "string(l.Job)",
		Why:    "lanes of one job fence each other",
		Caught: room("replay/sink/kafka", "TestSuite"),
	},
	{
		Name: "read-unstable-progress", File: "replay/sink/kafka/sink.go",
		Old: "req.Group, req.RequireStable = group, true", New: "req.Group, req.RequireStable = group, false",
		Why:    "progress is read while the transaction before is not decided",
		Caught: room("replay/sink/kafka", "TestProgressIsAskedForWhenStable"),
	},
	{
		Name: "taken-name-is-success", File: "replay/sink/dir/sink.go",
		Old: "e.Number), body, w.s.names.Add(1)); err != nil {", New: "e.Number), body, w.s.names.Add(1)); err != nil && !errors.Is(err, fs.ErrExist) {",
		Why:    "the loser of a race for a commit takes itself for the winner",
		Caught: room("replay/sink/dir", "TestSuite"),
	},

	// The book.
	{
		Name: "ignore-a-stale-epoch", File: "fsm/lease.go",
		Old: "	case s.Epoch != epoch:", New: "	case s.Epoch < epoch:",
		Why:    "an owner without a lease saves and finishes",
		Caught: sim("50"),
	},
	{
		Name: "grant-what-was-not-seen", File: "fsm/op030_grant_leases.go",
		Old: "	case s.Epoch != g.Seen:", New: "	case s.Epoch < g.Seen:",
		Why:    "a leader that lost its office moves a lease",
		Caught: room("fsm", "TestScenarios"),
	},
	{
		Name: "grant-behind-the-head", File: "fsm/op030_grant_leases.go",
		Old: "	case !t.isHead(s):", New: "	case g.Owner == \"\" && !t.isHead(s):",
		Why:    "two slices of one lane run at once",
		Caught: room("fsm", "TestScenarios"),
	},
	{
		Name: "let-a-checkpoint-fall", File: "fsm/op040_checkpoint.go",
		Old: "if code == OK && e.Checkpoint.Cursor < s.Checkpoint.Cursor {", New: "if code != OK {",
		Why:    "a report that was late takes progress back",
		Caught: room("fsm", "TestScenarios"),
	},
	{
		Name: "answer-a-request-twice", File: "fsm/request.go",
		Old: "	if t.env.RequestID == ([16]byte{}) {\n		return Result{}, false\n	}", New: "	if len(t.env.RequestID) > 0 {\n		return Result{}, false\n	}",
		Why:    "a command that is repeated happens twice",
		Caught: sim("100"),
	},
	{
		Name: "apply-twice-after-restore", File: "fsm/machine.go",
		Old: "		case l.Index <= at.Index:", New: "		case l.Index < at.Index:",
		Why:    "the entry that a snapshot ends with is applied again",
		Caught: room("fsm", "TestPowerLoss"),
	},
	{
		Name: "apply-by-the-batch", File: "fsm/tx.go",
		Old: "s.ModifyIndex = t.index\n", New: "s.ModifyIndex = t.index + uint64(len(t.batch.Repr())%2)\n",
		Why:    "what is stored depends on how the log was cut into batches, which differs between replicas",
		Caught: sim("20"),
	},

	// Durability.
	{
		Name: "log-without-sync", File: "storage/raftlog/log.go",
		Old: "l.pebble.Apply(batch, pebble.Sync)", New: "l.pebble.Apply(batch, pebble.NoSync)",
		Why:    "entries and votes that were acknowledged are gone after a power loss",
		Caught: room("storage/raftlog", "TestPowerLossAfterEachSync"),
	},
	{
		Name: "trust-the-hard-state", File: "storage/raftlog/stable.go",
		Old:    "want := storage.Checksum(key, stored[:n]), binary.BigEndian.Uint32(stored[n:]); got != want {",
		New:    "want := storage.Checksum(key, stored[:n]), binary.BigEndian.Uint32(stored[n:]); got != want && n > 1<<20 {",
		Why:    "a node goes on with a term or a vote that it never had",
		Caught: room("storage/raftlog", "TestWrongHardStateIsNamed"),
	},
	{
		Name: "lower-the-mark-without-sync", File: "storage/raftlog/delete.go",
		Old: "	if err == nil {\n		err = l.mark.sync()\n	}\n", New: "",
		Why:    "an honest node looks shortened after a power loss",
		Caught: room("storage/raftlog", "TestPowerLossAfterEachSync"),
	},
	{
		Name: "snapshot-without-sync", File: "storage/snap/sink.go",
		Old: "	if err == nil {\n		err = k.f.Sync()\n	}\n", New: "",
		Why:    "a snapshot that raft counts on is empty after a power loss",
		Caught: room("storage/snap", "TestPowerLossKeepsWholeSnapshots"),
	},
	{
		Name: "persist-without-the-book", File: "fsm/restore.go",
		Old: "LogData(nil, pebble.Sync)", New: "LogData(nil, pebble.NoSync)",
		Why:    "the log is cut up to a snapshot that the book is behind of",
		Caught: room("fsm", "TestPowerLoss"),
	},

	// Finding and proving.
	{
		Name: "count-instead-of-compare", File: "replay/verify/verify.go",
		Old: "	case o.Missing > 0 || o.IntroducedDuplicates > 0 || o.OrderViolations > 0:", New: "	case o.Expected.Records != o.Actual.Records:",
		Why:    "as many records as there should be are taken for the right ones",
		Caught: room("replay/verify", "TestWhatGoesWrongIsSeen"),
	},
	{
		Name: "drop-the-last-object", File: "replay/archive/copy.go",
		Old: "			return c.store(ctx, build)\n", New: "			return nil\n",
		Why:    "an archive lacks what was read last",
		Caught: room("replay/archive", "TestCopyAndReadBack"),
	},
	{
		Name: "read-what-was-aborted", File: "replay/klog/aborted.go",
		Old: "return h.Transactional() && a.active[h.ProducerID]", New: "return false",
		Why:    "records of a transaction that was rolled back are taken for data",
		Caught: room("replay/archive", "TestCopyAndReadBack"),
	},

	// Leases.
	{
		Name: "owner-outlives-its-lease", File: "replay/worker/table.go",
		Old: "	if !t.lapsed {\n		return nil\n", New: "	if t.lapsed || !t.lapsed {\n		return nil\n",
		Why:    "an owner that was cut off goes on when its time is over",
		Caught: room("replay/worker", "TestTableLapses"),
	},
	{
		Name: "ask-nothing-after-a-refusal", File: "replay/worker/loop.go",
		Old: "if n.err == nil && len(n.refused) > 0 {", New: "if n.err != nil && len(n.refused) > 0 {",
		Why:    "a slice of which the book knows more stands still for ever",
		Caught: room("replay/worker", "TestAnOldBookDoesNotStopASliceForEver"),
	},
	{
		Name: "one-hint-is-enough", File: "cluster/leader/health.go",
		Old: "len(hints) >= 2 ||", New: "len(hints) >= 1 ||",
		Why:    "a node that one rumour speaks against loses its work",
		Caught: room("cluster/leader", "TestScenarios"),
	},
}
