package mutant

import "slices"

// The mutants, by the promise that they break. Where the simulation sees the bug it is the one that has to: it knows the promises
// and not the function that is changed. The others are of places that the simulation has a model of.

// sim are seeds of the exact simulation.
func sim(n string) Test {
	return Test{Package: "chaos/sim", Run: "TestSeeds", Args: []string{"-sim.seeds=" + n}}
}

// bubble are seeds of the wired cluster, where clients, brokers, Raft and gossip are the real ones.
func bubble(first, n string) Test {
	return Test{Package: "chaos/bubble", Run: "TestSeeds", Args: []string{"-bubble.first=" + first, "-bubble.seeds=" + n, "-bubble.repeat=0"}}
}

// detect are seeds of generated losses in every layout and pair: 41 are each of them once.
func detect(n string) Test {
	return Test{Package: "chaos/detect", Run: "TestSeeds", Args: []string{"-detect.seeds=" + n}}
}

func room(pkg, test string) Test { return Test{Package: pkg, Run: test} }

// All is every mutant.
var All = slices.Concat(ofRecords, ofTheCluster)

// ofRecords break what is promised of records: that they are found, written once, changed as asked, and proved.
var ofRecords = []Mutant{
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
		Also:   bubble("1", "4"),
	},
	{
		Name: "forget-the-progress", File: "replay/sink/progress.go",
		Old: "		return s.Progress, nil\n	}\n	fresh", New: "		return Begin(slice), nil\n	}\n	fresh",
		Why:    "the next owner begins the slice again",
		Caught: sim("20"),
		Also:   bubble("1", "4"),
	},
	{
		Name: "min-instead-of-max", File: "replay/engine/copy.go",
		Old: "e.next.Cursor = max(e.next.Cursor, next)", New: "e.next.Cursor = min(e.next.Cursor, next)",
		Why:    "the cursor stays behind what was written",
		Caught: sim("20"),
		Also:   bubble("1", "4"),
	},
	{
		Name: "lost-answer-is-yes", File: "replay/engine/engine.go",
		Old: "	end(err)\n	if err != nil {\n", New: "	end(err)\n	if err != nil && !errors.Is(err, sink.ErrUnknownOutcome) {\n",
		Why:    "a commit whose answer was lost counts as done",
		Caught: room("replay/engine", "TestUnknownOutcomeOfEachCommit"),
	},
	{
		Name: "skipped-end-is-a-commit", File: "replay/sink/kafka/ends.go",
		Old: "if w.ends.answered.Load() == before {", New: "if w.ends.answered.Load() < before {",
		Why:    "a transaction that the client never asked to end counts as committed",
		Caught: room("replay/sink/kafka", "TestACommitThatTheClientSkipsIsNone"),
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
		Name: "keep-partitions-under-a-rule", File: "replay/sink/kafka/writer.go",
		Old: "		return rule.Of(w.slice.Partition, r)", New: "		return w.slice.Partition % rule.Partitions",
		Why:    "records of a key come into another partition than the one in which their readers look",
		Caught: room("replay/engine", "TestOwnerOfSeveralPartitionsIsLostAfterEachStep"),
	},
	{
		Name: "any-partition-is-right", File: "replay/repartition/view.go",
		Old: "	return want, want != is", New: "	return want, want < 0 && is < 0",
		Why:    "the proof takes a record for one that is there, in a partition that is not its key's",
		Caught: room("replay/verify", "TestWhatIsWrongInOtherPartitionsIsNamed"),
	},
	{
		Name: "count-and-forget-the-order", File: "replay/repartition/census.go",
		Old: "	c.Chain.Fold(hash)\n", New: "",
		Why:    "the order inside partitions is claimed, and only contents are compared",
		Caught: room("replay/verify", "TestWhatIsWrongInOtherPartitionsIsNamed"),
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
		Also:   bubble("1", "4"),
	},
	{
		Name: "an-id-for-each-owner", File: "replay/sink/kafka/sink.go",
		Old: "	id := TransactionalID(s.cfg.Cluster, slice.Lane())\n", New: "	id := TransactionalID(s.cfg.Cluster, slice.Lane()) + strconv.Itoa(int(epoch))\n",
		Why:    "the next owner neither fences the one before nor finds its progress",
		Caught: bubble("1", "4"),
	},
	{
		Name: "drop-the-last-batch", File: "replay/engine/copy.go",
		Old: "	if records == 0 {\n", New: "	if records == 0 || next >= e.task.Slice.Ranges.Span().To {\n",
		Why:    "a slice is done without its last records",
		Caught: bubble("1", "4"),
	},
	{
		Name: "read-unstable-progress", File: "replay/sink/kafka/sink.go",
		Old: "req.Group, req.RequireStable = group, true", New: "req.Group, req.RequireStable = group, false",
		Why:    "progress is read while the transaction before is not decided",
		Caught: room("replay/sink/kafka", "TestProgressIsAskedForWhenStable"),
	},
	{
		Name: "taken-name-is-success", File: "replay/sink/objects/log.go",
		Old: "entryName(e.Number)), body); err != nil {", New: "entryName(e.Number)), body); err != nil && !errors.Is(err, bucket.ErrExists) {",
		Why:    "the loser of a race for a commit takes itself for the winner",
		Caught: room("replay/sink/objects", "TestSuite"),
	},
	{
		Name: "trust-a-store-that-overwrites", File: "replay/sink/objects/sink.go",
		Old: "	if !trusted {\n", New: "	if !trusted && s.b == nil {\n",
		Why:    "a store that gives a name twice lets an owner write that was fenced",
		Caught: room("replay/sink/objects", "TestAStoreThatOverwritesIsRefused"),
	},

	{
		Name: "read-what-is-void", File: "replay/sink/objects/read.go",
		Old: " || slices.Contains(r.void, e.Job)", New: " || r.void == nil && slices.Contains(r.void, e.Job)",
		Why:    "readers see what a job wrote that was rolled back",
		Caught: room("replay/sink/objects", "TestRevert"),
	},

	{
		Name: "believe-columns", File: "replay/columns/append.go",
		Old: "if err == nil && !bytes.Equal(w.back, raw) {", New: "if err == nil && !bytes.Equal(w.back, raw) && len(w.back) > len(raw) {",
		Why:    "a value becomes columns that give other bytes back",
		Caught: room("replay/columns", "TestWhatHasNoColumns"),
	},

	// Readers.
	{
		Name: "publish-before-groups-moved", File: "cmd/backstitch/publish/publication.go",
		Old: "		stage.Stage, stage.Moves = true, p.moves\n", New: "		stage.Stage, stage.Moves, p.moves = false, nil, nil\n",
		Why:    "readers are sent to where their group has no position",
		Caught: room("cmd/backstitch/publish", "TestDyingWhilePublishing"),
	},

	// The book.
	{
		Name: "publish-what-failed", File: "fsm/op074_put_alias.go",
		Old: " || p.Verdict != Pass {", New: " {",
		Why:    "readers are sent to what a proof says is wrong",
		Caught: room("fsm", "TestScenarios"),
	},
	{
		Name: "ignore-a-stale-epoch", File: "fsm/lease.go",
		Old: "	case s.Epoch != epoch:", New: "	case s.Epoch < epoch:",
		Why:    "an owner without a lease saves and finishes",
		Caught: sim("50"),
	},
	{
		Name: "repair-again-by-itself", File: "fsm/fact_plan.go",
		Old: "if before := t.triedBefore(p, m); before != \"\" {", New: "if before := t.triedBefore(p, m); before == \"never\" {",
		Why:    "policy run writes the same positions with every scan, as long as something takes them away",
		Caught: room("fsm", "TestWhatWasTriedIsNeverForgotten"),
	},
	{
		Name: "forget-what-was-found-meanwhile", File: "fsm/fact_follow.go",
		Old: "		if kept && ok && policy.Act != PolicyNotify && d.orders(f.Pair) {", New: "		if kept && ok && policy.Act == PolicyNotify && d.orders(f.Pair) {",
		Why:    "what a scan finds while a repair of its dataset runs is never repaired, unless somebody looks again",
		Caught: room("chaos/bubble", "TestALossFoundDuringARepairIsRepairedNext"),
	},
	{
		Name: "run-above-the-limit", File: "fsm/fact_policy.go",
		Old: "	case m.Bytes > p.MaxBytes:", New: "	case m.Bytes > p.MaxBytes && m.Records > p.MaxRecords:",
		Why:    "a plan of more bytes than the dataset allows runs without a person",
		Caught: room("fsm", "TestScenarios"),
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
		Name: "attest-oneself", File: "fsm/fact_writers.go",
		Old: " && !slices.Contains(w.Of(c.Partition), c.ReadBy)", New: "",
		Why:    "E4 is claimed although a writer read",
		Caught: sim("200"),
	},
	{
		Name: "forget-a-writer", File: "fsm/fact_writers.go",
		Old: "	w.Nodes = slices.Insert(w.Nodes, i, node)\n", New: "	w.Nodes = slices.Insert(w.Nodes[:0], 0*i, node)\n",
		Why:    "an owner that was overtaken counts as one that wrote nothing",
		Caught: sim("200"),
	},
	{
		Name: "apply-twice-after-restore", File: "fsm/machine.go",
		Old: "		case l.Index <= at.Index:", New: "		case l.Index < at.Index:",
		Why:    "the entry that a snapshot ends with is applied again",
		Caught: room("fsm", "TestAnEntryIsAppliedOnce"),
		Also:   bubble("1", "4"),
	},
	{
		Name: "apply-by-the-batch", File: "fsm/tx.go",
		Old: "s.ModifyIndex = t.index\n", New: "s.ModifyIndex = t.index + uint64(len(t.batch.Repr())%2)\n",
		Why:    "what is stored depends on how the log was cut into batches, which differs between replicas",
		Caught: sim("20"),
	},

	// Scans.
	{
		Name: "scan-ends-without-a-partition", File: "fsm/op055_finish_scan.go",
		Old: "case j.FillDone+j.FailedSlices != j.FillSlices:", New: "case j.FillDone+j.FailedSlices == 0:",
		Why:    "a scan succeeds although a partition was not compared",
		Caught: room("fsm", "TestScenarios"),
	},
	{
		Name: "missed-times-run-one-by-one", File: "fsm/op053_submit_scan.go",
		Old: "	case c.NextUnixNanos <= now:", New: "	case c.NextUnixNanos <= c.DueUnixNanos:",
		Why:    "a schedule that was missed ten times starts ten scans",
		Caught: room("fsm", "TestScenarios"),
	},
	{
		Name: "make-up-for-every-missed-time", File: "partition/due/due.go",
		Old: "	steps := now.Sub(last)/r.Every + 1\n", New: "	steps := now.Sub(last)/(now.Sub(last)+1) + 1\n",
		Why:    "the next due time lies in the past, so a schedule that was missed never starts again",
		Caught: room("chaos/bubble", "TestScheduleAcrossLeaders"),
	},
	{
		Name: "start-a-due-scan-twice", File: "fsm/op053_submit_scan.go",
		Old: "		case s.NextUnixNanos != c.DueUnixNanos:", New: "		case s.NextUnixNanos < c.DueUnixNanos:",
		Why:    "a leader that comes late starts a scan for a time that is over",
		Caught: room("fsm", "TestScenarios"),
	},
	{
		Name: "two-scans-of-a-schedule", File: "fsm/op053_submit_scan.go",
		Old: "case last.ID != \"\" && !last.State.Terminal():", New: "case last.ID != \"\" && last.State == JobPlanned:",
		Why:    "scans of one schedule pile up when they take longer than the time between them",
		Caught: room("fsm", "TestScenarios"),
	},
	{
		Name: "nothing-compared-is-good", File: "fsm/fact_scan.go",
		Old: "	case c.Compared == 0:\n		return JobFailed,", New: "	case c.Compared == 0:\n		return JobSucceeded,",
		Why:    "a scan that compared no record says that nothing is missing",
		Caught: room("fsm", "TestScenarios"),
	},
	{
		Name: "forget-the-last-good-scan", File: "fsm/fact_scan.go",
		Old: "if ended <= keep || first {", New: "if ended <= keep {",
		Why:    "scans that fail push out the one that says when all was well",
		Caught: room("fsm", "TestScenarios"),
	},
	{
		Name: "count-only-what-is-kept", File: "replay/gap/part.go",
		Old: "res.findings, res.found, res.hash, res.cells = p.Findings, p.Found, p.Hash, cells", New: "res.findings, res.found, res.hash, res.cells = p.Findings, len(p.Findings), digest(p.Findings), cells",
		Why:    "findings that were cut have other ids than those of a scan from one process",
		Caught: room("replay/recovery/reach", "TestPartsThatDoNotFitKeepIdsAndCounts"),
	},
	{
		Name: "scans-take-the-lanes-of-repairs", File: "replay/worker/table.go",
		Old: "free := map[bool]int{false: t.lanes, true: t.scans}", New: "free := map[bool]int{false: t.lanes, true: t.lanes + t.scans}",
		Why:    "more scans run at a time than a node has lanes for them",
		Caught: room("replay/worker", "TestTableKeepsScansApart"),
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

	// What a scan believes of the one before.
	{
		Name: "ledger-of-a-recreated-topic", File: "replay/ledger/vouch.go",
		Old: "	if had.ID != now.ID {", New: "	if had.ID == \"\" {",
		Why:    "what was read of a topic is believed of another one of the same name",
		Caught: room("replay/ledger", "TestAnchorsThatDoNotHold"),
	},
	{
		Name: "ledger-without-etags", File: "replay/ledger/vouch.go",
		Old: "ETag: o.ETag, Size: o.Size", New: "Size: o.Size",
		Why:    "an object that was written anew is believed to be the one that was read",
		Caught: room("replay/ledger", "TestAnchorsThatDoNotHold"),
	},
	{
		Name: "ledger-over-an-election", File: "replay/ledger/vouch.go",
		Old: "end.Epoch != had.Epoch || end.End < had.End", New: "end.Epoch != had.Epoch",
		Why:    "records that an election cut off are believed to be there",
		Caught: room("replay/ledger", "TestAnchorsThatDoNotHold"),
	},
	{
		Name: "ledger-of-a-compacted-topic", File: "replay/ledger/vouch.go",
		Old: "case strings.Contains(s.CleanupPolicy, \"compact\"):", New: "case s.CleanupPolicy == \"compact\":",
		Why:    "records that compaction took are believed to be there",
		Caught: room("replay/ledger", "TestAnchorsThatDoNotHold"),
	},
	{
		Name: "ledger-without-a-probe", File: "replay/ledger/believe.go",
		Old: "	case !same:\n", New: "	case !same && len(entries) > probeRecords:\n",
		Why:    "brokers that were set back and gave an epoch again are believed",
		Caught: room("replay/ledger", "TestAnchorsThatDoNotHold"),
	},
	{
		Name: "ledger-over-damage", File: "replay/ledger/scan.go",
		Old: "	ok := untouched(bad, spans)\n", New: "	ok := untouched(nil, spans)\n",
		Why:    "records around damage are written down, and the damage is not found again",
		Caught: room("replay/ledger", "TestDamageIsFoundAgain"),
	},
	{
		Name: "ledger-without-a-second-look", File: "replay/ledger/scan.go",
		Old: "				moved = true\n", New: "				moved = false\n",
		Why:    "a topic that is made again while it is compared is believed to be the old one",
		Caught: room("replay/ledger", "TestATopicThatIsRecreatedWhileItIsCompared"),
	},

	// What is found, and what is not there to find.
	{
		Name: "compare-without-headers", File: "replay/gap/input.go",
		Old: "return in.Reference.Fields() & in.Target.Fields() }", New: "return in.Reference.Fields() & in.Target.Fields() &^ record.FieldHeaders }",
		Why:    "a record that lost a header, or the order of its headers, is taken for whole",
		Caught: detect("82"),
	},
	{
		Name: "read-an-overlap-twice", File: "replay/foreign/pump.go",
		Old: "			p.cursor = max(p.cursor, pos) // the next object may hold the last of them once more\n", New: "",
		Why:    "what two objects hold is written twice when a range ends in it",
		Caught: room("replay/foreign", "TestOverlapsAreGivenOnce"),
	},
	{
		Name: "leave-out-the-last", File: "replay/foreign/count.go",
		Old: "	if err == nil && t.edge != nil {\n", New: "	if err == nil && t.edge != nil && false {\n",
		Why:    "the last records of an object can not be read, and nobody hears of it",
		Caught: room("replay/source/aiven", "TestEnvelopesInAvro"),
	},
	{
		Name: "last-member-wins", File: "replay/foreign/members.go",
		Old: "		case m.parts[i] != nil:\n", New: "		case false:\n",
		Why:    "a line that says two keys, values or offsets is one record",
		Caught: room("replay/foreign", "TestMembers"),
	},
	{
		Name: "controls-are-blanks", File: "replay/foreign/json.go",
		Old: "{ return c == ' ' || c == '\\n' || c == '\\t' || c == '\\r' }", New: "{ return c <= ' ' }",
		Why:    "JSON behind the number of a schema comes back without it",
		Caught: room("replay/foreign", "TestWhatIsNoValueTakesTheLine"),
	},
	{
		Name: "keys-before-their-checksum", File: "replay/source/confluent/companion.go",
		Old: "	for err == nil {\n		_, err = rs.Next()\n	}\n", New: "	err = io.EOF\n",
		Why:    "keys of a file whose checksum does not fit are handed over",
		Caught: room("replay/source/confluent", "TestKeysAreNotBelievedBeforeTheirChecksum"),
	},
	{
		Name: "eight-of-a-kind", File: "replay/parquetfile/page.go",
		Old: "		return p.booleans(at, encoding, n)\n", New: "		return nil\n",
		Why:    "booleans that another program wrote as runs become others",
		Caught: room("replay/parquetfile", "TestFilesOfAnotherWriter"),
	},
	{
		Name: "believe-a-page", File: "replay/parquetfile/inflate.go",
		Old: "	if err == nil && len(out)-begun != size {\n", New: "	if err == nil && len(out)-begun < size {\n",
		Why:    "a page becomes more than its header says",
		Caught: room("replay/parquetfile", "TestBombs"),
	},
	{
		Name: "take-bytes-for-offsets", File: "replay/source/gazette/gazette.go",
		Old: "Own: true, Bytes: true}", New: "Own: true}",
		Why:    "what a sink has yet to write is called missing",
		Caught: detect("82"),
	},
	{
		Name: "silence-is-a-loss", File: "replay/gap/schemas.go",
		Old: "	if err := schemas.Learn(ctx, b, fields); err != nil {", New: "	if err := schemas.Learn(ctx, b, fields); err != nil && false {",
		Why:    "records whose schema no registry tells are called missing",
		Caught: room("replay/recovery/reach", "TestARegistryThatDoesNotAnswerIsNoLoss"),
	},
	{
		Name: "partition-of-a-group-as-of-a-key", File: "replay/kgroup/history.go",
		Old: "		hash = -hash\n", New: "		hash &= 0x7fffffff\n",
		Why:    "the history of half of all groups is looked for where it is not",
		Caught: room("replay/kgroup", "TestGroupsLieWhereJavaPutsThem"),
	},

	// Moving a consumer group.
	{
		Name: "move-an-active-group", File: "replay/regroup/move.go",
		Old: "	if state != \"\" {\n		return &Error{Code: CodeActive", New: "	if state == \"never\" {\n		return &Error{Code: CodeActive",
		Why:    "positions are written under a group that has members",
		Caught: room("replay/regroup", "TestRefusals"),
	},
	{
		Name: "move-what-has-moved", File: "replay/regroup/move.go",
		Old: "		case stands(has, m.Before):\n", New: "		case has == nil || has != nil:\n",
		Why:    "what a group has committed since the plan is written over",
		Caught: room("replay/regroup", "TestRefusals"),
	},
	{
		Name: "move-in-another-topic", File: "replay/regroup/move.go",
		Old: "	if now.String() != want.TopicID {", New: "	if now.String() == \"\" {",
		Why:    "offsets of a topic that is gone are written into the one that has its name",
		Caught: room("replay/regroup", "TestRefusals"),
	},
	{
		Name: "believe-a-yes", File: "replay/regroup/move.go",
		Old: "		case equal(has, m.After):\n			r.Outcome = Moved\n", New: "		case reasons[m.Partition] == nil:\n			r.Outcome = Moved\n",
		Why:    "what a broker says of a commit counts, and not what is read back",
		Caught: room("replay/regroup", "TestAYesIsReadBack"),
		Also:   room("replay/regroup", "TestALostAnswer"),
	},
	{
		Name: "receipt-afterwards", File: "replay/regroup/apply.go",
		Old: "	if err := r.begin(receipt); err != nil {\n		return nil, err\n	}\n", New: "",
		Why:    "whoever dies after the commit can not go back",
		Caught: room("replay/regroup", "TestTheReceiptComesFirst"),
	},
	{
		Name: "undo-the-number-alone", File: "replay/regroup/move.go",
		Old: "kmsg.StringPtr(m.After.Metadata)", New: "kmsg.StringPtr(\"\")",
		Why:    "undoing does not put back what a group wrote beside its position",
		Caught: room("replay/regroup", "TestApplyAndUndo"),
	},
	{
		Name: "move-past-what-is-lacking", File: "replay/regroup/build.go",
		Old: "	if l.Lacking > 0 && !opt.Missing {", New: "	if l.Lacking < 0 && !opt.Missing {",
		Why:    "a group is moved to a topic that lacks what it has not seen, and nobody asked for it",
		Caught: room("replay/regroup", "TestPlan"),
	},
	{
		Name: "land-at-the-last-run", File: "replay/offsetmap/land.go",
		Old: "			fresh = min(fresh, r.Target+seen)\n", New: "			fresh = r.Target + seen\n",
		Why:    "late records, or early ones, are left out where the order differs",
		Caught: Test{Package: "replay/offsetmap", Run: "TestNothingUnseenIsLeftOut", Args: []string{"-rapid.nofailfile"}},
	},
	{
		Name: "land-past-what-only-the-target-has", File: "replay/offsetmap/land.go",
		Old: "			l.Offset = min(fresh, o)\n", New: "			l.Offset = min(fresh, max(fresh, o))\n",
		Why:    "replay passes over records that the group may never have seen",
		Caught: room("replay/offsetmap", "TestLand"),
	},
	{
		Name: "believe-headers-unasked", File: "replay/offsetmap/build.go",
		Old: "	if b.in.By == ByHeaders {\n", New: "	if b.in.By != \"\" {\n",
		Why:    "a header that names an offset of a topic that is gone moves a group past what it has not seen",
		Caught: room("replay/offsetmap", "TestHeadersOfAChangedRecord"),
	},

	// Changing records.
	{
		Name: "skip-what-no-step-can-change", File: "replay/source/sift.go",
		Old: "	if front == nil {\n		return nil, d\n	}", New: "	if front == nil {\n		return s.Next(ctx)\n	}",
		Why:    "a record that a transform can not change is in no target and on no list",
		Caught: room("replay/transform", "TestWhatCanNotBeChangedIsNamed"),
	},
	{
		Name: "equal-bytes-mean-the-same", File: "replay/datum/pair.go",
		Old: "	return r.logical == \"\" || r.logical == w.logical\n", New: "	return true\n",
		Why:    "a migrated timestamp is of another century, since milliseconds were copied as microseconds",
		Caught: room("replay/datum", "TestConversions"),
	},
	{
		Name: "any-branch-that-fits", File: "replay/datum/pair.go",
		Old: "		if b.name == w.name && b.logical == w.logical {", New: "		if b.logical == w.logical {",
		Why:    "a record of a union becomes another one that has the same fields",
		Caught: room("replay/datum", "TestBranchIsKept"),
	},
	{
		Name: "lose-a-field-without-a-word", File: "replay/datum/convert.go",
		Old: "	if len(p.spare) > 0 && !e.chain.spare {", New: "	if false {",
		Why:    "a field that the output schema has no place for is gone, and nobody is told",
		Caught: room("replay/datum", "TestFieldsComeAndGo"),
	},
	{
		Name: "keep-a-name-that-nobody-knows", File: "replay/rename/edit.go",
		Old: "		case errors.Is(err, ErrNoName) && at[i].header < 0:\n", New: "		case true || errors.Is(err, ErrNoName):\n",
		Why:    "a record is written under the source's number of its schema, which is another schema's in the target",
		Caught: room("replay/rename", "TestNamesThatNobodyKnowsAreSetAside"),
	},
	{
		Name: "believe-numbers-of-contexts", File: "replay/schema/catalog.go",
		Old: "			if said {\n", New: "			if said || true {\n",
		Why:    "records are given a number that the registry answers with another schema",
		Caught: room("replay/schema", "TestACatalogBelievesNoNumberOfAnotherContext"),
	},
	{
		Name: "take-silence-for-none", File: "replay/schema/front.go",
		Old: "	case err != nil:\n		return false, err\n", New: "	case err != nil:\n		has = false\n",
		Why:    "a registry that could not be asked has no GUID, so copies with other GUIDs look lost, and copies that nobody could read look whole",
		Caught: room("replay/recovery/reach", "TestGUIDsInFrontThatCanNotBeToldAreNoLoss"),
	},
	{
		Name: "count-many-guids-as-bytes", File: "replay/schema/front.go",
		Old: "	if err := s.room(name); err != nil {\n		return false, err\n", New: "	if err := s.room(name); err != nil {\n		return false, nil\n",
		Why:    "what is said of a record hangs on how many came before it: beyond the bound the same schema is bytes",
		Caught: room("replay/schema", "TestGUIDsInFrontAreBounded"),
	},
	{
		Name: "keep-the-place-of-another-file", File: "replay/framed/glue.go",
		Old: "same = same && bytes.Equal(payload[:first], g.GlueIndex())", New: "same = same || first < 0",
		Why:    "a message in AWS Glue's frame keeps its number under a version in which that is another message",
		Caught: room("replay/framed", "TestOnePathHasAnotherPlace"),
	},
	{
		Name: "tell-what-is-there-by-bytes", File: "replay/dedupe/dedupe.go",
		Old: "hasher: record.Hasher{Frames: opt.Frames}", New: "hasher: record.Hasher{}",
		Why:    "a record that came meanwhile under another number of its schema is written a second time",
		Caught: room("replay/recovery/reach", "TestWhatComesMeanwhileUnderAnotherName"),
	},
	{
		Name: "know-schemas-of-scans-that-broke-off", File: "fsm/fact_schema.go",
		Old: "	return !l.Open\n", New: "	return true\n",
		Why:    "a change of schema that a scan met before it broke off is told by nobody",
		Caught: room("fsm", "TestScenarios"),
	},
	{
		Name: "limit-each-slice-alone", File: "fsm/op071_finish_slice_within.go",
		Old: "t.setAside(f.Slice.Job) + f.Checkpoint.Quarantined", New: "f.Checkpoint.Quarantined",
		Why:    "a job of many slices sets aside many times what it may",
		Caught: room("fsm", "TestScenarios"),
	},
	{
		Name: "leave-a-module-its-memory", File: "replay/wasm/memory.go",
		Old: "	clear(l.buf[:l.size])\n", New: "",
		Why:    "what a module makes of a record hangs on those before it, and so on where an agent began to read",
		Caught: room("replay/wasm", "TestGrownMemoryIsZeroAgain"),
	},
	{
		Name: "write-what-a-rule-can-not-judge", File: "replay/rule/kinds.go",
		Old: "			return refuse(source.CodeNoAnswer, \"%s: %w\", said, err)\n", New: "			return nil\n",
		Why:    "a record that has no answer for a rule is written",
		Caught: room("replay/rule", "TestKinds"),
	},
	{
		Name: "delete-no-tombstone", File: "replay/rule/set.go",
		Old: "			if r.Record.Value == nil {\n				continue\n			}\n", New: "",
		Why:    "rules about values set tombstones aside, and what they delete stays",
		Caught: room("replay/rule", "TestTombstonesPass"),
	},
	{
		Name: "a-float-of-every-number", File: "replay/expr/input.go",
		Old: "	if !strings.ContainsAny(text, \".eE\") {", New: "	if !strings.ContainsAny(text, \"0123456789\") {",
		Why:    "rules and expressions take 2^53+1 for its neighbour",
		Caught: room("replay/expr", "TestWhatAnExpressionSees"),
	},
	{
		Name: "expressions-for-ever", File: "replay/expr/expr.go",
		Old: "cel.CostLimit(MaxCost), ", New: "",
		Why:    "one record holds a slice up for as long as its expression likes",
		Caught: room("replay/expr", "TestCostIsBounded"),
	},
	{
		Name: "count-a-null-twice", File: "replay/rule/tally.go",
		Old: " || c.part.seen.Contains(r.Record.Offset)", New: "",
		Why:    "a share is of reads, and a plan is refused or made by how often somebody looked",
		Caught: room("replay/rule", "TestATallyIsOfPositions"),
	},
	{
		Name: "plan-whatever-is-set-aside", File: "replay/recovery/validate.go",
		Old: "		if left > allowed {", New: "		if left > all {",
		Why:    "a plan leaves out more records than its spec allows",
		Caught: room("replay/recovery/reach", "TestLimitsEndThePlanAndTheJob"),
	},
	{
		Name: "forget-who-refuses", File: "replay/revise/diff.go",
		Old: "		c.diff.RefusedNew++\n", New: "		c.diff.Same++\n",
		Why:    "what only the new version refuses counts as unchanged",
		Caught: room("replay/revise", "TestCountsAddUp"),
	},
	{
		Name: "replay-what-was-not-set-aside", File: "replay/recovery/only.go",
		Old: "	return meet(rs, b.opt.Only[part])\n", New: "	return rs\n",
		Why:    "a plan of what is in quarantine writes other records, too",
		Caught: room("replay/recovery/reach", "TestWhatWasSetAsideIsPlannedAgain"),
	},
	{
		Name: "read-past-rules", File: "replay/recovery/recipe_version.go",
		Old: "{RulesVersion, r.Source.Rules != nil || len(r.Nulls) > 0 || ", New: "{RulesVersion, ",
		Why:    "an agent that knows no rules takes the job, and writes what breaks them",
		Caught: room("replay/recovery/reach", "TestRulesArePinned"),
	},
	{
		Name: "write-what-came-before", File: "replay/recovery/repeat.go",
		Old: "	p.Fill = p.Fill.Minus(left)\n", New: "	p.Fill = p.Fill.Minus(left[:0])\n",
		Why:    "slices have the positions of repetitions, which nobody who writes a slice can tell",
		Caught: room("replay/recovery/reach", "TestEachEventOnceHoweverItIsCut"),
	},
	{
		Name: "forget-what-is-on-disk", File: "storage/spill/times.go",
		Old: "	if t.disk == nil {\n		return false, nil\n	}\n", New: "	if t.disk == nil || len(have) == 0 {\n		return false, nil\n	}\n",
		Why:    "an event that came again after memory was full once is written a second time",
		Caught: room("replay/repeat", "TestTheSameAsLookingAtEachPair"),
	},
	{
		Name: "time-only-goes-forward", File: "replay/repeat/finder.go",
		Old: "from, to = minus(at, f.window-1), plus(at, f.window-1)", New: "from, to = minus(at, f.window-1), at",
		Why:    "an event that came again with an earlier timestamp is written a second time",
		Caught: room("replay/repeat", "TestTheSameAsLookingAtEachPair"),
	},
	{
		Name: "begin-late-in-the-middle", File: "replay/late/over.go",
		Old: "m.Source.Open(ctx, slice, slice.Ranges.Span().From)", New: "m.Source.Open(ctx, slice, cursor)",
		Why:    "a slice that goes on after a crash forgets the event times before, and late records say nothing",
		Caught: room("replay/recovery/reach", "TestLateRecordsSaySoHoweverItIsCut"),
	},
	{
		Name: "begin-every-slice-anew", File: "replay/recovery/late.go",
		Old: "		return late.At(&p.Begins[i].HighestMs)\n", New: "		return late.At(p.HighestMs)\n",
		Why:    "a slice counts from what the target had, not from what the slices before it write",
		Caught: room("replay/recovery/reach", "TestLateRecordsSaySoHoweverItIsCut"),
	},
	{
		Name: "believe-what-a-late-record-says", File: "replay/verify/late.go",
		Old: "	case lateMs > 0 && said != want:\n", New: "	case lateMs > 0 && said == \"\":\n",
		Why:    "a late record that says a wrong figure passes the proof",
		Caught: room("replay/verify", "TestRecordsSayHowLateTheyAre"),
	},

	// Baselines.
	{
		Name: "learn-from-an-outage", File: "replay/sentinel/baseline/series.go",
		Old: "	if j.State == Usual {\n		s.lasts", New: "	if s.learn(o, mean, dev); j.State == Usual {\n		s.lasts",
		Why:    "what an outage leaves becomes what is expected, and the alarm ends before the outage does",
		Caught: room("replay/sentinel/baseline", "TestAnOutageDoesNotBecomeUsual"),
	},
	{
		Name: "few-are-an-alarm", File: "replay/sentinel/baseline/series.go",
		Old: "return mean + 1 }", New: "return 1e-6 * (mean + 1) }",
		Why:    "what comes now and then is an alarm each time it comes",
		Caught: room("replay/sentinel/baseline", "TestAQuietTopicIsNoAlarm"),
	},

	// Replicas.
	{
		Name: "keep-a-text", File: "replay/synth/place.go",
		Old: "	p.size(name, len(s))\n", New: "	p.size(name+s, len(s))\n",
		Why:    "texts of real values are in a profile that is passed on",
		Caught: room("replay/synth", "TestNothingRealOfASchemaIsKept"),
	},
	{
		Name: "keep-a-key-of-a-map", File: "replay/synth/avro.go",
		Old: "				count(&p.at(t.at).names,", New: "				count(&p.at(t.at+string(key)).names,",
		Why:    "keys of maps, which are data, are in a profile that is passed on",
		Caught: room("replay/synth", "TestNothingRealOfASchemaIsKept"),
	},
	{
		Name: "keep-a-member-of-no-schema", File: "replay/synth/jsonschema.go",
		Old: "				s.see(p, at+\"{}\", unnamed, x, depth+1)", New: "				s.see(p, at+\".\"+name, unnamed, x, depth+1)",
		Why:    "members that a schema does not name, which are data, are in a profile that is passed on",
		Caught: room("replay/synth", "TestNothingRealOfASchemaIsKept"),
	},
	{
		Name: "index-of-another-frame", File: "replay/synth/schema.go",
		Old: "m.model.index(m.name.Glue)", New: "m.model.index(false)",
		Why:    "messages of a replica in AWS Glue's frame are read as another message",
		Caught: room("replay/synth", "TestValuesOfASchemaComeBack"),
	},
	{
		Name: "take-a-schema-that-is-not-had-for-bytes", File: "replay/synth/replica/schemas.go",
		Old: "		return &SchemaError{name, p, r.Offset, err}", New: "		return nil",
		Why:    "a replica has values that nobody can read, and nobody is told",
		Caught: room("replay/synth/replica", "TestATopicIsLearntBySchemas"),
	},
	{
		Name: "survivors-without-the-steps", File: "cmd/backstitch/rehearse.go",
		Old: "r.g, r.fates, r.changes); err != nil {\n		return err\n	}\n	text", New: "r.g, r.fates, nil); err != nil {\n		return err\n	}\n	text",
		Why:    "the target of a rehearsal holds what no job would have written",
		Caught: room("cmd/backstitch", "TestARehearsalDoesTheSteps"),
	},
}
