package sim

import (
	"fmt"
	"time"

	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/partition/plan"
	"backstitch/replay/record"
)

// What people do, and what others write into the target meanwhile.

// job is one recovery.
type job struct {
	id        partition.JobID
	slices    []partition.Slice
	locks     []string
	ended     bool
	cancelled bool // somebody asked for it
}

// makeJobs cuts the work. It comes before others have written again what was lost, as a plan comes before its run.
func (w *World) makeJobs() {
	for k := range w.plan.Jobs {
		j := &job{id: partition.JobID(fmt.Sprintf("bs-sim%c", 'a'+k))}
		var parts []plan.Part
		for i, t := range w.ref.parts {
			if i%w.plan.Jobs != k {
				continue
			}
			p := w.broker.parts[i]
			parts = append(parts, plan.Part{
				Partition: int32(i), Fill: t.lost, Compare: partition.Ranges{{From: t.records[0].Offset, To: t.end}},
				TargetFrom: p.start, TargetTo: p.stable(),
			})
			j.locks = append(j.locks, fmt.Sprintf("sim:%d", i))
		}
		limits := plan.DefaultLimits()
		limits.Records, limits.Positions = int64(w.plan.SliceSize), int64(2*w.plan.SliceSize)
		var err error
		if j.slices, err = plan.Cut(j.id, parts, limits); err != nil {
			w.must(err)
		}
		w.jobs = append(w.jobs, j)
	}
	w.broker.copies()
}

// ask proposes a command at some node until the answer is known, always under the same request id.
func (w *World) ask(cmd fsm.Command, done func(fsm.Result)) {
	env := fsm.Envelope{Actor: "cli:sim", Reason: "sim", UnixNanos: epoch.Add(w.now).UnixNano(), RequestID: w.requestID()}
	var try func()
	try = func() {
		n := w.nodes[w.r.IntN(len(w.nodes))]
		if !n.awake() {
			w.after(300*time.Millisecond, try)
			return
		}
		answered := false
		n.propose(call{env: env, cmd: cmd, again: true}, 3*time.Second, func(res fsm.Result, err error) {
			if answered {
				return
			}
			answered = true
			if err != nil {
				w.after(200*time.Millisecond, try)
				return
			}
			w.rules.acked(env, res)
			done(res)
		})
		w.after(4*time.Second, func() { // the node died with the question
			if !answered {
				answered = true
				try()
			}
		})
	}
	try()
}

// operate submits the jobs and does what the plan wants people to do.
func (w *World) operate() {
	for _, j := range w.jobs {
		w.submit(j)
	}
	switch w.plan.Operator {
	case "pause":
		j := w.jobs[0]
		w.after(w.between(time.Second, 6*time.Second), func() {
			w.ask(fsm.PauseJob{ID: j.id}, func(fsm.Result) {
				w.after(w.between(500*time.Millisecond, 3*time.Second), func() { w.ask(fsm.ResumeJob{ID: j.id}, func(fsm.Result) {}) })
			})
		})
	case "drain":
		n := w.nodes[w.r.IntN(len(w.nodes))]
		w.after(w.between(time.Second, 6*time.Second), func() {
			w.ask(fsm.SetMemberState{ID: n.id, State: fsm.MemberDraining}, func(fsm.Result) {
				w.after(w.between(500*time.Millisecond, 3*time.Second), func() {
					w.ask(fsm.SetMemberState{ID: n.id, State: fsm.MemberActive}, func(fsm.Result) {})
				})
			})
		})
	case "cancel":
		j := w.jobs[0]
		w.after(w.between(time.Second, 6*time.Second), func() {
			j.cancelled = true
			w.ask(fsm.CancelJob{ID: j.id}, func(fsm.Result) {})
		})
	}
}

// submit hands a job in, in three steps.
func (w *World) submit(j *job) {
	records, bytes := plan.Totals(j.slices)
	want := func(what string, res fsm.Result, next func()) {
		if res.Code != fsm.OK && !j.cancelled {
			w.violate(RuleAcked, "%s of %s was refused: %s %s", what, j.id, res.Code, res.Object)
			return
		}
		next()
	}
	w.ask(fsm.SubmitJob{
		ID: j.id, Recipe: w.ref.encoded, PlanHash: [32]byte{1}, Locks: j.locks, Records: records, Bytes: bytes, Slices: uint32(len(j.slices)),
	}, func(res fsm.Result) {
		want("submit", res, func() {
			half := len(j.slices) / 2
			w.ask(fsm.AddSlices{Job: j.id, Slices: j.slices[:half]}, func(res fsm.Result) {
				want("add slices", res, func() {
					w.ask(fsm.AddSlices{Job: j.id, Slices: j.slices[half:]}, func(res fsm.Result) {
						want("add slices", res, func() {
							w.ask(fsm.StartJob{ID: j.id}, func(res fsm.Result) { want("start", res, func() {}) })
						})
					})
				})
			})
		})
	})
}

// others write into the target: new records, and transactions some of which are aborted.
func (w *World) others() {
	w.after(w.between(300*time.Millisecond, 2*time.Second), w.others)
	i := w.r.IntN(len(w.broker.parts))
	p := w.broker.parts[i]
	rec := record.Record{TimestampMs: 1_800_000_000_000 + w.now.Milliseconds(), Key: []byte("new"), Value: fmt.Appendf(nil, "new %d", w.steps)}
	c := cell{rec: rec, text: content(&rec), origin: -1}
	aborts, transactional := w.hurt.aborted()
	if !transactional {
		p.add(c)
		return
	}
	t := &txn{}
	c.pid = -1
	w.broker.write(t, int32(i), c)
	w.after(w.between(0, 1500*time.Millisecond), func() {
		state := txnCommitted
		if aborts {
			state = txnAborted
		}
		w.broker.end(t, state)
	})
}
