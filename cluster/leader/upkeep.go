package leader

import (
	"fmt"

	"backstitch/fsm"
)

// upkeep adds what is due whether or not there are jobs.
func (d *decision) upkeep() {
	d.raiseVersion()
	d.firstProofKey()
	d.endTokens()
	d.compareDigest()
}

// raiseVersion raises the cluster to the newest version that every member which has not left can apply. Nodes that are down
// count: they will have to apply the log when they come back. Where a person does it, the leader never does.
func (d *decision) raiseVersion() {
	if d.in.ByHand {
		return
	}
	var next VersionStep
	for _, step := range d.in.Versions {
		if step.Version > max(d.in.Version, next.Version) && d.allApply(step.MaxOp) {
			next = step
		}
	}
	if next.Version > 0 {
		d.propose(Proposal{
			Command: fsm.RaiseVersion{Version: next.Version},
			Reason:  "every member can apply what it brings",
		})
	}
}

func (d *decision) allApply(op uint16) bool {
	known := false
	for _, m := range d.in.Members {
		if m.State == fsm.MemberLeft {
			continue
		}
		if m.MaxOp < op {
			return false
		}
		known = true
	}
	return known
}

// firstProofKey makes this node's key the one that speaks for the cluster, if there never was one. Another key takes over only when a
// person says so: a file that was left behind on one node must not turn the keys round with each change of leader.
func (d *decision) firstProofKey() {
	since, _ := fsm.Since(fsm.PutProofKey{}.Op())
	if d.in.Version < since || d.in.OwnProofKey == ([32]byte{}) || d.in.ProofKey != ([32]byte{}) {
		return
	}
	d.propose(Proposal{Command: fsm.PutProofKey{Key: d.in.OwnProofKey}, Reason: "the first proof key"})
}

// endTokens ends the tokens whose time is over. The leader's clock decides that for the whole cluster: nodes whose clocks differ must not let the
// same token in here and refuse it there.
func (d *decision) endTokens() {
	for _, k := range d.in.Tokens {
		if k.EndedUnixNanos == 0 && k.ExpiresUnixNanos != 0 && k.ExpiresUnixNanos <= d.in.Wall.UnixNano() {
			d.propose(Proposal{Command: fsm.EndToken{Accessor: k.Accessor, Expired: true}, Reason: "it has come to its end"})
		}
	}
}

// compareDigest is due when its time has come and the book has changed since: beyond the last comparison's index lies at
// least the comparison itself, so an idle cluster stays idle.
func (d *decision) compareDigest() {
	last := d.in.LastDigest
	if d.in.Now-last.At < d.in.Limits.DigestEvery || d.in.Applied <= last.Index+1 {
		return
	}
	d.propose(Proposal{
		Command: fsm.CompareDigest{Index: d.in.Applied, Digest: d.in.Digest},
		Reason:  fmt.Sprintf("every %s", d.in.Limits.DigestEvery),
	})
}
