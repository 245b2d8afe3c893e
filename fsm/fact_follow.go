package fsm

import (
	"fmt"

	"backstitch/partition"
)

// What a scan finds while a plan of its pair is open is not lost: the newest such scan is remembered, and a plan of it is begun by the command with which
// the open one is over. It is one plan however many scans there were, and it compares anew, so what the job wrote meanwhile is not in it. A plan that
// nothing but another job's lock keeps from running starts when that job ends.
//
// Both are done at the end of a command in which a job or a plan has ended (tx.goOn), so there is no moment in which a leader could die in between, and
// nobody has to look.

// follow is the scan of which a plan is begun next.
type follow struct {
	Dataset DatasetName
	Pair    string
	Scan    partition.JobID
	Missing int64
}

// lockedPlan is a plan that waits for a lock and for nothing else.
type lockedPlan struct{ ID partition.JobID }

// followsSince is the version from which on nothing that a scan finds is forgotten for an open plan.
const followsSince uint32 = 8

func followKey(n DatasetName, pair string) []byte { return key(kindFollow, ended(n), []byte(pair)) }

// followLater remembers a scan that found something while a plan of its pair is open, which why says. note is for those who are told.
func (t *tx) followLater(n DatasetName, s Scan, policy Policy, why string) (note string) {
	if t.version() < followsSince {
		return fmt.Sprintf("policy %s does nothing more: %s", policy.Act, why)
	}
	t.write(followKey(n, s.Pair), &follow{Dataset: n, Pair: s.Pair, Scan: s.Job, Missing: s.Counts.Missing})
	return fmt.Sprintf("policy %s makes the next plan when this is over: %s", policy.Act, why)
}

// forgetFollow forgets the scan that is remembered of a pair: a newer one says what is missing.
func (t *tx) forgetFollow(n DatasetName, pair string) {
	if t.read(followKey(n, pair), &follow{}) {
		t.remove(followKey(n, pair))
	}
}

// rejectedFollow forgets the scan that is remembered, if it had found no more than the one whose plan got a no: a no to the same thing is not asked for twice.
func (t *tx) rejectedFollow(p Plan) {
	var f follow
	s, kept := t.scanOf(p.Scan)
	if t.read(followKey(p.Dataset, p.Pair), &f) && kept && f.Missing <= s.Counts.Missing {
		t.remove(followKey(p.Dataset, p.Pair))
	}
}

// goOn starts what waited for the end of jobs and plans.
func (t *tx) goOn() {
	if t.version() < followsSince {
		return
	}
	for _, k := range t.keys(key(kindPlanLocked)) {
		var l lockedPlan
		t.read(k, &l)
		t.unlock(k, l.ID)
	}
	for _, k := range t.keys(key(kindFollow)) {
		var f follow
		t.read(k, &f)
		if t.openOf(f.Dataset, f.Pair, "") != "" {
			continue
		}
		t.remove(k)
		s, kept := t.scanOf(f.Scan)
		d, ok := t.dataset(f.Dataset)
		policy := t.policy(f.Dataset)
		if kept && ok && policy.Act != PolicyNotify && d.orders(f.Pair) {
			if id := t.beginPlan(d, s); id != "" {
				t.tellBesides(d, fmt.Sprintf("policy %s: plan %s of what scan %s found meanwhile is being made", policy.Act, id, s.Job))
			}
		}
	}
}

// unlock starts the job of a plan that waited for a lock which is free now. One against which something else stands by now waits for a person.
func (t *tx) unlock(k []byte, id partition.JobID) {
	p, ok := t.planOf(id)
	d, known := t.dataset(p.Dataset)
	if !ok || !known || p.State != PlanWaiting {
		t.remove(k)
		return
	}
	var m MadePlan
	t.read(jobKey(kindPlanWork, id), &m)
	if t.standsAgainst(&m) != "" {
		return
	}
	t.remove(k)
	why := t.obstacles(p, &m, t.policy(p.Dataset))
	if len(why) > 0 {
		p.Why = waitsFor(why)
		t.putPlan(p)
		return
	}
	t.run(p, &m, policyActor(p.Dataset), fmt.Sprintf("policy run: %d records and %d bytes are within its limits, and what held its partitions is over", m.Records, m.Bytes))
	t.tellBesides(d, fmt.Sprintf("policy run: job %s of plan %s, which waited for this, is started", m.Job, p.ID))
}

// tellBesides adds to what this command tells of a dataset, if it tells anything that was there before what is said here.
func (t *tx) tellBesides(d Dataset, text string) {
	var n Notice
	if t.read(noticeKey(d.Name, t.index), &n) && n.Kind != NoticeStarted {
		if n.Why != "" {
			text = n.Why + "; " + text
		}
		n.Why = clip(text, maxPlanWhy)
		t.write(noticeKey(d.Name, t.index), &n)
	}
}
