package fsm

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"backstitch/partition"
)

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
}

func newGenerator(r *rand.Rand) *generator {
	return &generator{r: r, jobs: 1, epoch: map[partition.SliceID]partition.Epoch{}, owner: map[partition.SliceID]partition.NodeID{}}
}

func (g *generator) envelope() Envelope {
	env := Envelope{Actor: "node:" + string(g.node()), UnixNanos: g.r.Int64N(1 << 40)}
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
	switch n := g.r.IntN(100); {
	case n < 4:
		if g.jobs < 60 {
			g.jobs++
		}
		id := jobName(g.jobs - 1)
		return SubmitJob{ID: id, Slices: slicesPerJob, Locks: []string{fmt.Sprintf("t/%d", g.r.IntN(g.jobs))}, Recipe: []byte(id)}
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
		c := Comparison{Verdict: Verdict(1 + g.r.IntN(3)), Evidence: E3, Expected: Side{Records: 5}, NotChecked: []string{"timestamps"}}
		return RecordProof{Proof{ID: g.proofID(), Job: g.job(), Verdict: c.Verdict, Evidence: E3, Comparisons: []Comparison{c}}}
	case n < 55:
		return g.grants()
	case n < 58:
		id, owner, epoch := g.held()
		return RevokeLeases{[]Lease{{id, owner, epoch}}}
	case n < 61:
		id, owner, epoch := g.held()
		return FailSlice{Slice: id, Owner: owner, Epoch: epoch, Err: "BST-E0001", Retry: g.r.IntN(4) > 0}
	case n < 75:
		return g.finish()
	case n < 76:
		return RaiseVersion{uint32(g.r.IntN(3))}
	}
	return g.checkpoints()
}

func (g *generator) proofID() ProofID { return ProofID(fmt.Sprintf("r-%d", g.r.IntN(g.proof+1))) }

func (g *generator) grants() Command {
	var c GrantLeases
	for range 1 + g.r.IntN(6) {
		id := g.slice()
		grant := Grant{Slice: id, Owner: g.node(), Seen: g.epoch[id]}
		c.Grants = append(c.Grants, grant)
	}
	return c
}

func (g *generator) finish() Command {
	id, owner, epoch := g.held()
	c := FinishSlice{Slice: id, Owner: owner, Epoch: epoch, Checkpoint: Checkpoint{Epoch: epoch, Cursor: 1000, Records: 10}}
	if id.N >= 6 {
		c.Comparison = &Comparison{Partition: int32(id.N % 3), Verdict: Pass, Evidence: E3, Expected: Side{Records: 3}}
	} else if g.r.IntN(3) == 0 {
		c.Quarantine = []Quarantined{{Offset: 4, Code: "BST-Q0001", Reason: "bad"}}
	}
	return c
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

// learn looks at the book now and then, as a leader does.
func (g *generator) learn(t testing.TB, v *View) {
	for n := range g.jobs {
		for s, err := range v.SliceStates(jobName(n)) {
			if err != nil {
				t.Fatal(err)
			}
			g.epoch[s.ID], g.owner[s.ID] = s.Epoch, s.Owner
		}
	}
}
