package fsm

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/google/go-cmp/cmp"

	"backstitch/partition"
)

// Scenario files tell stories of commands. Whatever refuses is checked to have changed no fact; and at the end every
// refusal that the headers of the op files promise must have been met.

func TestScenarios(t *testing.T) {
	seen := map[string]bool{}
	datadriven.Walk(t, "testdata/ops", func(t *testing.T, path string) {
		s := &scenario{node: newNode(t), seen: seen, clock: 1_000}
		datadriven.RunTest(t, path, s.run)
		s.view(func(v *View) {
			if err := v.verify(t.Context()); err != nil {
				t.Error(err)
			}
		})
		before := s.dump()
		s.restart()
		if diff := cmp.Diff(s.dump(), before); diff != "" {
			t.Errorf("after a restart (-got +want):\n%s", diff)
		}
	})
	var missing []string
	for _, want := range promised() {
		if !seen[want] {
			missing = append(missing, want)
		}
		delete(seen, want)
	}
	if len(missing) > 0 {
		t.Errorf("no scenario meets %s", strings.Join(missing, ", "))
	}
	if len(seen) > 0 {
		t.Errorf("scenarios meet %s, which no op file promises", strings.Join(slices.Sorted(maps.Keys(seen)), ", "))
	}
}

// promised lists the refusals of each op as its header does.
func promised() []string {
	refusals := map[uint16][]Code{
		10: {Exists, Overlap, Invalid},
		11: {UnknownJob, WrongState, Incomplete},
		12: {UnknownJob, WrongState},
		13: {UnknownJob, WrongState},
		14: {UnknownJob, WrongState},
		15: {UnknownJob, WrongState, Incomplete},
		16: {UnknownJob, WrongState, UnknownProof, Incomplete, Invalid},
		17: {UnknownJob, WrongState, Overlap},
		18: {UnknownJob, WrongState, Invalid},
		19: {Exists, Overlap, Invalid},
		20: {UnknownJob, WrongState, Exists, Invalid},
		21: {UnknownSlice, StaleEpoch, WrongState, Invalid},
		22: {UnknownSlice, StaleEpoch, WrongState, Invalid},
		30: {UnknownSlice, UnknownMember, StaleEpoch, WrongState, LaneBusy},
		31: {UnknownSlice, StaleEpoch, WrongState},
		40: {UnknownSlice, StaleEpoch, WrongState},
		50: {UnknownJob, Exists, Invalid},
		51: {Exists, WrongState, Invalid},
		52: {UnknownSlice, StaleEpoch, WrongState, Invalid},
		53: {Exists, UnknownSchedule, WrongState, Invalid},
		54: {UnknownSlice, StaleEpoch, WrongState, Invalid},
		55: {UnknownJob, WrongState, Incomplete},
		56: {UnknownSchedule, Invalid},
		57: {WrongState, Invalid},
		58: {UnknownDataset, WrongState, Invalid},
		59: {UnknownDataset, WrongState, Invalid},
		60: {WrongState, Invalid},
		61: {UnknownDataset, WrongState},
		62: {UnknownDataset, Invalid},
		63: {WrongState, Invalid},
		64: {UnknownSlice, StaleEpoch, WrongState, Invalid},
		65: {UnknownPlan, WrongState, Exists, Overlap},
		66: {UnknownPlan, WrongState, Exists},
		67: {UnknownJob, WrongState, Invalid},
		68: {UnknownJob, WrongState, Invalid},
		69: {UnknownSlice, StaleEpoch, WrongState},
		70: {UnknownSlice, StaleEpoch, WrongState, Invalid},
		71: {UnknownSlice, StaleEpoch, WrongState, Invalid, TooManyAside},
		72: {UnknownJob, WrongState, Invalid},
		73: {UnknownJob, WrongState, Invalid},
		74: {UnknownJob, WrongState, Incomplete, Exists, Invalid},
		75: {UnknownAlias, WrongState},
		76: {UnknownJob, WrongState, Overlap, Invalid},
		77: {Invalid},
		78: {UnknownFlow, WrongState, Exists, Overlap, Invalid},
		79: {WrongState, Invalid},
		80: {Exists, Invalid},
		81: {UnknownFlow, WrongState, Overlap},
		82: {UnknownFlow, WrongState, Invalid},
		83: {UnknownFlow, WrongState, Exists, Overlap},
		84: {UnknownFlow, WrongState},
		85: {UnknownFlow, WrongState},
		86: {UnknownFlow, WrongState},
		87: {UnknownFlow, WrongState},
		88: {UnknownFlow, WrongState, Exists, Overlap, Invalid},
		89: {UnknownFlow, WrongState, Incomplete},
		90: {NeedsVersion, Invalid, WrongState},
		92: {OtherInstance, Exists, NeedsVersion, Invalid},
		93: {UnknownMember, WrongState, Invalid},
		95: {UnknownFlow, WrongState, Invalid},
		96: {Exists, Invalid},
		97: {Exists, UnknownSchedule, WrongState, Invalid},
		98: {UnknownSchedule, Invalid},

		101: {NeedsVersion, Invalid},
	}
	var out []string
	for _, spec := range opTable {
		for _, c := range refusals[spec.number] {
			out = append(out, spec.name+" "+c.String())
		}
	}
	return out
}

type scenario struct {
	*node
	seen  map[string]bool
	clock int64
	shown uint64 // index up to which showPlans has shown notices
}

func (s *scenario) run(t *testing.T, d *datadriven.TestData) string {
	s.t = t
	var out strings.Builder
	for line := range strings.Lines(d.Input) {
		switch line = strings.TrimSpace(line); {
		case line == "show":
			out.WriteString(s.show())
		case line == "aliases":
			out.WriteString(s.showAliases())
		case line == "flows":
			out.WriteString(s.showFlows())
		case line == "hours":
			out.WriteString(s.showHours())
		case line == "plans":
			out.WriteString(s.showPlans())
		case s.short(t, line, &out):
		case line != "":
			out.WriteString(s.command(t, line))
		}
	}
	return out.String()
}

// command applies one line and says what came of it.
func (s *scenario) command(t *testing.T, line string) string {
	line = s.withSeen(line)
	words := strings.Fields(line)
	a := args{t: t, m: map[string]string{}}
	for _, w := range words[1:] {
		k, v, _ := strings.Cut(w, "=")
		a.m[k] = v
	}
	if now := a.num("now"); now != 0 {
		s.clock = now
	}
	env := Envelope{Actor: "cli:tester", Reason: a.str("why"), UnixNanos: s.clock}
	if id := a.str("request"); id != "" {
		copy(env.RequestID[:], id)
	}
	s.clock++
	cmd := a.command(words[0])
	for k := range a.m {
		t.Fatalf("%q: argument %s is not used", line, k)
	}
	before := s.facts()
	r := s.apply(env, cmd)
	name := OpName(cmd.Op())
	changed := s.facts() != before
	if r.Code != OK {
		since, _ := Since(cmd.Op())
		early := since > FirstVersion && r.Code == NeedsVersion && r.Object == name
		if !early && !strings.HasPrefix(r.Object, "the request id") { // any op may meet these
			s.seen[name+" "+r.Code.String()] = true
		}
		if changed {
			t.Errorf("%q: refused with %s and changed facts", line, r.Code)
		}
	}
	out := fmt.Sprintf("%s %s", name, r.Code)
	if r.Object != "" {
		out += ": " + r.Object
	}
	for _, ref := range r.Refused {
		s.seen[name+" "+ref.Code.String()] = true
		out += fmt.Sprintf(" [%s %s]", ref.Slice, ref.Code)
	}
	if r.Code == OK && !changed {
		out += " (nothing changed)"
	}
	if r.Index != s.m.Applied() {
		out += fmt.Sprintf(" (of index %d)", r.Index)
	}
	return out + "\n"
}

// args reads name=value pairs and forgets each that was read.
type args struct {
	t *testing.T
	m map[string]string
}

func (a args) str(name string) string {
	v := a.m[name]
	delete(a.m, name)
	return v
}

func (a args) num(name string) int64 {
	a.t.Helper()
	var n int64
	if v := a.str(name); v != "" {
		if _, err := fmt.Sscan(v, &n); err != nil {
			a.t.Fatalf("%s=%s: %v", name, v, err)
		}
	}
	return n
}

func (a args) slice() partition.SliceID {
	a.t.Helper()
	id := a.str("slice")
	cut := strings.LastIndex(id, "/") // what a plan is called has others
	if cut < 0 {
		a.t.Fatalf("slice=%s has no number", id)
	}
	job, n := id[:cut], id[cut+1:]
	s := partition.SliceID{Job: dueScan(job)}
	if _, err := fmt.Sscan(n, &s.N); err != nil {
		a.t.Fatalf("slice=%s: %v", id, err)
	}
	return s
}

func (a args) job() partition.JobID { return partition.JobID(a.str("job")) }

// scan is a job by its id, as SCHEDULE@DUE the scan that a schedule ordered, or as plan:DATASET:SCAN what makes a plan.
func (a args) scan() partition.JobID { return dueScan(a.str("job")) }

func dueScan(name string) partition.JobID {
	if about, ok := strings.CutPrefix(name, "plan:"); ok {
		dataset, scan, _ := strings.Cut(about, ":")
		return PlanID(DatasetName(dataset), partition.JobID(scan))
	}
	schedule, due, ok := strings.Cut(name, "@")
	if !ok {
		return partition.JobID(name)
	}
	var n int64
	fmt.Sscan(due, &n)
	return ScanID(schedule, n)
}

// order reads pair=..., and recipe=, keep=, rate= and whole= beside it.
func (a args) order() *ScanOrder {
	a.t.Helper()
	pair, ok := a.m["pair"]
	if !ok {
		return nil
	}
	delete(a.m, "pair")
	o := &ScanOrder{Name: "gap", Dataset: a.str("about"), Pair: pair, Recipe: []byte("{}"), RateBytes: a.num("rate"), Whole: a.str("whole") != "", Keep: uint32(a.num("keep"))}
	if recipe, ok := a.m["recipe"]; ok {
		delete(a.m, "recipe")
		o.Recipe = []byte(recipe)
	}
	return o
}

// finishScanSlice reads parts=0,1 of a survey, or part=0 with compared=, missing=, unknown= and body= (its size).
func (a args) finishScanSlice() FinishScanSlice {
	a.t.Helper()
	c := FinishScanSlice{Slice: a.slice(), Owner: partition.NodeID(a.str("owner")), Checkpoint: a.checkpoint()}
	c.Epoch = c.Checkpoint.Epoch
	if made := a.num("made"); made != 0 {
		c.Checkpoint.Epoch = partition.Epoch(made)
	}
	if parts, ok := a.m["parts"]; ok {
		c.Survey = &Survey{Header: make([]byte, 1+a.num("header"))}
		for _, p := range strings.FieldsFunc(parts, func(r rune) bool { return r == ',' }) {
			var n int32
			fmt.Sscan(p, &n)
			c.Survey.Partitions = append(c.Survey.Partitions, SurveyPart{Partition: n, Bytes: 100})
		}
		delete(a.m, "parts")
	}
	if part, ok := a.m["part"]; ok {
		c.Part = &ScanPart{Truncated: a.str("cut") != "", Body: make([]byte, a.num("body"))}
		fmt.Sscan(part, &c.Part.Partition)
		n, missing, unknown := a.num("compared"), a.num("missing"), a.num("unknown")
		c.Part.Counts = ScanCounts{Comparable: 1, Compared: n, Matched: n - missing, Target: n, Missing: missing, Findings: missing + unknown, Unknown: unknown}
		if unknown > 0 && n == 0 {
			c.Part.Counts.Comparable = 0
		}
		delete(a.m, "part")
	}
	return c
}

func (a args) checkpoint() Checkpoint {
	return Checkpoint{Epoch: partition.Epoch(a.num("epoch")), Cursor: a.num("cursor"), Records: a.num("records")}
}

func (a args) comparison(name string) *Comparison {
	part, verdict, ok := strings.Cut(a.str(name), ":")
	if !ok {
		return nil
	}
	c := &Comparison{Evidence: E3, Expected: Side{Records: 10}, Actual: Side{Records: 10}}
	if _, err := fmt.Sscan(part, &c.Partition); err != nil {
		a.t.Fatal(err)
	}
	c.Verdict = map[string]Verdict{"pass": Pass, "fail": Fail}[verdict]
	c.ReadBy = partition.NodeID(a.str("by"))
	if level := a.str("at"); level != "" {
		c.Evidence = Evidence(level[1] - '0')
	}
	return c
}

func (a args) command(name string) Command {
	a.t.Helper()
	switch name {
	case "submit-job":
		c := SubmitJob{ID: a.job(), Name: a.str("name"), Namespace: a.str("namespace"), Recipe: []byte("{}"), Slices: uint32(a.num("slices")),
			Priority: uint8(a.num("priority")), Records: a.num("records")}
		c.PlanHash[0] = byte(a.num("plan"))
		if locks := a.str("locks"); locks != "" {
			c.Locks = strings.Split(locks, ",")
		}
		return c
	case "submit-job-on-terms":
		submit, _ := a.command("submit-job").(SubmitJob)
		x := Terms{Job: submit.ID, DetectedUnixNanos: a.num("detected"), DeadlineUnixNanos: a.num("deadline"),
			AlertPercent: uint8(a.num("alert")), CompletePPM: uint32(a.num("complete"))}
		if of := a.str("of"); of != "" {
			x.Job = partition.JobID(of)
		}
		if cron := a.str("blackout"); cron != "" {
			x.Calendar.Blackouts = []partition.Window{{Cron: strings.ReplaceAll(cron, "_", " "), Duration: time.Duration(a.num("span")) * time.Minute}}
		}
		if cron := a.str("peak"); cron != "" {
			x.Calendar.Peaks = []partition.Window{{Cron: strings.ReplaceAll(cron, "_", " "), Duration: time.Duration(a.num("span")) * time.Minute, Rate: partition.Rate{Bytes: a.num("bytes")}}}
		}
		return SubmitJobOnTerms{Submit: submit, Terms: x}
	case "put-maintenance":
		return PutMaintenance{Name: a.str("name"), Scope: Scope(a.str("scope")), Zone: a.str("zone"), Cron: strings.ReplaceAll(a.str("cron"), "_", " "),
			FromUnixNanos: a.num("from"), SpanNanos: a.num("span") * int64(time.Minute), Off: a.str("off") != ""}
	case "tell-sla":
		k, _ := ParseNoticeKind(a.str("kind"))
		return TellSLA{Job: a.job(), Kind: k, DeadlineUnixNanos: a.num("deadline"), Why: a.str("because")}
	case "yield-leases":
		return YieldLeases{[]Lease{{Slice: a.slice(), Owner: partition.NodeID(a.str("owner")), Epoch: partition.Epoch(a.num("epoch"))}}}
	case "start-job":
		return StartJob{a.job()}
	case "pause-job":
		return PauseJob{a.scan()}
	case "resume-job":
		return ResumeJob{a.scan()}
	case "cancel-job":
		return CancelJob{a.scan()}
	case "begin-verify":
		return BeginVerify{a.scan()}
	case "finish-job":
		return FinishJob{ID: a.scan(), Proof: ProofID(a.str("proof")),
			State: map[string]JobState{"succeeded": JobSucceeded, "failed": JobFailed, "paused": JobPaused}[a.str("state")]}
	case "retry-job":
		return RetryJob{a.scan()}
	case "set-priority":
		return SetPriority{ID: a.scan(), Priority: uint8(a.num("priority"))}
	case "put-budget":
		return PutBudget{Scope: Scope(a.str("scope")), Rate: partition.Rate{Bytes: a.num("bytes"), Records: a.num("records"), Requests: a.num("requests")}}
	case "add-slices":
		return a.addSlices()
	case "finish-slice":
		return a.finishSlice()
	case "save-schemas":
		c := SaveSchemas{Slice: a.slice(), Owner: partition.NodeID(a.str("owner")), Epoch: partition.Epoch(a.num("epoch"))}
		for _, text := range strings.FieldsFunc(a.str("seen"), func(r rune) bool { return r == ',' }) {
			s := SeenSchema{Place: ReferenceValue}
			if _, err := fmt.Sscanf(text, "%1s:%d@%d:%d", &s.Name, &s.First.Partition, &s.First.Offset, &s.TimestampMs); err != nil {
				a.t.Fatalf("seen=%s: %v", text, err)
			}
			c.Schemas = append(c.Schemas, s)
		}
		return c
	case "finish-slice-within":
		most := a.num("most")
		return FinishSliceWithin{Finish: a.finishSlice(), MaxQuarantine: most}
	case "discard-records":
		c := DiscardRecords{Job: a.job(), Positions: a.positions()}
		c.Planned = make([]bool, len(c.Positions))
		for i, planned := 0, a.str("planned") != ""; i < len(c.Planned); i++ {
			c.Planned[i] = planned
		}
		return c
	case "restore-records":
		return RestoreRecords{Job: a.job(), Positions: a.positions()}
	case "fail-slice":
		return FailSlice{Slice: a.slice(), Owner: partition.NodeID(a.str("owner")), Epoch: partition.Epoch(a.num("epoch")),
			Err: a.str("err"), Retry: a.str("retry") != "", NotBeforeUnixNanos: a.num("after")}
	case "grant-leases":
		return GrantLeases{[]Grant{{Slice: a.slice(), Owner: partition.NodeID(a.str("owner")), Seen: partition.Epoch(a.num("seen"))}}}
	case "revoke-leases":
		return RevokeLeases{[]Lease{{Slice: a.slice(), Owner: partition.NodeID(a.str("owner")), Epoch: partition.Epoch(a.num("epoch"))}}}
	case "save-checkpoints":
		return SaveCheckpoints{Owner: partition.NodeID(a.str("owner")), Entries: []SliceCheckpoint{{a.slice(), a.checkpoint()}}}
	case "record-proof":
		p := Proof{ID: ProofID(a.str("proof")), Job: a.job(), Evidence: E3}
		if c := a.comparison("compared"); c != nil {
			p.Comparisons, p.Verdict, p.Evidence = []Comparison{*c}, c.Verdict, c.Evidence
		}
		if a.str("claims") == "pass" {
			p.Verdict = Pass
		}
		return RecordProof{p}
	case "put-proof-key":
		var c PutProofKey
		copy(c.Key[:], a.str("key"))
		copy(c.Replaces[:], a.str("replaces"))
		return c
	case "save-ledger":
		c := SaveLedger{Slice: a.slice(), Owner: partition.NodeID(a.str("owner")), Epoch: partition.Epoch(a.num("epoch"))}
		for range a.num("windows") {
			n := int64(len(c.Windows)) * 10
			c.Windows = append(c.Windows, Window{Range: partition.Range{From: n, To: n + 10}, Expected: WindowSide{Records: a.num("records")}})
		}
		return c
	case "submit-scan":
		c := SubmitScan{ID: a.job(), Order: a.order(), Schedule: a.str("schedule"), DueUnixNanos: a.num("due"), NextUnixNanos: a.num("next")}
		if c.ID == "" {
			c.ID = ScanID(c.Schedule, c.DueUnixNanos)
		}
		return c
	case "finish-scan-slice":
		return a.finishScanSlice()
	case "finish-scan":
		return FinishScan{a.scan()}
	case "put-schedule":
		return PutSchedule{Name: a.str("name"), Order: a.order(), EveryNanos: a.num("every"), Cron: a.str("cron"), NextUnixNanos: a.num("next")}
	case "put-dataset":
		return a.putDataset()
	case "put-dataset-with-policy":
		act, known := ParsePolicyAct(a.str("policy"))
		if !known {
			act = 9
		}
		c := PutDatasetWithPolicy{Act: act, MaxRecords: a.num("max-records"), MaxBytes: a.num("max-bytes")}
		c.Dataset = a.putDataset()
		return c
	case "put-dataset-on-terms":
		terms := a.jobTerms()
		c, _ := a.command("put-dataset-with-policy").(PutDatasetWithPolicy)
		return PutDatasetOnTerms{Put: c, Terms: terms}
	case "put-dataset-with-watch":
		return a.watched()
	case "save-baseline":
		return a.saveBaseline()
	case "claim-baseline":
		return a.claim()
	case "keep-plan":
		return a.keepPlan()
	case "approve-plan":
		return ApprovePlan{ID: a.scan(), Hash: [32]byte{byte(a.num("hash"))}}
	case "reject-plan":
		return RejectPlan{ID: a.scan(), Hash: [32]byte{byte(a.num("hash"))}}
	case "delete-dataset":
		return DeleteDataset{Name: DatasetName(a.str("dataset")), Seen: uint64(a.num("seen"))}
	case "settle-notices":
		return SettleNotices{Dataset: DatasetName(a.str("dataset")), Endpoint: a.str("endpoint"), UpTo: uint64(a.num("upto")),
			Sent: uint32(a.num("sent")), Dropped: uint32(a.num("dropped")), Why: a.str("because")}
	case "put-alias":
		return a.putAlias()
	case "revert-alias":
		return RevertAlias{Name: a.str("alias"), Job: a.scan(), Seen: uint64(a.num("seen")), Done: a.str("done") != ""}
	case "void-job":
		return VoidJob{Job: a.scan(), Done: a.str("done") != "", Records: a.num("records")}
	case "set-upgrade":
		return SetUpgrade{ByHand: a.str("by-hand") != ""}
	case "finish-upgrade":
		return FinishUpgrade{uint32(a.num("version"))}
	case "raise-version":
		return RaiseVersion{uint32(a.num("version"))}
	case "put-member":
		m := Member{ID: partition.NodeID(a.str("node")), Name: a.str("name"), Role: RoleVoter, Zone: a.str("zone"),
			MaxOp: MaxOp - uint16(a.num("behind"))}
		m.Instance[0] = byte(a.num("instance"))
		return PutMember{m}
	case "set-member-state":
		return SetMemberState{ID: partition.NodeID(a.str("node")),
			State: map[string]MemberState{"active": MemberActive, "draining": MemberDraining, "left": MemberLeft}[a.str("state")]}
	case "remove-member":
		return RemoveMember{partition.NodeID(a.str("node"))}
	}
	if c, ok := a.flowCommand(name); ok {
		return c
	}
	a.t.Fatalf("no command %q", name)
	return nil
}

// finishSlice reads quarantined=, which is how many records of those from offset 0 on it lists and counts.
func (a args) finishSlice() FinishSlice {
	a.t.Helper()
	c := FinishSlice{Slice: a.slice(), Owner: partition.NodeID(a.str("owner")), Comparison: a.comparison("compared"),
		Checkpoint: a.checkpoint(), Quarantine: make([]Quarantined, a.num("quarantined"))}
	for i := range c.Quarantine {
		c.Quarantine[i].Offset = partition.Offset(i)
	}
	c.Checkpoint.Quarantined = int64(len(c.Quarantine))
	c.Epoch = c.Checkpoint.Epoch
	if made := a.num("made"); made != 0 {
		c.Checkpoint.Epoch = partition.Epoch(made)
	}
	return c
}

// positions reads at=0@4,1@2.
func (a args) positions() (out []Position) {
	a.t.Helper()
	for _, text := range strings.FieldsFunc(a.str("at"), func(r rune) bool { return r == ',' }) {
		var p Position
		if _, err := fmt.Sscanf(text, "%d@%d", &p.Partition, &p.Offset); err != nil {
			a.t.Fatalf("at=%s: %v", text, err)
		}
		out = append(out, p)
	}
	return out
}

// putDataset reads endpoints=pager:started+failed,bus:all.
func (a args) putDataset() PutDataset {
	a.t.Helper()
	c := PutDataset{Name: DatasetName(a.str("dataset")), Document: []byte(a.str("document")), Seen: uint64(a.num("seen")),
		Reference: Place{"s3://b", "orders"}, Targets: make([]Place, a.num("targets"))}
	for i := range c.Targets {
		c.Targets[i] = Place{"kafka://h:1", fmt.Sprint("t", i)}
	}
	c.EveryNanos, c.NextUnixNanos = a.num("every"), a.num("next")
	namespace, name := c.Name.Split()
	if other := a.str("about"); other != "" {
		name = other
	}
	for range a.num("scans") {
		c.Orders = append(c.Orders, ScanOrder{Name: name + ".scan", Namespace: namespace, Dataset: name, Pair: "p", Recipe: []byte("{}")})
	}
	for pair := range strings.SplitSeq(a.str("annotations"), ",") {
		if k, v, ok := strings.Cut(pair, ":"); ok {
			c.Annotations = append(c.Annotations, Annotation{k, v})
		}
	}
	c.Endpoints = a.endpoints(firstKinds)
	return c
}

// endpoints reads endpoints=NAME:KIND+KIND,NAME:all, with token= and url= of all of them.
func (a args) endpoints(all uint32) (out []Endpoint) {
	token, url := a.str("token"), a.str("url")
	for text := range strings.SplitSeq(a.str("endpoints"), ",") {
		name, on, ok := strings.Cut(text, ":")
		if !ok {
			continue
		}
		e := Endpoint{Name: name, Format: FormatCloudEvents, URL: "https://bus/" + name, Token: token}
		if url != "" {
			e.URL = url
		}
		for word := range strings.SplitSeq(on, "+") {
			k, known := ParseNoticeKind(word)
			switch {
			case word == "all":
				e.On = all
			case known:
				e.On |= 1 << k
			}
		}
		out = append(out, e)
	}
	return out
}

// jobTerms reads blackout= and span=, detected=, within=, alert= and complete=.
func (a args) jobTerms() JobTerms {
	a.t.Helper()
	x := JobTerms{DetectedUnixNanos: a.num("detected"), WithinNanos: a.num("within"), AlertPercent: uint8(a.num("alert")), CompletePPM: uint32(a.num("complete"))}
	if cron := a.str("blackout"); cron != "" {
		x.Calendar = partition.Calendar{Zone: "UTC", Blackouts: []partition.Window{{Cron: strings.ReplaceAll(cron, "_", " "), Duration: time.Duration(a.num("span")) * time.Minute}}}
	}
	return x
}

// keepPlan reads slices= as addSlices does, of the job that would run the plan, and hash=, records=, locks=, warn= and document= (its size)
// beside them; without slices nothing is left to write.
func (a args) keepPlan() KeepPlan {
	a.t.Helper()
	c := KeepPlan{Slice: a.slice(), Owner: partition.NodeID(a.str("owner")), Checkpoint: a.checkpoint()}
	c.Epoch = c.Checkpoint.Epoch
	if made := a.num("made"); made != 0 {
		c.Checkpoint.Epoch = partition.Epoch(made)
	}
	if _, ok := a.m["slices"]; !ok {
		return c
	}
	m := &MadePlan{Name: a.str("name"), Hash: [32]byte{byte(a.num("hash"))}, Recipe: []byte("{}"), Locks: []string{"t/0"},
		Records: a.num("writes"), Document: make([]byte, 1+a.num("document"))}
	m.Bytes = 100 * m.Records
	if m.Name == "" {
		m.Name = "orders.refill"
	}
	if locks := a.str("locks"); locks != "" {
		m.Locks = strings.Split(locks, ",")
	}
	if warn := a.str("warn"); warn != "" {
		m.Warnings = strings.Split(warn, ",")
	}
	if n := a.num("warnings"); n > 0 {
		m.Warnings = make([]string, n)
	}
	add := a.addSlices()
	m.Job, m.Slices = add.Job, add.Slices
	c.Made = m
	return c
}

// addSlices reads slices=0:fill:p0:0-10,1:verify:p0:0-10.
func (a args) addSlices() AddSlices {
	a.t.Helper()
	c := AddSlices{Job: a.job()}
	owner := c.Job
	if other := a.str("of"); other != "" {
		owner = partition.JobID(other)
	}
	for _, text := range strings.Split(a.str("slices"), ",") {
		var from, to int64
		s := partition.Slice{ID: partition.SliceID{Job: owner}}
		f := strings.Split(text, ":")
		if len(f) != 4 {
			a.t.Fatalf("slice %q: want number:kind:partition:from-to", text)
		}
		fmt.Sscan(f[0], &s.ID.N)
		s.Kind = map[string]partition.SliceKind{"fill": partition.SliceFill, "verify": partition.SliceVerify}[f[1]]
		fmt.Sscanf(f[2], "p%d", &s.Partition)
		fmt.Sscanf(f[3], "%d-%d", &from, &to)
		if f[3] != "" {
			s.Ranges = partition.Ranges{{From: from, To: to}}
		}
		c.Slices = append(c.Slices, s)
	}
	return c
}

// show prints what people would look at.
func (s *scenario) show() string {
	var b strings.Builder
	s.view(func(v *View) {
		for j, err := range v.Jobs() {
			if err != nil {
				s.t.Fatal(err)
			}
			fmt.Fprintf(&b, "job %s %s added %d/%d filled %d/%d compared %d/%d failed %d", j.ID, j.State,
				j.Added, j.Slices, j.FillDone, j.FillSlices, j.VerifyDone, j.VerifySlices, j.FailedSlices)
			if j.Proof != "" {
				fmt.Fprintf(&b, " proof %s", j.Proof)
			}
			if j.Why != "" {
				fmt.Fprintf(&b, " why %q", j.Why)
			}
			b.WriteByte('\n')
			parts := s.showScan(v, &b, j.ID)
			for st, err := range v.SliceStates(j.ID) {
				if err != nil {
					s.t.Fatal(err)
				}
				fmt.Fprintf(&b, "  %s %s p%d %s owner %q epoch %d cursor %d attempts %d", st.ID, st.Kind, st.Partition, st.Status,
					st.Owner, st.Epoch, st.Checkpoint.Cursor, st.Attempts)
				if st.NotBeforeUnixNanos != 0 {
					fmt.Fprintf(&b, " after %d", st.NotBeforeUnixNanos)
				}
				if st.Err != "" {
					fmt.Fprintf(&b, " err %s", st.Err)
				}
				ledgers, err := v.Ledgers(st.ID)
				if err != nil {
					s.t.Fatal(err)
				}
				if p, ok := parts[st.ID]; ok {
					fmt.Fprintf(&b, " found by %s: compared %d missing %d unknown %d body %d", p.By, p.Counts.Compared, p.Counts.Missing, p.Counts.Unknown, len(p.Body))
				}
				for _, l := range ledgers {
					fmt.Fprintf(&b, " ledger of epoch %d: %d windows", l.Epoch, len(l.Windows))
				}
				b.WriteByte('\n')
			}
			w, err := v.Writers(j.ID)
			if err != nil {
				s.t.Fatal(err)
			}
			for _, l := range w.Lanes {
				fmt.Fprintf(&b, "  p%d written by %v\n", l.Partition, l.Nodes)
			}
			for d, err := range v.Discarded(j.ID) {
				if err != nil {
					s.t.Fatal(err)
				}
				fmt.Fprintf(&b, "  %s discarded by %s at %d: %s planned %t\n", d.Position, d.By, d.UnixNanos, d.Why, d.Planned)
			}
		}
		s.showRest(v, &b)
	})
	return b.String()
}

// showScan prints what a scan has besides its job, and returns its partitions.
func (s *scenario) showScan(v *View, b *strings.Builder, job partition.JobID) map[partition.SliceID]ScanPart {
	parts := map[partition.SliceID]ScanPart{}
	scan, ok, err := v.Scan(job)
	if err != nil {
		s.t.Fatal(err)
	}
	if !ok {
		return parts
	}
	fmt.Fprintf(b, "  scan of %s: compared %d missing %d unknown %d truncated %d", scan.Pair, scan.Counts.Compared, scan.Counts.Missing, scan.Counts.Unknown, scan.Truncated)
	if scan.Schedule != "" {
		fmt.Fprintf(b, " by %s due %d", scan.Schedule, scan.DueUnixNanos)
	}
	b.WriteByte('\n')
	for p, err := range v.ScanParts(job) {
		if err != nil {
			s.t.Fatal(err)
		}
		parts[p.Slice] = p
	}
	return parts
}

func (s *scenario) showRest(v *View, b *strings.Builder) {
	locks, err := v.Locks()
	if err != nil {
		s.t.Fatal(err)
	}
	for _, l := range locks {
		fmt.Fprintf(b, "lock %s of %s\n", l.Name, l.Job)
	}
	members, err := v.Members()
	if err != nil {
		s.t.Fatal(err)
	}
	for _, m := range members {
		a, err := v.Assignment(m.ID)
		if err != nil {
			s.t.Fatal(err)
		}
		fmt.Fprintf(b, "member %s %s %s", m.ID, m.Name, m.State)
		for _, w := range a.Work {
			fmt.Fprintf(b, " holds %s@%d", w.Slice.ID, w.Epoch)
			if w.Yield {
				b.WriteString(" to give back")
			}
		}
		b.WriteByte('\n')
	}
	schedules, err := v.Schedules()
	if err != nil {
		s.t.Fatal(err)
	}
	for _, c := range schedules {
		fmt.Fprintf(b, "schedule %s every %d cron %q next %d last %q of %d\n", c.Name, c.EveryNanos, c.Cron, c.NextUnixNanos, c.Last, c.LastUnixNanos)
	}
	s.showBudgets(v, b)
	s.showDatasets(v, b)
	keys, err := v.ProofKeys()
	if err != nil {
		s.t.Fatal(err)
	}
	for _, k := range keys {
		fmt.Fprintf(b, "proof key %q since %d until %d\n", strings.TrimRight(string(k.Key[:]), "\x00"), k.SinceIndex, k.UntilIndex)
	}
}

func (s *scenario) showBudgets(v *View, b *strings.Builder) {
	for x, err := range v.activeTerms() {
		if err != nil {
			s.t.Fatal(err)
		}
		fmt.Fprintf(b, "terms of %s peaks %v blackouts %v detected %d deadline %d alert %d complete %d\n", x.Job, x.Calendar.Peaks, x.Calendar.Blackouts,
			x.DetectedUnixNanos, x.DeadlineUnixNanos, x.AlertPercent, x.CompletePPM)
	}
	windows, err := v.Maintenance()
	if err != nil {
		s.t.Fatal(err)
	}
	for _, m := range windows {
		fmt.Fprintf(b, "maintenance %s of %s: %q in %s from %d for %s by %s\n", m.Name, m.Scope, m.Cron, m.Zone, m.FromUnixNanos, time.Duration(m.SpanNanos), m.PutBy)
	}
	for x, err := range v.AllTerms() {
		if err != nil {
			s.t.Fatal(err)
		}
		told, ok, err := v.Told(x.Job)
		if err != nil {
			s.t.Fatal(err)
		}
		if ok {
			fmt.Fprintf(b, "told of %s, due %d: at risk %d %s, missed %d %s\n", told.Job, told.DeadlineUnixNanos, told.AtRiskUnixNanos, told.AtRiskWhy,
				told.MissedUnixNanos, told.MissedWhy)
		}
	}
	bounds, err := v.Bounds()
	if err != nil {
		s.t.Fatal(err)
	}
	budgets, err := v.Budgets()
	if err != nil {
		s.t.Fatal(err)
	}
	if len(bounds) > len(budgets) {
		fmt.Fprintf(b, "bound by shares: %d scopes\n", len(bounds))
	}
	for _, c := range budgets {
		fmt.Fprintf(b, "budget of %s %v by %s at %d\n", c.Scope, c.Rate.Of(), c.PutBy, c.PutUnixNanos)
	}
}

func (s *scenario) showSchemas(v *View, b *strings.Builder, name DatasetName) {
	for d, err := range v.DatasetSchemas(name) {
		if err != nil {
			s.t.Fatal(err)
		}
		fmt.Fprintf(b, "  %s of %s name schema %s from %s on, written %d; met by %s at %d, last by %s at %d\n", d.Seen.Place, d.Pair, d.Seen.Name, d.Seen.First,
			d.Seen.TimestampMs, d.Scan, d.UnixNanos, d.Last, d.LastUnixNanos)
	}
	a, err := v.Assignment("a")
	if err != nil {
		s.t.Fatal(err)
	}
	for _, w := range a.Work {
		for _, d := range w.Schemas {
			fmt.Fprintf(b, "  slice %s knows schema %s\n", w.Slice.ID, d.Seen.Name)
		}
	}
}

func (s *scenario) showDatasets(v *View, b *strings.Builder) {
	sets, err := v.Datasets()
	if err != nil {
		s.t.Fatal(err)
	}
	for _, d := range sets {
		fmt.Fprintf(b, "dataset %s %q since %d changed %d\n", d.Name, d.Document, d.CreateIndex, d.ModifyIndex)
		s.showSchemas(v, b, d.Name)
		s.showOutbox(v, b, d.Name)
	}
}

// showOutbox prints what the endpoints of a dataset, or of a flow, were told and will be.
func (s *scenario) showOutbox(v *View, b *strings.Builder, of DatasetName) {
	told, err := v.Deliveries(of)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, e := range told {
		fmt.Fprintf(b, "  %s is told up to %d, sent %d dropped %d %s\n", e.Endpoint, e.Settled, e.Sent, e.Dropped, e.Why)
	}
	waiting, err := v.Notices(of)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, n := range waiting {
		fmt.Fprintf(b, "  %d %s %s %s %s %s", n.Index, n.Kind, n.Job, n.JobName, n.Proof, n.Why)
		if n.Scan != nil {
			fmt.Fprintf(b, " missing %d", n.Scan.Missing)
		}
		b.WriteByte('\n')
	}
}
