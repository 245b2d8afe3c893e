package fsm

import (
	"fmt"
	"strings"
	"testing"

	"backstitch/partition"
)

// What stories of aliases have besides.

// putAlias reads alias=, place=, job=, from=, groups=a,b and seen=, stage=. A topic is the end of its place, or what topic= says.
func (a args) putAlias() PutAlias {
	a.t.Helper()
	end := func(place string) string { return place[strings.LastIndexByte(place, '/')+1:] }
	c := PutAlias{Name: a.str("alias"), Place: a.str("place"), Job: a.scan(), From: a.str("from"), Seen: uint64(a.num("seen")), Stage: a.str("stage") != ""}
	c.Topic, c.FromTopic = end(c.Place), end(c.From)
	if topic, ok := a.m["topic"]; ok {
		c.Topic = topic
		delete(a.m, "topic")
	}
	for group := range strings.SplitSeq(a.str("groups"), ",") {
		if group != "" {
			c.Moves = append(c.Moves, GroupMove{Group: group, Plan: []byte("{}")})
		}
	}
	if n := a.num("plans"); n > 0 {
		c.Moves[0].Plan = make([]byte, n)
	}
	return c
}

// showAliases prints aliases with all of their versions, what is kept of their groups, and what was made void.
func (s *scenario) showAliases() string {
	var b strings.Builder
	s.view(func(v *View) {
		must := func(err error) {
			if err != nil {
				s.t.Fatal(err)
			}
		}
		all, err := v.Aliases()
		must(err)
		for _, a := range all {
			fmt.Fprintf(&b, "alias %s at version %d of %d\n", a.Name, a.Current, a.Last)
			for _, x := range a.Versions {
				moves, err := v.AliasMoves(a.Name, x.Number)
				must(err)
				fmt.Fprintf(&b, "  %d %s %s topic %s job %q proof %q after %d groups %v, kept %d", x.Number, x.State, x.Place, x.Topic, x.Job, x.Proof, x.Before, x.Groups, len(moves))
				if x.RevertedBy != "" {
					fmt.Fprintf(&b, " reverted by %s", x.RevertedBy)
				}
				b.WriteByte('\n')
			}
		}
		for j, err := range v.Jobs() {
			must(err)
			if x, ok, err := v.JobVoid(j.ID); ok {
				must(err)
				fmt.Fprintf(&b, "job %s is void: done %t records %d\n", x.Job, x.Done, x.Records)
			}
		}
		locks, err := v.Locks()
		must(err)
		for _, l := range locks {
			fmt.Fprintf(&b, "lock %s of %s\n", l.Name, l.Job)
		}
	})
	return b.String()
}

// withSeenAlias puts the present index of an alias in the place of seen=now.
func (s *scenario) withSeenAlias(line, name string) string {
	name, _, _ = strings.Cut(name, " ")
	s.view(func(v *View) {
		a, _, err := v.Alias(name)
		if err != nil {
			s.t.Fatal(err)
		}
		line = strings.Replace(line, "seen=now", fmt.Sprint("seen=", a.ModifyIndex), 1)
	})
	return line
}

// Old versions go, with what was kept of their groups; what readers are sent to stays, however old it is.
func TestOldVersionsOfAnAliasAreForgotten(t *testing.T) {
	n := newNode(t)
	do(t, n, PutMember{testMember("a")})
	do(t, n, RaiseVersion{LatestVersion})
	index := func() (a Alias) {
		n.view(func(v *View) {
			var err error
			if a, _, err = v.Alias("orders"); err != nil {
				t.Fatal(err)
			}
		})
		return a
	}
	const rounds = AliasVersionsKept + 5
	for i := range rounds {
		job := jobName(i)
		proved(t, n, job, "dir:/d/0")
		c := PutAlias{Name: "orders", Place: "dir:/d", Topic: "o", Job: job, Seen: index().ModifyIndex, Stage: true, Moves: []GroupMove{{Group: "g", Plan: []byte("{}")}}}
		do(t, n, c)
		c.Moves, c.Stage, c.Seen = nil, false, index().ModifyIndex
		do(t, n, c)
		if i == 0 || i == rounds-1 {
			continue // the first one stays current all the time
		}
		for _, done := range []bool{false, true} {
			do(t, n, RevertAlias{Name: "orders", Job: job, Seen: index().ModifyIndex, Done: done})
		}
	}
	a := index()
	if _, ok := a.Version(1); !ok || a.Current != rounds || len(a.Versions) != AliasVersionsKept {
		t.Fatalf("version 1 kept %t, current %d, %d versions", ok, a.Current, len(a.Versions))
	}
	n.view(func(v *View) {
		for number, want := range map[uint32]int{1: 1, 2: 0, rounds: 1} {
			if moves, err := v.AliasMoves("orders", number); err != nil || len(moves) != want {
				t.Errorf("version %d: %d moves, want %d: %v", number, len(moves), want, err)
			}
		}
	})
	do(t, n, RevertAlias{Name: "orders", Job: jobName(rounds - 1), Seen: a.ModifyIndex})
	if now := index(); now.Current != 1 {
		t.Errorf("reverted to version %d, want 1", now.Current)
	}
}

// proved is a job that wrote one partition and has a passing proof.
func proved(t *testing.T, n *node, job partition.JobID, lock string) {
	t.Helper()
	do(t, n, SubmitJob{ID: job, Recipe: []byte("{}"), Locks: []string{lock}, Slices: 1, PlanHash: [32]byte{1}})
	s := fillSlice(job, 0, 0, 0, 10)
	s.Kind = partition.SliceVerify
	do(t, n, AddSlices{Job: job, Slices: []partition.Slice{s}})
	do(t, n, StartJob{job})
	do(t, n, BeginVerify{job})
	do(t, n, GrantLeases{[]Grant{{Slice: s.ID, Owner: "a"}}})
	c := Comparison{Verdict: Pass, Evidence: E3, Expected: Side{Records: 10}, Actual: Side{Records: 10}, ReadBy: "a"}
	do(t, n, FinishSlice{Slice: s.ID, Owner: "a", Epoch: 1, Checkpoint: Checkpoint{Epoch: 1, Cursor: 10}, Comparison: &c})
	id := ProofID("r-" + job)
	do(t, n, RecordProof{Proof{ID: id, Job: job, Verdict: Pass, Evidence: E3, Comparisons: []Comparison{c}}})
	do(t, n, FinishJob{ID: job, State: JobSucceeded, Proof: id})
}
