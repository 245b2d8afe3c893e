package leader

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"backstitch/cluster/vitals"
	"backstitch/fsm"
	"backstitch/partition"
)

// TestScenarios runs testdata/scenarios: a state as text, and the commands that Decide finds due. Commands:
//
//	decide [now=DURATION] [preempted=DURATION] [lanes=N] [max-grants=N]
//	member ID [ZONE|-] [WEIGHT] [draining|left] [maxop=N]
//	rumour ID [dead] [refused] [soft|hard] [silent=DURATION] [before=DURATION]     (a member without a line is alive and was just heard)
//	unheard ID
//	job ID STATE [prio=N] [created=N] [deadline=N] [blackout=DURATION [maintenance=NAME]] [unread]
//	  fill|verify N pP BYTES waiting|leased|done|failed [OWNER] [e=N] [attempts=N] [notbefore=SECONDS] [waited=D] [idle=D] [held=ID] [asked=D]
//	  result pass|fail|indeterminate RECORDS
//	  recorded
//	version N; by-hand; step VERSION MAXOP; book APPLIED LASTINDEX LASTAT
//
// Run with -rewrite to accept new output.
func TestScenarios(t *testing.T) {
	datadriven.Walk(t, "testdata/scenarios", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			if d.Cmd != "decide" {
				t.Fatalf("%s: unknown command %q", d.Pos, d.Cmd)
			}
			in := Input{
				Now: time.Minute, Wall: time.Unix(1000, 0), Self: "node-a", Limits: DefaultLimits(), Version: 1,
				Rumours: map[partition.NodeID]Rumour{}, LastDigest: DigestMark{At: time.Minute},
			}
			var now string
			d.MaybeScanArgs(t, "now", &now)
			if now != "" {
				in.Now = duration(t, now)
			}
			in.Limits.LanesPerWeight = 4 // of the members' weight of 1
			d.MaybeScanArgs(t, "lanes", &in.Limits.LanesPerWeight)
			var preempted string
			d.MaybeScanArgs(t, "preempted", &preempted) // ago
			if preempted != "" {
				at := in.Now - duration(t, preempted)
				in.LastPreempt = &at
			}
			d.MaybeScanArgs(t, "max-grants", &in.Limits.MaxGrants)
			for line := range strings.Lines(d.Input) {
				parseLine(t, &in, strings.Fields(line))
			}
			out := render(Decide(in))
			slices.Reverse(in.Members) // the order in which members are read decides nothing
			if again := render(Decide(in)); again != out {
				t.Errorf("%s: with the members in another order:\n%s", d.Pos, again)
			}
			return out
		})
	})
}

func duration(t *testing.T, s string) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func number[T int | uint8 | uint16 | uint32 | uint64 | int32 | int64 | partition.Epoch](t *testing.T, s string) T {
	t.Helper()
	var n T
	if _, err := fmt.Sscan(s, &n); err != nil {
		t.Fatalf("number %q: %v", s, err)
	}
	return n
}

func parseLine(t *testing.T, in *Input, f []string) {
	t.Helper()
	opts := map[string]string{}
	var words []string
	for _, w := range f {
		if k, v, ok := strings.Cut(w, "="); ok {
			opts[k] = v
		} else {
			words = append(words, w)
		}
	}
	has := func(w string) bool { return strings.Contains(" "+strings.Join(words[1:], " ")+" ", " "+w+" ") }
	var job *Job
	if len(in.Jobs) > 0 {
		job = &in.Jobs[len(in.Jobs)-1]
	}
	switch words[0] {
	case "member":
		m := fsm.Member{ID: partition.NodeID(words[1]), Weight: 1, State: fsm.MemberActive, MaxOp: 94}
		if len(words) > 2 {
			m.Zone = strings.Trim(words[2], "-")
		}
		if len(words) > 3 {
			m.Weight = number[uint32](t, words[3])
		}
		if has("draining") {
			m.State = fsm.MemberDraining
		}
		if has("left") {
			m.State = fsm.MemberLeft
		}
		if v := opts["maxop"]; v != "" {
			m.MaxOp = number[uint16](t, v)
		}
		in.Members = append(in.Members, m)
		in.Rumours[m.ID] = Rumour{GossipAlive: true}
	case "rumour":
		r := Rumour{GossipAlive: !has("dead"), Refused: has("refused")}
		switch {
		case has("soft"):
			r.Disk = vitals.Soft
		case has("hard"):
			r.Disk = vitals.Hard
		}
		if v := opts["silent"]; v != "" {
			r.Silence = duration(t, v)
		}
		if v := opts["before"]; v != "" {
			r.Before = duration(t, v)
		}
		in.Rumours[partition.NodeID(words[1])] = r
	case "unheard":
		delete(in.Rumours, partition.NodeID(words[1]))
	case "job":
		j := Job{Job: fsm.Job{ID: partition.JobID(words[1]), Priority: 50}}
		j.State = map[string]fsm.JobState{"running": fsm.JobRunning, "verifying": fsm.JobVerifying}[words[2]]
		if v := opts["prio"]; v != "" {
			j.Priority = number[uint8](t, v)
		}
		if v := opts["created"]; v != "" {
			j.CreatedUnixNanos = number[int64](t, v)
		}
		if v := opts["deadline"]; v != "" {
			j.Terms.DeadlineUnixNanos = number[int64](t, v)
		}
		if v := opts["blackout"]; v != "" { // for so long
			j.Calendar.Blackout = in.Wall.Add(duration(t, v))
		}
		j.Calendar.Closure = opts["maintenance"]
		if has("unread") {
			j.Unread = errors.New("there is no such zone")
		}
		in.Jobs = append(in.Jobs, j)
	case "schedule": // schedule NAME every=1h next=SECONDS [busy]
		s := Schedule{Busy: has("busy")}
		s.Name, s.NextUnixNanos, s.Cron = words[1], number[int64](t, opts["next"])*int64(time.Second), strings.ReplaceAll(opts["cron"], "_", " ")
		if v := opts["every"]; v != "" {
			s.EveryNanos = int64(duration(t, v))
		}
		in.Schedules = append(in.Schedules, s)
	case "unscanned": // unscanned TOPIC ANOMALY BEFORE SCAN
		in.Unscanned = append(in.Unscanned, fsm.Unscanned{Topic: words[1], Anomaly: words[2], Before: partition.JobID(words[3]), Scan: partition.JobID(words[4])})
	case "fill", "verify", "survey", "scan", "plan":
		s := Slice{
			N: number[uint32](t, words[1]), Partition: number[int32](t, words[2][1:]), Bytes: number[int64](t, words[3]),
			Held: partition.NodeID(opts["held"]),
		}
		s.Kind = map[string]partition.SliceKind{
			"fill": partition.SliceFill, "verify": partition.SliceVerify, "survey": partition.SliceSurvey, "scan": partition.SliceScan, "plan": partition.SlicePlan,
		}[words[0]]
		s.Status = map[string]fsm.SliceStatus{
			"waiting": fsm.SliceWaiting, "leased": fsm.SliceLeased, "done": fsm.SliceDone, "failed": fsm.SliceFailed,
		}[words[4]]
		if len(words) > 5 {
			s.Owner = partition.NodeID(words[5])
		}
		for k, v := range opts {
			switch k {
			case "e":
				s.Epoch = number[partition.Epoch](t, v)
			case "attempts":
				s.Attempts = number[uint32](t, v)
			case "notbefore":
				s.NotBeforeUnixNanos = number[int64](t, v) * int64(time.Second)
			case "idle":
				s.Idle = duration(t, v)
			case "asked":
				s.Asked, s.Waits = true, duration(t, v)
			case "waited":
				s.Waited = duration(t, v)
			}
		}
		job.Slices = append(job.Slices, s)
		job.Job.Slices++
		count(&job.Job, s)
	case "result":
		v := map[string]fsm.Verdict{"pass": fsm.Pass, "fail": fsm.Fail, "indeterminate": fsm.Indeterminate}[words[1]]
		job.Comparisons = append(job.Comparisons, Compared{
			Comparison: fsm.Comparison{Partition: int32(len(job.Comparisons)), ReadBy: partition.NodeID(opts["by"]), Verdict: v, Evidence: fsm.E3, Expected: fsm.Side{Records: number[int64](t, words[2])}},
			Index:      uint64(100 + len(job.Comparisons)),
		})
	case "writers": // of a partition; "writers" alone: known, and nobody wrote
		job.Writers.Known = true
		if len(words) > 1 {
			l := fsm.LaneWriters{Partition: number[int32](t, words[1][1:])}
			for _, w := range words[2:] {
				l.Nodes = append(l.Nodes, partition.NodeID(w))
			}
			job.Writers.Lanes = append(job.Writers.Lanes, l)
		}
	case "recorded":
		job.ProofRecorded = true
	case "version":
		in.Version = number[uint32](t, words[1])
	case "proof-key": // this node's, and the book's
		copy(in.OwnProofKey[:], words[1])
		if len(words) > 2 {
			copy(in.ProofKey[:], words[2])
		}
	case "by-hand":
		in.ByHand = true
	case "step":
		in.Versions = append(in.Versions, VersionStep{Version: number[uint32](t, words[1]), MaxOp: number[uint16](t, words[2])})
	case "book":
		in.Applied = number[uint64](t, words[1])
		in.LastDigest = DigestMark{Index: number[uint64](t, words[2]), At: duration(t, words[3])}
	default:
		t.Fatalf("unknown line %q", f)
	}
}

func count(j *fsm.Job, s Slice) {
	done := uint32(0)
	if s.Status == fsm.SliceDone {
		done = 1
	}
	if s.Status == fsm.SliceFailed {
		j.FailedSlices++
	}
	if s.Kind != partition.SliceVerify {
		j.FillSlices, j.FillDone = j.FillSlices+1, j.FillDone+done
	} else {
		j.VerifySlices, j.VerifyDone = j.VerifySlices+1, j.VerifyDone+done
	}
}

func render(ps []Proposal) string {
	if len(ps) == 0 {
		return "nothing\n"
	}
	var b strings.Builder
	for _, p := range ps {
		switch c := p.Command.(type) {
		case fsm.GrantLeases:
			fmt.Fprintf(&b, "grant (%s)\n", p.Reason)
			for _, g := range c.Grants {
				fmt.Fprintf(&b, "  %s to %s, replaces epoch %d\n", g.Slice, g.Owner, g.Seen)
			}
		case fsm.RevokeLeases:
			fmt.Fprintf(&b, "revoke (%s)\n", p.Reason)
			for _, l := range c.Leases {
				fmt.Fprintf(&b, "  %s of %s, epoch %d\n", l.Slice, l.Owner, l.Epoch)
			}
		case fsm.YieldLeases:
			fmt.Fprintf(&b, "ask for (%s)\n", p.Reason)
			for _, l := range c.Leases {
				fmt.Fprintf(&b, "  %s of %s, epoch %d\n", l.Slice, l.Owner, l.Epoch)
			}
		case fsm.BeginVerify:
			fmt.Fprintf(&b, "begin verify %s (%s)\n", c.ID, p.Reason)
		case fsm.RecordProof:
			fmt.Fprintf(&b, "record proof %s: %s %s, %d comparisons, by %s (%s)\n",
				c.Proof.ID, c.Proof.Verdict, c.Proof.Evidence, len(c.Proof.Comparisons), c.Proof.By, p.Reason)
		case fsm.FinishJob:
			fmt.Fprintf(&b, "finish %s: %s, proof %q (%s)\n", c.ID, c.State, c.Proof, p.Reason)
		case fsm.FinishScan:
			fmt.Fprintf(&b, "finish scan %s (%s)\n", c.ID, p.Reason)
		case fsm.SubmitScan:
			if c.Schedule == "" {
				fmt.Fprintf(&b, "submit scan %s (%s)\n", c.ID, p.Reason)
				continue
			}
			fmt.Fprintf(&b, "submit scan %s of %s due %d, next %d (%s)\n", c.ID, c.Schedule, c.DueUnixNanos/1e9, c.NextUnixNanos/1e9, p.Reason)
			if c.ID != fsm.ScanID(c.Schedule, c.DueUnixNanos) {
				b.WriteString("and that is not its id\n")
			}
		case fsm.RaiseVersion:
			fmt.Fprintf(&b, "raise version to %d (%s)\n", c.Version, p.Reason)
		case fsm.PutProofKey:
			fmt.Fprintf(&b, "put proof key %s (%s)\n", strings.TrimRight(string(c.Key[:]), "\x00"), p.Reason)
		case fsm.CompareDigest:
			fmt.Fprintf(&b, "compare digest of %d (%s)\n", c.Index, p.Reason)
		}
	}
	return b.String()
}
