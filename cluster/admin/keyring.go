package admin

import (
	"context"
	"slices"
	"strings"

	"backstitch/cluster"
	"backstitch/cluster/client"
	"backstitch/cluster/member"
	"backstitch/fsm"
)

// The keys of gossip. A key comes in by one request and goes out by none.

func (s *Server) listKeyring(ctx context.Context, _ *struct{}) (*indexed[client.Keyring], error) {
	if err := s.allows(fsm.NoteKeyring{}); err != nil {
		return nil, err
	}
	rings, err := s.node.Keyring(ctx)
	if err != nil {
		return nil, s.failed(err)
	}
	return &indexed[client.Keyring]{Body: describeKeyring(rings)}, nil
}

func describeKeyring(rings []cluster.KeyringNode) client.Keyring {
	out := client.Keyring{Keys: []client.GossipKey{}, Nodes: []client.GossipNode{}}
	var prints []string
	for _, r := range rings {
		out.Nodes = append(out.Nodes, describeRing(r))
		for _, p := range r.Keys {
			if !slices.Contains(prints, p) {
				prints = append(prints, p)
			}
		}
	}
	for _, p := range prints {
		k := client.GossipKey{Fingerprint: p, Nodes: []string{}, Primary: []string{}, Missing: []string{}}
		for _, r := range rings {
			switch {
			case slices.Contains(r.Keys, p):
				k.Nodes = append(k.Nodes, r.Name)
			case r.Silent == nil:
				k.Missing = append(k.Missing, r.Name)
			}
			if r.Primary == p {
				k.Primary = append(k.Primary, r.Name)
			}
		}
		out.Keys = append(out.Keys, k)
	}
	// What most encrypt with comes first.
	slices.SortFunc(out.Keys, func(a, b client.GossipKey) int {
		if n := len(b.Primary) - len(a.Primary); n != 0 {
			return n
		}
		return strings.Compare(a.Fingerprint, b.Fingerprint)
	})
	return out
}

func describeRing(r cluster.KeyringNode) client.GossipNode {
	out := client.GossipNode{ID: string(r.ID), Name: r.Name, Answers: r.Silent == nil, Encrypts: len(r.Keys) > 0, Revision: r.Revision, Primary: r.Primary,
		Keys: append([]string{}, r.Keys...)}
	for _, err := range []error{r.Refused, r.Silent} {
		if err != nil {
			out.Why = err.Error()
		}
	}
	return out
}

func (s *Server) installGossipKey(ctx context.Context, in *struct {
	Keyed
	Body client.InstallGossipKey
}) (*indexed[client.KeyringChanged], error) {
	key, err := member.ParseKey(in.Body.Key)
	if err != nil {
		return nil, invalid(err.Error(), "backstitch cluster keyring generate FILE")
	}
	return s.changeKeyring(ctx, in.Keyed, in.Body.Reason, cluster.KeyringChange{Change: fsm.KeyringInstall, Key: key})
}

// turnGossipKey lets a key encrypt, or removes it.
func (s *Server) turnGossipKey(change fsm.KeyringChange) func(context.Context, *struct {
	Keyed
	Body client.TurnGossipKey
}) (*indexed[client.KeyringChanged], error) {
	return func(ctx context.Context, in *struct {
		Keyed
		Body client.TurnGossipKey
	}) (*indexed[client.KeyringChanged], error) {
		return s.changeKeyring(ctx, in.Keyed, in.Body.Reason, cluster.KeyringChange{Change: change, Fingerprint: in.Body.Fingerprint, Force: in.Body.Force})
	}
}

func (s *Server) changeKeyring(ctx context.Context, keyed Keyed, reason string, change cluster.KeyringChange) (*indexed[client.KeyringChanged], error) {
	if err := s.allows(fsm.NoteKeyring{}); err != nil {
		return nil, err
	}
	done, err := s.node.ChangeKeyring(ctx, s.envelope(ctx, keyed, "keyring-"+change.Change.String(), reason), change)
	if err != nil {
		return nil, s.failed(err)
	}
	out := client.KeyringChanged{Fingerprint: done.Key, Changed: done.Changed, Complete: true, Revision: done.Revision, Nodes: []client.GossipNode{}}
	for _, r := range done.Nodes {
		n := describeRing(r)
		n.Took = r.Silent == nil && r.Refused == nil
		out.Complete = out.Complete && n.Took
		out.Nodes = append(out.Nodes, n)
	}
	return &indexed[client.KeyringChanged]{Body: out}, nil
}
