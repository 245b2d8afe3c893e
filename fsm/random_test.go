package fsm

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"backstitch/fsm/flow"
	"backstitch/partition"
)

// times is low, as all of it is paid for with the race detector; make test-drawn asks for more without it.
var times = flag.Int("fsm.times", 1, "how many times as much TestDeterminism and TestEveryTruncation draw")

// seed returns the seed of a randomised test and prints it. FSM_SEED repeats one.
func seed(t testing.TB) *rand.Rand {
	t.Helper()
	n := rand.Uint64()
	if s := os.Getenv("FSM_SEED"); s != "" {
		var err error
		if n, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("seed %d (repeat with FSM_SEED=%d)", n, n)
	return rand.New(rand.NewPCG(n, 0))
}

// generator makes commands of which most are legal, because it remembers roughly what it did, and many are not.
type generator struct {
	r     *rand.Rand
	jobs  int
	epoch map[partition.SliceID]partition.Epoch
	owner map[partition.SliceID]partition.NodeID
	proof int
	due   map[string]int64 // by schedule
	seen  map[DatasetName]uint64
	plans []Plan
	names []Alias
	next  []Command // of a job that is on its way to a passing proof
	files int
}

func newGenerator(r *rand.Rand) *generator {
	return &generator{r: r, jobs: 1, epoch: map[partition.SliceID]partition.Epoch{}, owner: map[partition.SliceID]partition.NodeID{},
		due: map[string]int64{}, seen: map[DatasetName]uint64{}}
}

func (g *generator) envelope() Envelope {
	env := Envelope{Actor: "node:" + string(g.node()), UnixNanos: g.r.Int64N(1 << 40)}
	if g.r.IntN(8) == 0 {
		env.Actor = "oidc:idp/a"
	}
	if g.r.IntN(3) == 0 {
		n := g.r.IntN(5000) // now and then the same again
		env.RequestID[0], env.RequestID[1] = byte(1+n>>8), byte(n)
	}
	if g.r.IntN(4) == 0 {
		env.Reason = "because"
	}
	return env
}

func (g *generator) node() partition.NodeID { return partition.NodeID(rune('a' + g.r.IntN(4))) }

func (g *generator) job() partition.JobID { return jobName(g.r.IntN(g.jobs)) }

func jobName(n int) partition.JobID {
	return partition.JobID(fmt.Sprintf("bs-%c%c", 'a'+n/26%26, 'a'+n%26))
}

const slicesPerJob = 8 // 0-5 fill three partitions, 6 and 7 verify two of them

func (g *generator) slice() partition.SliceID {
	return partition.SliceID{Job: g.job(), N: uint32(g.r.IntN(slicesPerJob))}
}

func (g *generator) held() (partition.SliceID, partition.NodeID, partition.Epoch) {
	id := g.slice()
	for range 20 {
		if g.owner[id] != "" {
			break
		}
		id = g.slice()
	}
	if g.r.IntN(10) == 0 {
		return id, g.node(), g.epoch[id] + 1
	}
	return id, g.owner[id], g.epoch[id]
}

func (g *generator) slices(job partition.JobID) []partition.Slice {
	var out []partition.Slice
	for n := range uint32(slicesPerJob) {
		s := fillSlice(job, n, int32(n%3), int64(n/3)*100, int64(n/3)*100+100)
		if n >= 6 {
			s.Kind = partition.SliceVerify
		}
		s.Objects = []partition.Object{{Key: fmt.Sprintf("topics/%d.json", n), ETag: "e", Size: 5, Count: -1}}
		out = append(out, s)
	}
	return out
}

func (g *generator) command() Command {
	if len(g.next) > 0 && g.r.IntN(2) == 0 {
		c := g.next[0]
		g.next = g.next[1:]
		return c
	}
	switch n := g.r.IntN(100); {
	case n < 4:
		if g.jobs < 60 {
			g.jobs++
		}
		id := jobName(g.jobs - 1)
		submit := SubmitJob{ID: id, Name: g.datasetName(), Slices: slicesPerJob, Locks: []string{fmt.Sprintf("t/%d", g.r.IntN(g.jobs))}, Recipe: []byte(id)}
		if g.r.IntN(3) > 0 {
			return submit
		}
		x := Terms{Job: id, Calendar: partition.Calendar{Zone: "UTC", Peaks: []partition.Window{{Cron: "0 7 * * *", Duration: time.Hour, Rate: partition.Rate{Bytes: 1}}}}}
		if g.r.IntN(2) == 0 {
			x.DeadlineUnixNanos, x.AlertPercent, x.CompletePPM = 1, 75, ppm
			g.next = append(g.next, TellSLA{Job: id, Kind: []NoticeKind{NoticeAtRisk, NoticeMissed}[g.r.IntN(2)], DeadlineUnixNanos: 1, Why: "late"})
		}
		return SubmitJobOnTerms{Submit: submit, Terms: x}
	case n < 10:
		job := g.job()
		return AddSlices{Job: job, Slices: g.slices(job)}
	case n < 14:
		return StartJob{g.job()}
	case n < 15:
		return PauseJob{g.job()}
	case n < 18:
		return ResumeJob{g.job()}
	case n < 19 && g.r.IntN(3) == 0:
		return CancelJob{g.job()}
	case n < 23:
		return BeginVerify{g.job()}
	case n < 26:
		return FinishJob{ID: g.job(), State: JobSucceeded + JobState(g.r.IntN(2)), Proof: g.proofID()}
	case n < 28:
		return RetryJob{g.job()}
	case n < 32:
		return PutMember{testMember(g.node())}
	case n < 33:
		return SetMemberState{ID: g.node(), State: MemberState(1 + g.r.IntN(3))}
	case n < 34:
		return RemoveMember{g.node()}
	case n < 37:
		g.proof++
		level := E3 + Evidence(g.r.IntN(2))
		c := Comparison{Verdict: Verdict(1 + g.r.IntN(3)), Evidence: level, Expected: Side{Records: 5}, NotChecked: []string{"timestamps"}, ReadBy: g.node()}
		return RecordProof{Proof{ID: g.proofID(), Job: g.job(), Verdict: c.Verdict, Evidence: level, Comparisons: []Comparison{c}}}
	case n < 39:
		return PutProofKey{Key: [32]byte{byte(g.r.IntN(6))}, Replaces: [32]byte{byte(g.r.IntN(6))}}
	case n < 40 && g.r.IntN(2) == 0:
		return g.hours()
	case n < 40:
		return g.dataset()
	case n < 42:
		return g.ledger()
	case n < 43:
		return g.schedule()
	case n < 55:
		return g.grants()
	case n < 56:
		return FinishScan{g.scanJob()}
	case n < 58:
		id, owner, epoch := g.held()
		if g.r.IntN(2) == 0 {
			if g.r.IntN(3) == 0 {
				return PutMaintenance{Name: string(rune('a' + g.r.IntN(4))), Scope: ScopeCluster, Zone: "UTC", FromUnixNanos: 1 + g.r.Int64N(1e13), SpanNanos: minSpanNanos}
			}
			return YieldLeases{[]Lease{{id, owner, epoch}}}
		}
		return RevokeLeases{[]Lease{{id, owner, epoch}}}
	case n < 61:
		id, owner, epoch := g.held()
		return FailSlice{Slice: id, Owner: owner, Epoch: epoch, Err: "BST-E0001", Retry: g.r.IntN(4) > 0}
	case n < 75:
		return g.finish()
	case n < 77 && g.r.IntN(2) == 0:
		return g.alias()
	case n < 77 && g.r.IntN(2) == 0:
		return g.flow()
	case n < 76 && g.r.IntN(2) == 0:
		return g.discard()
	case n < 77 && g.r.IntN(3) == 0:
		return g.budget()
	case n < 77 && g.r.IntN(2) == 0:
		return g.access()
	case n < 77 && g.r.IntN(2) == 0:
		id, owner, epoch := g.held()
		return SaveSchemas{Slice: id, Owner: owner, Epoch: epoch, Schemas: []SeenSchema{{Place: ReferenceValue, Name: fmt.Sprint(g.r.IntN(4)), First: Position{int32(id.N % 3), g.r.Int64N(9)}}}}
	case n < 76:
		switch to := uint32(g.r.IntN(int(LatestVersion) + 1)); g.r.IntN(4) {
		case 0:
			return SetUpgrade{ByHand: g.r.IntN(2) == 0}
		case 1:
			return FinishUpgrade{to}
		default:
			return RaiseVersion{to}
		}
	case n < 80:
		return g.submitScan()
	case n < 84:
		return g.plan()
	case n < 88:
		return g.finishScanSlice()
	}
	return g.checkpoints()
}

// access makes and ends tokens, gives roles, and asks for a yes and says it.
func (g *generator) access() Command {
	accessor, hash := fmt.Sprintf("k%d", g.r.IntN(6)), [32]byte{1, byte(g.r.IntN(9))}
	switch g.r.IntN(7) {
	case 0:
		return BootstrapAccess{Accessor: accessor, Hash: hash, Seen: uint64(g.r.IntN(2))}
	case 1:
		return CreateToken{Accessor: accessor, Hash: hash, Namespaces: [][]string{nil, {"n"}}[g.r.IntN(2)], Role: AccessRole(g.r.IntN(5)), ExpiresUnixNanos: 1 + g.r.Int64N(1<<41)}
	case 2:
		return EndToken{Accessor: accessor, Expired: g.r.IntN(2) == 0}
	case 3:
		return PutAccessPolicy{Name: fmt.Sprintf("p%d", g.r.IntN(3)), Subject: []string{TokenSubject(accessor), "cert:a", "oidc:idp/a"}[g.r.IntN(3)], Role: AccessRole(g.r.IntN(5)), Namespace: "n"}
	case 4:
		return NoteRefusal{Verb: "cancel-job", Namespace: "n", Needs: AccessOperator}
	case 5:
		return NoteKeyring{Change: KeyringChange(g.r.IntN(5)), Key: strings.Repeat(string("0afg"[g.r.IntN(4)]), 31+g.r.IntN(2)), Forced: g.r.IntN(2) == 0}
	}
	return PutConsent{ID: fmt.Sprintf("w%d", g.r.IntN(3)), Say: g.r.IntN(2) == 0, Verb: "void-job", Object: string(g.job()), Namespace: "n"}
}

// budget bounds a scope, gives it free, or moves a job in the queue.
func (g *generator) budget() Command {
	scopes := []Scope{ScopeCluster, ScopeNamespace("n"), ScopeTarget("dir:/t"), ScopeJob(g.job())}
	if g.r.IntN(4) == 0 {
		return SetPriority{ID: g.job(), Priority: uint8(g.r.IntN(101))}
	}
	return PutBudget{Scope: scopes[g.r.IntN(len(scopes))], Rate: partition.Rate{Bytes: g.r.Int64N(3) << 20, Requests: g.r.Int64N(2)}}
}

func (g *generator) proofID() ProofID { return ProofID(fmt.Sprintf("r-%d", g.r.IntN(g.proof+1))) }

// scans have ids of their own letters, so that few commands for jobs that write miss.
func scanName(n int) partition.JobID { return partition.JobID(fmt.Sprintf("bs-scan%c", 'a'+n)) }

const scanNames = 12

func (g *generator) scanJob() partition.JobID { return scanName(g.r.IntN(scanNames)) }

func (g *generator) order() *ScanOrder {
	return &ScanOrder{Dataset: g.datasetName(), Pair: fmt.Sprintf("pair %d", g.r.IntN(2)), Recipe: []byte("{}"), Keep: 1 + uint32(g.r.IntN(2)), Whole: g.r.IntN(2) == 0}
}

func (g *generator) schedule() Command {
	c := PutSchedule{Name: fmt.Sprintf("s%d", g.r.IntN(2)), Order: g.order(), EveryNanos: int64(MinEvery), NextUnixNanos: 1 + g.r.Int64N(1<<41)}
	if g.r.IntN(9) == 0 {
		return PutSchedule{Name: c.Name}
	}
	return c
}

func (g *generator) submitScan() Command {
	if name := fmt.Sprintf("s%d", g.r.IntN(2)); g.r.IntN(2) == 0 && g.due[name] != 0 {
		return SubmitScan{ID: ScanID(name, g.due[name]), Schedule: name, DueUnixNanos: g.due[name], NextUnixNanos: g.due[name] + int64(MinEvery)}
	}
	return SubmitScan{ID: g.scanJob(), Order: g.order()}
}

// finishScanSlice is a survey of three partitions or one of them, by whoever holds the slice.
func (g *generator) finishScanSlice() Command {
	id := partition.SliceID{Job: g.scanJob(), N: uint32(g.r.IntN(4))}
	c := FinishScanSlice{Slice: id, Owner: g.owner[id], Epoch: g.epoch[id], Checkpoint: Checkpoint{Epoch: g.epoch[id], Records: 5}}
	if id.N == 0 {
		c.Survey = &Survey{Partitions: []SurveyPart{{Partition: 0}, {Partition: 1}, {Partition: 4}}, Header: []byte("{}")}
		return c
	}
	c.Part = &ScanPart{Partition: []int32{0, 1, 4}[id.N-1], Counts: ScanCounts{Comparable: 1, Compared: g.r.Int64N(9), Matched: 1, Missing: g.r.Int64N(3)}, Body: []byte("b")}
	return c
}

func (g *generator) grants() Command {
	var c GrantLeases
	for range 1 + g.r.IntN(6) {
		id := g.slice()
		if g.r.IntN(3) == 0 {
			id = partition.SliceID{Job: g.scanJob(), N: uint32(g.r.IntN(4))}
		}
		grant := Grant{Slice: id, Owner: g.node(), Seen: g.epoch[id]}
		c.Grants = append(c.Grants, grant)
	}
	return c
}

func (g *generator) finish() Command {
	id, owner, epoch := g.held()
	c := FinishSlice{Slice: id, Owner: owner, Epoch: epoch, Checkpoint: Checkpoint{Epoch: epoch, Cursor: 1000, Records: 10}}
	if id.N >= 6 {
		c.Comparison = &Comparison{Partition: int32(id.N % 3), Verdict: Pass, Evidence: E3, Expected: Side{Records: 3}, ReadBy: owner}
	} else if g.r.IntN(3) == 0 {
		c.Quarantine = []Quarantined{{Offset: g.r.Int64N(3), Code: "BST-Q0001", Reason: "bad"}}
		c.Checkpoint.Quarantined = 1
		if g.r.IntN(2) == 0 {
			return FinishSliceWithin{Finish: c, MaxQuarantine: g.r.Int64N(3)}
		}
	}
	return c
}

func (g *generator) ledger() Command {
	id, owner, epoch := g.held()
	c := SaveLedger{Slice: id, Owner: owner, Epoch: epoch}
	for n := range 1 + g.r.Int64N(3) {
		c.Windows = append(c.Windows, Window{Range: partition.Range{From: n, To: n + 1}, Expected: WindowSide{Records: g.r.Int64N(9)}})
	}
	return c
}

func (g *generator) datasetName() string { return string(rune('x' + g.r.IntN(3))) }

func (g *generator) dataset() Command {
	name := DatasetName("default/" + g.datasetName())
	switch g.r.IntN(8) {
	case 0:
		return DeleteDataset{Name: name, Seen: g.seen[name]}
	case 1, 2, 3:
		return SettleNotices{Dataset: name, Endpoint: string(rune('e' + g.r.IntN(3))), UpTo: g.r.Uint64N(2000), Sent: 1}
	}
	c := PutDataset{Name: name, Document: []byte{byte(g.r.IntN(3))}, Reference: Place{"s3://b", "p"}, Targets: []Place{{"kafka://h", "t"}}, Seen: g.seen[name]}
	for n := range g.r.IntN(3) {
		c.Endpoints = append(c.Endpoints, Endpoint{Name: string(rune('e' + n)), Format: FormatCloudEvents, URL: "https://bus", On: firstKinds})
	}
	if g.r.IntN(4) == 0 {
		return c
	}
	_, short := name.Split()
	c.Orders = []ScanOrder{{Namespace: "default", Dataset: short, Pair: "pair 0", Recipe: []byte("{}")}}
	if len(c.Endpoints) > 0 {
		c.Endpoints[0].On = everyKind
	}
	if g.r.IntN(3) == 0 {
		return PutDatasetWithPolicy{Dataset: c, Act: PolicyPlanAndWait}
	}
	run := PutDatasetWithPolicy{Dataset: c, Act: PolicyRun, MaxRecords: 7, MaxBytes: 70}
	if g.r.IntN(2) == 0 {
		return PutDatasetOnTerms{Put: run, Terms: JobTerms{WithinNanos: 9, AlertPercent: 75, CompletePPM: ppm}}
	}
	return run
}

// hours counts a dataset, or what it was put with.
func (g *generator) hours() Command {
	name := DatasetName("default/" + g.datasetName())
	node := g.node()
	base := g.r.Int64N(4)
	switch g.r.IntN(4) {
	case 0:
		_, short := name.Split()
		put := PutDataset{Name: name, Document: []byte{1}, Reference: Place{"s3://b", "p"}, Targets: []Place{{"kafka://h", "t"}}, Seen: g.seen[name],
			Orders:    []ScanOrder{{Namespace: "default", Dataset: short, Pair: "pair 0", Recipe: []byte("{}")}},
			Endpoints: []Endpoint{{Name: "e", Format: FormatCloudEvents, URL: "https://bus", On: everyKind}}}
		return PutDatasetWithWatch{Dataset: PutDatasetWithPolicy{Dataset: put}, Scan: g.r.IntN(2) == 0,
			Topics: []WatchedTopic{{Topic: "t", Recipe: []byte("{}"), MaxBytes: MinStateBytes}}}
	case 1:
		return ClaimBaseline{Dataset: name, Node: node, ForNanos: 1000}
	}
	l := &Look{FirstHour: base + 1, LastHour: base + 1, Hours: 1, Anew: g.r.IntN(4) == 0, State: []byte{byte(base)}}
	if g.r.IntN(2) == 0 {
		l.Unusual = []Unusual{{About: "records", SinceHour: base, UntilHour: base + 2, Reason: "fewer"}}
	}
	return SaveBaseline{Dataset: name, Node: node, Base: base, Look: l}
}

// plan makes, fails or decides about what makes a plan.
func (g *generator) plan() Command {
	if len(g.plans) == 0 {
		return FinishScan{g.scanJob()}
	}
	p := g.plans[g.r.IntN(len(g.plans))]
	id := partition.SliceID{Job: p.ID}
	switch g.r.IntN(8) {
	case 0:
		return ApprovePlan{ID: p.ID, Hash: p.Hash}
	case 1:
		return RejectPlan{ID: p.ID, Hash: p.Hash}
	case 2:
		return FailSlice{Slice: id, Owner: g.owner[id], Epoch: g.epoch[id], Err: "BST-E0001", Retry: g.r.IntN(2) == 0}
	case 3:
		return RetryJob{p.ID}
	case 4, 5:
		return GrantLeases{[]Grant{{Slice: id, Owner: g.node(), Seen: g.epoch[id]}}}
	}
	c := KeepPlan{Slice: id, Owner: g.owner[id], Epoch: g.epoch[id], Checkpoint: Checkpoint{Epoch: g.epoch[id]}}
	if g.r.IntN(5) > 0 {
		job := partition.JobID(fmt.Sprintf("bs-r%c%c", 'a'+g.r.IntN(26), 'a'+g.r.IntN(26)))
		_, short := p.Dataset.Split()
		n := g.r.Int64N(9)
		c.Made = &MadePlan{Job: job, Name: short + ".refill", Hash: [32]byte{byte(n)}, Recipe: []byte("{}"), Locks: []string{fmt.Sprintf("t/%d", g.r.IntN(3))},
			Records: n, Bytes: 10 * n, Slices: g.slices(job), Document: []byte("d")}
	}
	return c
}

// flow does something to one of a few flows.
func (g *generator) flow() Command {
	id, step, attempt := FlowID("fl-"+string(rune('a'+g.r.IntN(4)))), string(rune('a'+g.r.IntN(3))), uint32(g.r.IntN(3))
	switch g.r.IntN(18) {
	case 17:
		at := g.due["d/f"]
		return BeginFlow{Flow: SubmitFlow{ID: FlowRunID("d/f", at)}, Schedule: "d/f", DueUnixNanos: at, NextUnixNanos: at + g.r.Int64N(1<<41)}
	case 16:
		return PutFlowSchedule{Flow: SubmitFlow{Name: "f", Namespace: "d"}, Paused: g.r.IntN(2) == 0, Remove: g.r.IntN(4) == 0, NextUnixNanos: 1 + g.r.Int64N(1<<41)}
	case 15:
		c := PutFlowSchedule{Flow: SubmitFlow{Name: "f", Namespace: "d", Steps: []flow.Step{{Name: "a", Kind: "recovery"}, {Name: "b", Kind: "manual", Needs: []string{"a"}}}},
			EveryNanos: int64(MinEvery), NextUnixNanos: 1 + g.r.Int64N(1<<41), MaxRecords: int64(g.r.IntN(3)), MaxBytes: 10}
		if g.r.IntN(2) == 0 {
			c.Endpoints = []Endpoint{{Name: "pager", Format: FormatCloudEvents, URL: "https://h", On: flowKinds}}
		}
		return c
	case 13:
		return BeginFlow{Flow: SubmitFlow{ID: id, Name: "f", Steps: []flow.Step{{Name: "a", Kind: "recovery"}, {Name: "b", Kind: "manual"}, {Name: "c", Kind: "manual", Needs: []string{"a"}}}},
			Endpoints: []Endpoint{{Name: "pager", Format: FormatCloudEvents, URL: "https://h", On: flowKinds &^ (1 << uint(g.r.IntN(5)))}}}
	case 14:
		return SettleNotices{Dataset: OutboxOf(id), Endpoint: "pager", UpTo: g.r.Uint64N(2000), Sent: 1}
	case 12:
		return NoteStep{Flow: id, Step: step, Attempt: attempt, Marks: []byte{'m', byte(g.r.IntN(2))}[:g.r.IntN(3)], Text: "t"}
	case 0:
		return SubmitFlowWithUndo{Flow: SubmitFlow{ID: id, Name: "f", Steps: []flow.Step{{Name: "a", Kind: "recovery"}, {Name: "b", Kind: "rollback"}, {Name: "c", Kind: "manual", Needs: []string{"a"}}}},
			Undo: []flow.Undo{{Step: "a", By: "b"}}}
	case 1:
		return SubmitFlow{ID: id, Name: "f", Steps: []flow.Step{{Name: "a", Kind: "recovery"}, {Name: "b", Kind: "manual", Needs: []string{"a"}},
			{Name: "c", Kind: "http", Needs: []string{"a"}, MayFail: true}}}
	case 2:
		return []Command{PauseFlow{id}, ResumeFlow{id}, ResumeFlow{id}, CancelFlow{id}, RetryFlow{id}, FinishFlow{id}}[g.r.IntN(6)]
	case 3, 4, 5:
		return BeginStep{Flow: id, Step: step, Attempt: attempt + 1, Token: "t", Wait: g.r.IntN(3) == 0}
	case 6, 7:
		job := partition.JobID(fmt.Sprintf("bs-f%c%c", 'a'+g.r.IntN(26), 'a'+g.r.IntN(26)))
		m := MadePlan{Job: job, Name: "orders.refill", Recipe: []byte("{}"), Locks: []string{fmt.Sprintf("t/%d", g.r.IntN(3))}, Slices: g.slices(job)}
		if g.r.IntN(3) == 0 {
			m.Warnings = []string{"w"}
		}
		if c := (PlanStep{Flow: id, Step: step, Attempt: attempt, Made: &m}); g.r.IntN(2) == 0 {
			return c
		} else {
			return PlanStepOnTerms{Plan: c, Terms: JobTerms{DetectedUnixNanos: 1, WithinNanos: 9, AlertPercent: 75, CompletePPM: ppm}}
		}
	case 8:
		return ApproveStep{Flow: id, Step: step, Attempt: attempt, No: g.r.IntN(2) == 0}
	}
	c := SettleStep{Flow: id, Step: step, Attempt: attempt, Status: flow.Succeeded + flow.Status(g.r.IntN(3))}
	if c.Status == flow.Broken {
		c.Class, c.Again = flow.Class(1+g.r.IntN(4)), g.r.IntN(2) == 0
	}
	return c
}

// discard gives a record up, or takes that back.
func (g *generator) discard() Command {
	job, at := g.job(), []Position{{Partition: g.r.Int32N(3), Offset: g.r.Int64N(3)}}
	if g.r.IntN(3) == 0 {
		return RestoreRecords{Job: job, Positions: at}
	}
	return DiscardRecords{Job: job, Positions: at, Planned: []bool{g.r.IntN(2) == 0}}
}

func (g *generator) checkpoints() Command {
	c := SaveCheckpoints{Owner: g.node()}
	for range 1 + g.r.IntN(8) {
		id, owner, epoch := g.held()
		c.Owner = owner
		c.Entries = append(c.Entries, SliceCheckpoint{id, Checkpoint{Epoch: epoch, Cursor: g.r.Int64N(100), Records: 1}})
	}
	return c
}

// alias publishes what a job wrote, which most jobs have not proved, or takes something back.
func (g *generator) alias() Command {
	if len(g.next) == 0 && g.r.IntN(3) == 0 && g.files < 20 {
		g.next = g.provedJob()
	}
	job := fileJob(g.r.IntN(g.files + 1))
	name := "alias-" + g.datasetName()
	if n := g.r.IntN(6); n == 0 {
		return VoidJob{Job: job}
	} else if n == 1 {
		return VoidJob{Job: job, Done: true, Records: 3}
	}
	for _, a := range g.names {
		if a.Name != name {
			continue
		}
		v := a.Versions[g.r.IntN(len(a.Versions))]
		if n := g.r.IntN(4); n < 2 {
			return RevertAlias{Name: name, Job: v.Job, Seen: a.ModifyIndex, Done: n == 1}
		} else if n == 2 && v.Job != "" {
			return PutAlias{Name: name, Place: v.Place, Topic: v.Topic, Job: v.Job, Seen: a.ModifyIndex}
		}
		c := PutAlias{Name: name, Place: "dir:v", Topic: "t", Job: job, Seen: a.ModifyIndex}
		if g.r.IntN(2) == 0 {
			c.Stage, c.Moves = true, []GroupMove{{Group: "g", Plan: []byte("{}")}}
		}
		return c
	}
	return PutAlias{Name: name, Place: "dir:v", Topic: "t", Job: job, From: "dir:u", FromTopic: "u"}
}

func fileJob(n int) partition.JobID { return partition.JobID(fmt.Sprintf("bs-v%c", 'a'+n)) }

// provedJob are the commands that take a job of files from its submission to a passing proof, if nothing comes between.
func (g *generator) provedJob() []Command {
	g.files++
	id := fileJob(g.files)
	s := fillSlice(id, 0, 0, 0, 10)
	s.Kind = partition.SliceVerify
	c := Comparison{Verdict: Pass, Evidence: E3, Expected: Side{Records: 10}, ReadBy: "a"}
	proof := ProofID("r-" + id)
	return []Command{
		PutMember{testMember("a")}, SubmitJob{ID: id, Slices: 1, Locks: []string{fmt.Sprintf("dir:v/%d", g.files%3)}, Recipe: []byte("{}")},
		AddSlices{Job: id, Slices: []partition.Slice{s}}, StartJob{id}, BeginVerify{id}, GrantLeases{[]Grant{{Slice: s.ID, Owner: "a"}}},
		FinishSlice{Slice: s.ID, Owner: "a", Epoch: 1, Checkpoint: Checkpoint{Epoch: 1, Cursor: 10}, Comparison: &c},
		RecordProof{Proof{ID: proof, Job: id, Verdict: Pass, Evidence: E3, Comparisons: []Comparison{c}}},
		FinishJob{ID: id, State: JobSucceeded, Proof: proof},
	}
}

// learn looks at the book now and then, as a leader does.
func (g *generator) learn(t testing.TB, v *View) {
	schedules, err := v.Schedules()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range schedules {
		g.due[s.Name] = s.NextUnixNanos
	}
	runs, err := v.FlowSchedules()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range runs {
		g.due[s.ID()] = s.NextUnixNanos
		id := s.Last // of which the steps go on
		if id != "" && g.r.IntN(4) == 0 {
			g.next = append(g.next, CancelFlow{id})
		}
	}
	sets, err := v.Datasets()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range sets {
		g.seen[d.Name] = d.ModifyIndex
	}
	if g.names, err = v.Aliases(); err != nil {
		t.Fatal(err)
	}
	g.plans = nil
	for _, d := range sets {
		plans, err := v.Plans(d.Name)
		if err != nil {
			t.Fatal(err)
		}
		g.plans = append(g.plans, plans...)
	}
	names := make([]partition.JobID, 0, g.jobs+scanNames)
	for n := range g.jobs {
		names = append(names, jobName(n))
	}
	for n := range scanNames {
		names = append(names, scanName(n))
	}
	for _, p := range g.plans {
		names = append(names, p.ID)
	}
	for _, name := range names {
		for s, err := range v.SliceStates(name) {
			if err != nil {
				t.Fatal(err)
			}
			g.epoch[s.ID], g.owner[s.ID] = s.Epoch, s.Owner
		}
	}
}
