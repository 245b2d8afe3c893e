package testbed

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"backstitch/cluster/client"
)

// This file lets nodes come and go for good.

// limitOfVote is how long a node that is new may take until it votes: it has to have been healthy for a while first.
const limitOfVote = time.Minute

// Join starts one more agent, which finds a cluster and makes none, and waits until it votes.
func (f *Fleet) Join(t testing.TB, seat Seat) *Node {
	t.Helper()
	n := &Node{Name: f.NextName(), Seat: seat, joins: true}
	n.config = filepath.Join(f.layout.Dir, n.Name+".yaml")
	port := 0
	if seat.Host == "" {
		port = FreePorts(t, 3)
	}
	f.named++
	f.Nodes = append(f.Nodes, n)
	f.place(t, n, port)
	f.reach(t)
	f.Start(t, n)
	f.votes(t, n)
	return n
}

// NextName is the name of the node that joins next.
func (f *Fleet) NextName() string { return nodeName(f.named) }

func nodeName(i int) string { return fmt.Sprintf("node-%c", 'a'+i) }

func (f *Fleet) votes(t testing.TB, n *Node) {
	t.Helper()
	f.Ready(t, n)
	Eventually(t, limitOfVote, n.Name+" to vote", func() bool { return f.peer(t.Context(), n).Voter })
}

// peer is what the others say of a node's place in the Raft group; the zero Peer when it has none, or nobody answers.
func (f *Fleet) peer(ctx context.Context, n *Node) client.Peer {
	peers, err := f.Client.Peers(ctx)
	if err != nil {
		return client.Peer{}
	}
	i := slices.IndexFunc(peers, func(p client.Peer) bool { return p.Name == n.Name })
	if i < 0 {
		return client.Peer{}
	}
	return peers[i]
}

// Expel takes a node out of the cluster by the word of the others, whether it runs or not. Its process goes on, if it runs, and
// is the fleet's no more.
func (f *Fleet) Expel(t testing.TB, n *Node) error {
	t.Helper()
	others := f.Ask(t, f.Others(n)...)
	if err := others.RemovePeer(t.Context(), n.Name); err != nil {
		return fmt.Errorf("expel %s: %w", n.Name, err)
	}
	f.Nodes = f.Others(n)
	f.reach(t)
	if p := f.peer(t.Context(), n); p.Name != "" {
		return fmt.Errorf("expel %s: it is in the group still: %+v", n.Name, p)
	}
	return nil
}

// Replace puts an empty node in the place of one that is gone with its disk: what an operator does, who first takes the old one
// out of the cluster. It waits until the new one votes, and returns an error when that is the old one all the same.
func (f *Fleet) Replace(t testing.TB, n *Node) error {
	t.Helper()
	old := f.peer(t.Context(), n)
	n.Kill()
	if err := os.RemoveAll(f.DataDir(n)); err != nil {
		return fmt.Errorf("replace %s: %w", n.Name, err)
	}
	if err := f.Expel(t, n); err != nil {
		return err
	}
	f.Nodes = append(f.Nodes, n)
	slices.SortFunc(f.Nodes, func(a, b *Node) int { return int(a.Name[len(a.Name)-1]) - int(b.Name[len(b.Name)-1]) })
	f.reach(t)
	n.joins = true
	f.Start(t, n)
	f.votes(t, n)
	if now := f.peer(t.Context(), n); old.ID == "" || now.ID == old.ID {
		return fmt.Errorf("replace %s: it was %q and is %q now, want another node", n.Name, old.ID, now.ID)
	}
	return nil
}
