package fsm

import (
	"fmt"
	"strings"

	"backstitch/fsm/wire"
	"backstitch/partition"
)

// A plan that the cluster makes by itself. The command that ends a scan begins it, as a job of one slice that reads and writes nothing; whoever
// owns the slice hands in the plan, and the command that keeps it decides whether it runs at once or waits. Starting the job of a plan
// is one command, too. So between the end of a scan and the job that repairs there is no step that a leader could die in front of.

// PlanState is where a plan is in its life. The numbers are stored; never reuse one.
type PlanState uint8

const (
	PlanMaking    PlanState = 1 // its own job is under way, failed or was cancelled
	PlanWaiting   PlanState = 2 // for a person
	PlanStarted   PlanState = 3 // Job runs it, or has
	PlanRejected  PlanState = 4 // by a person
	PlanEmpty     PlanState = 5 // nothing was left to write
	PlanWithdrawn PlanState = 6 // the dataset changed below it
)

// String returns the word that the API uses.
func (s PlanState) String() string {
	switch s {
	case PlanMaking:
		return "making"
	case PlanWaiting:
		return "waiting"
	case PlanStarted:
		return "started"
	case PlanRejected:
		return "rejected"
	case PlanEmpty:
		return "empty"
	case PlanWithdrawn:
		return "withdrawn"
	}
	return "unknown"
}

// Plan is one plan of a dataset, from the scan whose findings it is about to the job that runs it.
type Plan struct {
	ID        partition.JobID // of the job that makes it: PlanID of dataset and scan
	Dataset   DatasetName
	Scan      partition.JobID
	Pair      string // that the scan compared
	RateBytes int64  // read per second while it is made, 0 for no limit
	State     PlanState
	// Why says what it waits for, or why it ended.
	Why string
	// By decided about it: a person, or the policy. "" before.
	By string

	// Of a plan that was made.
	Job     partition.JobID // that runs it, or would
	Hash    [32]byte
	Records int64
	Bytes   int64

	CreatedUnixNanos int64
	ChangedUnixNanos int64
	CreateIndex      uint64
	ModifyIndex      uint64
}

// MadePlan is what the owner of a plan's slice hands in. The book reads all but Recipe and Document.
type MadePlan struct {
	Job      partition.JobID // that runs it
	Name     string          // of that job, which is about the dataset
	Hash     [32]byte        // Job.PlanHash
	Recipe   []byte          // Job.Recipe
	Locks    []string
	Priority uint8
	Records  int64
	Bytes    int64
	Slices   []partition.Slice // all of the job, by number
	// Warnings are what only a person can decide, each with its stable code.
	Warnings []string
	// Document is the plan as people read it: a plan's file in one zstd frame. The book does not read it.
	Document []byte
}

// planText is MadePlan.Document, kept apart and for longer.
type planText struct{ Document []byte }

const (
	// PlansKept is how many plans of a dataset are kept that are over.
	PlansKept = 10
	// MaxPlanDocument bounds MadePlan.Document, in bytes.
	MaxPlanDocument = 1 << 20
	// MaxPlanWork bounds the rest of a MadePlan as it is encoded, in bytes. Starting its job writes all of that in one command.
	MaxPlanWork     = 1 << 20
	maxWarnings     = 16
	maxWarningBytes = 1024
	maxPlanWhy      = 2048
)

// PlanID is the id of the plan that is made of what a scan of a dataset has found. It depends on nothing else.
func PlanID(n DatasetName, scan partition.JobID) partition.JobID {
	return jobIDOf(fmt.Sprintf("plan %d:%s %s", len(n), n, scan))
}

// TooLarge says which bound of the book a plan does not fit, "" when it fits.
func (m *MadePlan) TooLarge() string {
	if n := len(m.Document); n > MaxPlanDocument {
		return fmt.Sprintf("a document of %d bytes, at most %d are kept", n, MaxPlanDocument)
	}
	work := *m
	work.Document = nil
	if b, err := wire.Marshal(&work); err != nil || len(b) > MaxPlanWork {
		return fmt.Sprintf("slices and locks of %d bytes, at most %d are kept", len(b), MaxPlanWork)
	}
	return ""
}

// invalid says why m can not be a plan of the dataset. What is valid can be started, unless a lock is held then.
func (m *MadePlan) invalid(n DatasetName) string {
	namespace, _ := n.Split()
	submit := m.submit(namespace)
	if why := submit.invalid(); why != "" {
		return why
	}
	switch {
	case DatasetOf(namespace, m.Name) != n:
		return fmt.Sprintf("job %q is not about dataset %s", m.Name, n)
	case len(m.Document) == 0:
		return "a plan without its document"
	case len(m.Warnings) > maxWarnings:
		return fmt.Sprintf("%d warnings, at most %d are allowed", len(m.Warnings), maxWarnings)
	}
	for _, w := range m.Warnings {
		if w == "" || len(w) > maxWarningBytes {
			return fmt.Sprintf("a warning of %d bytes, want 1 to %d", len(w), maxWarningBytes)
		}
	}
	if why := m.TooLarge(); why != "" {
		return why
	}
	fills, why := m.checkSlices()
	if why == "" && !fills {
		why = "a plan that writes nothing"
	}
	return why
}

// checkSlices says why no job takes the slices, "" when one does, and whether one of them writes.
func (m *MadePlan) checkSlices() (fills bool, invalid string) {
	add := AddSlices{Job: m.Job}
	lanes := map[int32]lane{}
	for i, s := range m.Slices {
		why := add.invalid(Job{ID: m.Job, Slices: uint32(len(m.Slices))}, s)
		if why == "" && s.ID.N != uint32(i) {
			why = fmt.Sprintf("it is the one at place %d", i)
		}
		if why == "" {
			l, known := lanes[s.Partition]
			lanes[s.Partition], why = l.add(s, known)
		}
		if why != "" {
			return fills, fmt.Sprintf("slice %s: %s", s.ID, why)
		}
		fills = fills || s.Kind == partition.SliceFill
	}
	return fills, ""
}

func (m *MadePlan) submit(namespace string) SubmitJob {
	return SubmitJob{
		ID: m.Job, Name: m.Name, Namespace: namespace, Recipe: m.Recipe, PlanHash: m.Hash, Locks: m.Locks, Priority: m.Priority,
		Records: m.Records, Bytes: m.Bytes, Slices: uint32(len(m.Slices)),
	}
}

func planOfKey(n DatasetName, index uint64) []byte { return key(kindPlanOf, ended(n), u64(index)) }

func (t *tx) planOf(id partition.JobID) (p Plan, ok bool) {
	ok = t.read(jobKey(kindPlan, id), &p)
	return p, ok
}

func (t *tx) putPlan(p Plan) {
	p.ChangedUnixNanos, p.ModifyIndex = t.env.UnixNanos, t.index
	t.write(jobKey(kindPlan, p.ID), &p)
}

// plans are those of a dataset, oldest first.
func (t *tx) plans(n DatasetName) []Plan {
	var out []Plan
	for _, k := range t.keys(key(kindPlanOf, ended(n))) {
		var ref planRef
		t.read(k, &ref)
		p, _ := t.planOf(ref.ID)
		out = append(out, p)
	}
	return out
}

// open says what a plan is waiting for, "" when it is over.
func (t *tx) open(p Plan) string {
	id := p.ID
	switch p.State {
	case PlanWaiting:
		return fmt.Sprintf("plan %s waits for a person", p.ID)
	case PlanMaking:
	case PlanStarted:
		id = p.Job
	default:
		return ""
	}
	if j, ok := t.job(id); ok && !j.State.Terminal() {
		if p.State == PlanMaking {
			return fmt.Sprintf("plan %s is being made", p.ID)
		}
		return fmt.Sprintf("job %s is %s", j.ID, j.State)
	}
	return ""
}

// openOf says what the open plan of a pair is waiting for, but that of except; "" when there is none.
func (t *tx) openOf(n DatasetName, pair string, except partition.JobID) string {
	for _, p := range t.plans(n) {
		if p.Pair == pair && p.ID != except {
			if why := t.open(p); why != "" {
				return why
			}
		}
	}
	return ""
}

// followUp begins a plan of what a scan has found that has just ended, if the policy of its dataset wants one. note is for those who hear of
// what was found: what becomes of it.
func (t *tx) followUp(s Scan, j Job) (note string) {
	if t.version() < policiesSince || j.State != JobSucceeded || s.Dataset == "" {
		return ""
	}
	name := DatasetOf(j.Namespace, s.Dataset)
	if s.Counts.Missing == 0 {
		t.forgetFollow(name, s.Pair)
		return ""
	}
	d, ok := t.dataset(name)
	policy := t.policy(name)
	switch {
	case !ok || policy.Act == PolicyNotify:
		return ""
	case !d.orders(s.Pair):
		return fmt.Sprintf("policy %s does nothing: the scan compared what is no pair of the dataset", policy.Act)
	}
	if why := t.openOf(name, s.Pair, ""); why != "" {
		return t.followLater(name, s, policy, why)
	}
	id := t.beginPlan(d, s)
	if id == "" {
		return ""
	}
	t.forgetFollow(name, s.Pair)
	return fmt.Sprintf("policy %s: plan %s is being made", policy.Act, id)
}

// beginPlan begins the plan of what a scan has found, and returns its id; "" when there was one of that scan.
func (t *tx) beginPlan(d Dataset, s Scan) partition.JobID {
	name := d.Name
	id := PlanID(name, s.Job)
	if _, known := t.job(id); known {
		return ""
	}
	j, _ := t.job(s.Job)
	var f jobFrozen
	t.read(jobKey(kindJobFrozen, s.Job), &f)
	t.write(jobKey(kindJobFrozen, id), &jobFrozen{Recipe: f.Recipe})
	t.activate(id, nil)
	namespace, short := name.Split()
	t.putJob(Job{
		ID: id, Name: short + ".plan", Namespace: namespace, State: JobRunning, PlanHash: t.hash(&planRef{ID: id}), Priority: j.Priority,
		Slices: 1, Added: 1, FillSlices: 1, Why: fmt.Sprintf("scan %s found %d records missing", s.Job, s.Counts.Missing),
		CreatedBy: policyActor(name), CreatedUnixNanos: t.env.UnixNanos, StartedUnixNanos: t.env.UnixNanos, CreateIndex: t.index,
	})
	t.addReading(partition.Slice{ID: partition.SliceID{Job: id}, Kind: partition.SlicePlan, Partition: partition.NoPartition, Bytes: s.Counts.MissingBytes})
	t.putPlan(Plan{
		ID: id, Dataset: name, Scan: s.Job, Pair: s.Pair, RateBytes: s.RateBytes, State: PlanMaking,
		CreatedUnixNanos: t.env.UnixNanos, CreateIndex: t.index,
	})
	t.write(planOfKey(name, t.index), planRef{ID: id})
	t.forgetPlans(name)
	return id
}

// orders reports whether the dataset's own scans compare that pair.
func (d Dataset) orders(pair string) bool {
	for _, o := range d.Orders {
		if o.Pair == pair {
			return true
		}
	}
	return false
}

// policyActor is who did what a policy made happen.
func policyActor(n DatasetName) string { return "policy:" + string(n) }

// obstacles are what keeps a plan from running without a person, nothing when it may run.
func (t *tx) obstacles(p Plan, m *MadePlan, policy Policy) (why []string) {
	if policy.Act != PolicyRun {
		why = append(why, "policy is "+policy.Act.String())
	} else if over := policy.exceeds(m); over != "" {
		why = append(why, over)
	}
	if before := t.triedBefore(p, m); before != "" {
		why = append(why, before)
	}
	if stands := t.standsAgainst(m); stands != "" {
		why = append(why, stands)
	}
	return append(why, m.Warnings...)
}

// standsAgainst says why the job of a plan can not be started now, "" when it can.
func (t *tx) standsAgainst(m *MadePlan) string {
	if j, ok := t.job(m.Job); ok {
		return fmt.Sprintf("job %s of this very plan is %s already", j.ID, j.State)
	}
	if lock, by, locked := t.lockedBy(m.Job, m.Locks); locked {
		return fmt.Sprintf("%s is held by job %s", lock, by)
	}
	return ""
}

// run starts the job of a plan that nothing stands against, for by.
func (t *tx) run(p Plan, m *MadePlan, by, why string) {
	namespace, _ := p.Dataset.Split()
	env := t.env
	t.env.Actor, t.env.Reason = by, why
	for _, c := range []op{m.submit(namespace), AddSlices{Job: m.Job, Slices: m.Slices}, StartJob{ID: m.Job}} {
		if r := c.apply(t); r.Code != OK && t.err == nil {
			t.err = fmt.Errorf("start job %s of plan %s: %s %s", m.Job, p.ID, r.Code, r.Object) // MadePlan.invalid and standsAgainst let it pass
		}
	}
	t.env = env
	if x := t.jobTerms(datasetTermsKey(p.Dataset)); x != nil {
		t.onTerms(x, m.Job, t.detectedBy(p))
	}
	t.noteTried(p, m, m.Job, "")
	p.State, p.By, p.Why = PlanStarted, by, why
	t.putPlan(p)
	t.remove(jobKey(kindPlanWork, p.ID)) // the job has all of it
	t.forgetPlans(p.Dataset)
}

// drop ends a plan that nobody will run.
func (t *tx) drop(p Plan, state PlanState, by, why string) {
	p.State, p.By, p.Why = state, by, why
	t.putPlan(p)
	t.remove(jobKey(kindPlanWork, p.ID))
	t.forgetPlans(p.Dataset)
	t.over = true
}

// withdraw ends the waiting plans of a dataset that it wants no more: the policy makes none, or the pair is another one.
func (t *tx) withdraw(d Dataset, policy Policy) {
	for _, p := range t.plans(d.Name) {
		switch {
		case p.State != PlanWaiting:
		case policy.Act == PolicyNotify:
			t.drop(p, PlanWithdrawn, t.env.Actor, "the policy is notify now")
		case !d.orders(p.Pair):
			t.drop(p, PlanWithdrawn, t.env.Actor, "the dataset compares another pair now")
		}
	}
}

// forgetPlans forgets the plans of a dataset that are over, but the newest.
func (t *tx) forgetPlans(n DatasetName) {
	plans := t.plans(n)
	for i, over := len(plans)-1, 0; i >= 0; i-- {
		if t.open(plans[i]) != "" {
			continue
		}
		if over++; over > PlansKept {
			t.forgetPlan(plans[i])
		}
	}
}

// forgetPlan removes all that is kept of a plan, with the job that made it.
func (t *tx) forgetPlan(p Plan) {
	t.remove(planOfKey(p.Dataset, p.CreateIndex))
	for _, k := range []kind{kindPlan, kindPlanWork, kindPlanText} {
		t.remove(jobKey(k, p.ID))
	}
	t.forgetReading(p.ID)
}

// forgetAllPlans forgets what the cluster has planned for a dataset that is deleted, and what it has tried. Jobs that repair stay.
func (t *tx) forgetAllPlans(n DatasetName) {
	for _, p := range t.plans(n) {
		if j, ok := t.job(p.ID); ok && !j.State.Terminal() {
			t.retireFor(j, JobCancelled, "the dataset was deleted")
		}
		t.forgetPlan(p)
	}
	for _, k := range append(t.keys(key(kindTried, ended(n))), t.keys(key(kindFollow, ended(n)))...) {
		t.remove(k)
	}
	t.remove(policyKey(n))
	t.keepTerms(datasetTermsKey(n), nil)
}

// planFailed ends the job of a plan that could not be made.
func (t *tx) planFailed(j Job, why string) {
	t.retireFor(j, JobFailed, why)
	if p, ok := t.planOf(j.ID); ok {
		p.Why = clip(why, maxPlanWhy)
		t.putPlan(p)
		t.tell(NoticeFailed, j, p.Why, "")
		t.forgetPlans(p.Dataset)
	}
}

// clip shortens a text, at the end of a letter.
func clip(s string, bytes int) string {
	if len(s) <= bytes {
		return s
	}
	return strings.ToValidUTF8(s[:bytes], "")
}

// Plan returns a plan by its id.
func (v *View) Plan(id partition.JobID) (p Plan, ok bool, err error) {
	ok, err = v.read(jobKey(kindPlan, id), &p)
	return p, ok, err
}

// Plans returns the plans of a dataset, newest first.
func (v *View) Plans(n DatasetName) ([]Plan, error) {
	var out []Plan
	for ref, err := range each[planRef](v, key(kindPlanOf, ended(n)), nil) {
		if err != nil {
			return nil, err
		}
		p, _, err := v.Plan(ref.ID)
		if err != nil {
			return nil, err
		}
		out = append([]Plan{p}, out...)
	}
	return out, nil
}

// PlanDocument returns MadePlan.Document, nil for a plan that was not made.
func (v *View) PlanDocument(id partition.JobID) ([]byte, error) {
	var text planText
	_, err := v.read(jobKey(kindPlanText, id), &text)
	return text.Document, err
}
