package main

import (
	"fmt"
	"io"
	"time"

	"backstitch/cluster/client"
	"backstitch/cmd/backstitch/sandbox"
	"backstitch/replay/synth/replica"
)

// rehearsal is what rehearse prints.
type rehearsal struct {
	Spec    string           `json:"spec"`
	Topic   string           `json:"topic"`
	Seed    uint64           `json:"seed"`
	Nodes   int              `json:"nodes"`
	Records int64            `json:"records"`     // of the replica
	Real    int64            `json:"realRecords"` // of what the profile was learnt from
	Lost    int64            `json:"lost"`        // planted: records that a reader of the target did not find
	Found   int64            `json:"found"`       // of those, by the plan
	False   int64            `json:"falseGaps"`   // records in the plan that were not lost
	Written int64            `json:"written"`
	Bytes   int64            `json:"bytesWritten"`
	Phases  []rehearsalPhase `json:"phases"`
	// Judged is what a reader found in the target at the end, by a count of its own.
	Judged   *replica.Verdict `json:"judged,omitempty"`
	Proof    string           `json:"proof"` // verdict
	Evidence string           `json:"evidence"`
	// Store is what the object store was asked from finding to proving.
	Store      sandbox.Requests `json:"storeRequests"`
	Chaos      string           `json:"chaos,omitempty"`
	Kills      int              `json:"kills"`
	FailoverMs int64            `json:"failoverMs"`
	RecoveryMs int64            `json:"recoveryMs"` // finding, planning, running and proving together
	// At the size of what was learnt from. One end is as if the time did not depend on the number of records, the other as if it were
	// in proportion; where between them is not known.
	RealLowMs  int64    `json:"realLowMs"`
	RealHighMs int64    `json:"realHighMs"`
	SLAMs      int64    `json:"slaMs,omitempty"`
	SLA        string   `json:"sla,omitempty"` // held, broken, or not shown
	Wrong      []string `json:"wrong"`         // why the rehearsal did not pass
	Passed     bool     `json:"passed"`
}

type rehearsalPhase struct {
	Name    string `json:"name"`
	Ms      int64  `json:"ms"`
	Records int64  `json:"records"` // that the phase went over
	counts  bool   // towards the time to recover
}

// Words for an SLA.
const (
	slaHeld     = "held"
	slaBroken   = "broken"
	slaNotShown = "not shown"
)

// judge fills in what follows from the rest.
func (r *rehearsal) judge() {
	r.RecoveryMs = 0
	for _, p := range r.Phases {
		if p.counts {
			r.RecoveryMs += p.Ms
		}
	}
	scaled := int64(float64(r.RecoveryMs) * float64(r.Real) / float64(max(1, r.Records)))
	r.RealLowMs, r.RealHighMs = min(r.RecoveryMs, scaled), max(r.RecoveryMs, scaled)
	r.Wrong = []string{}
	wrong := func(is bool, format string, args ...any) {
		if is {
			r.Wrong = append(r.Wrong, fmt.Sprintf(format, args...))
		}
	}
	wrong(r.Lost == 0, "nothing was lost, so nothing was shown")
	wrong(r.Found != r.Lost, "the plan has %s of %s lost records", count(r.Found), count(r.Lost))
	wrong(r.False != 0, "the plan has %s records that were not lost", count(r.False))
	wrong(r.Written != r.Lost, "%s records were written, want %s", count(r.Written), count(r.Lost))
	if r.Judged == nil {
		wrong(true, "the target was not read back")
	} else {
		wrong(r.Judged.Records == 0, "the target is empty")
		wrong(r.Judged.Missing != 0, "a reader misses %s records", count(r.Judged.Missing))
		wrong(r.Judged.Extra != 0, "a reader finds %s records too many", count(r.Judged.Extra))
	}
	wrong(r.Proof != "pass", "the proof says %q", r.Proof)
	wrong(r.Chaos != "" && r.Kills == 0, "%s hit nothing: the repair was over before", r.Chaos)
	r.Passed = len(r.Wrong) == 0
	if r.SLAMs > 0 {
		switch {
		case r.RealHighMs <= r.SLAMs:
			r.SLA = slaHeld
		case r.RealLowMs > r.SLAMs:
			r.SLA = slaBroken
		default:
			r.SLA = slaNotShown
		}
		r.Passed = r.Passed && r.SLA == slaHeld
	}
}

// err is nil for a rehearsal that passed.
func (r *rehearsal) err() error {
	if len(r.Wrong) > 0 {
		f := &failure{
			Code: codeRehearsal, Title: "the rehearsal did not bring everything back", Exit: client.ExitDiffer,
			Next: "backstitch rehearse ... --dir DIR     keeps the logs",
		}
		for _, w := range r.Wrong {
			f.Detail += w + "\n"
		}
		return f
	}
	if r.SLA == slaBroken || r.SLA == slaNotShown {
		f := &failure{
			Code: codeRehearsalSLA, Title: "the SLA is " + r.SLA, Exit: client.ExitDiffer,
			Detail: fmt.Sprintf("At %s records it is %s to %s; the SLA is %s.", count(r.Real), ms(r.RealLowMs), ms(r.RealHighMs), ms(r.SLAMs)),
			Next:   "more nodes, smaller slices, or a later SLA",
		}
		if r.SLA == slaNotShown {
			f.Exit, f.Next = client.ExitIndeterminate, fmt.Sprintf("rehearse more of it: --records %d is its real size", r.Real)
		}
		return f
	}
	return nil
}

func ms(n int64) time.Duration {
	return (time.Duration(n) * time.Millisecond).Round(100 * time.Millisecond)
}

func (r *rehearsal) text(w io.Writer) error {
	verdict := "FAILED"
	if r.Passed {
		verdict = "PASSED"
	}
	fmt.Fprintf(w, "Rehearsal of %s: %s\n\n", r.Spec, verdict)
	fmt.Fprintf(w, "Replica     %s records of %s, like %s real ones; seed %d, %d node(s)\n", count(r.Records), r.Topic, count(r.Real), r.Seed, r.Nodes)
	fmt.Fprintf(w, "Lost        %s planted, %s found, %s false, %s written back (%s)\n", count(r.Lost), count(r.Found), count(r.False),
		count(r.Written), bytesText(r.Bytes))
	if r.Judged != nil {
		fmt.Fprintf(w, "Reader      %s records in the target: %s missing, %s too many\n", count(r.Judged.Records), count(r.Judged.Missing), count(r.Judged.Extra))
	}
	fmt.Fprintf(w, "Proof       %s at %s\n", dash(r.Proof), dash(r.Evidence))
	if r.Chaos != "" {
		fmt.Fprintf(w, "Chaos       %s: %d kill(s), others wrote on after %s at most; the broker was slowed down until then\n", r.Chaos, r.Kills, ms(r.FailoverMs))
	}
	fmt.Fprintf(w, "Store       %s GET, %s LIST, %s PUT, %s read, from finding to proving\n\n", count(r.Store.Get), count(r.Store.List), count(r.Store.Put),
		bytesText(r.Store.BytesOut))
	for _, p := range r.Phases {
		rate := ""
		if p.Ms > 0 && p.Records > 0 {
			rate = fmt.Sprintf("   %s records/s", count(p.Records*1000/p.Ms))
		}
		fmt.Fprintf(w, "%-11s %8s%s\n", p.Name, ms(p.Ms), rate)
	}
	fmt.Fprintf(w, "%-11s %8s   find, plan, run and prove\n", "recovery", ms(r.RecoveryMs))
	fmt.Fprintf(w, "\nAt %s records: %s to %s. One end is as if the time did not depend on their number, the other as if it were in proportion.\n",
		count(r.Real), ms(r.RealLowMs), ms(r.RealHighMs))
	if r.SLA != "" {
		fmt.Fprintf(w, "SLA %s: %s.\n", ms(r.SLAMs), r.SLA)
	}
	_, err := fmt.Fprintln(w, "All of this ran on this machine. The sandbox's broker and store are not yours: their speed says nothing about yours.")
	return err
}
