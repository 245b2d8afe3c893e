package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"backstitch/cluster/member"
	"backstitch/cluster/wire"
	"backstitch/fsm"
	"backstitch/partition"
)

// This file changes the keys of gossip while it goes on. The node that an operator asks reads every member's ring, makes the next one of
// it, and gives that to all of them, over the port between nodes and never over gossip. Whoever was not there takes it over later: a node
// asks the others for a newer ring when it starts, while it hears of nobody, and now and then.
//
// The traps: a key that encrypts before everybody has it, and a key that is taken from somebody who encrypts with it. Both cut nodes
// off, so both are refused, the first one and any silence of a member unless somebody insists. And keys are secrets: they go to members of
// the cluster over TLS, and into each node's own directory, nowhere else.

const (
	keyringSince   = 8 // the cluster version from which on every node knows messages about keys
	keyringTimeout = 3 * time.Second
	keyringEvery   = 5 * time.Second // between two looks at the key file, and at another node's ring
	minFingerprint = 8               // digits of a fingerprint that somebody has to type
)

// KeyringNode is the ring of one member.
type KeyringNode struct {
	ID   partition.NodeID
	Name string
	// Silent is why nothing is known of it, nil when it answered. One that answers without keys does not encrypt gossip.
	Silent   error
	Revision uint64
	Primary  string   // fingerprint of the key that encrypts
	Keys     []string // fingerprints of all keys, the primary first
	// Refused is why the node did not take a change, nil when it did or when there was none.
	Refused error
}

// KeyringChange is what is to be done to the rings of all members.
type KeyringChange struct {
	Change      fsm.KeyringChange
	Key         member.Key // to install
	Fingerprint string     // to use or remove: all of it, or enough digits from its beginning
	Force       bool       // although a member is silent, or does not have the key
}

// KeyringChanged is what came of a change.
type KeyringChanged struct {
	Key      string // fingerprint
	Revision uint64 // of the ring that members have now
	Changed  bool   // false when everybody who answers had that ring
	Nodes    []KeyringNode
}

// heldRing is the ring of a member with its keys.
type heldRing struct {
	member fsm.Member
	keys   member.Keys
	err    error
}

func (h heldRing) fingerprints() []string {
	out := make([]string, 0, len(h.keys.Keys))
	for _, k := range h.keys.Keys {
		out = append(out, k.Fingerprint())
	}
	return out
}

func (h heldRing) shown() KeyringNode {
	out := KeyringNode{ID: h.member.ID, Name: h.member.Name, Silent: h.err, Revision: h.keys.Revision, Keys: h.fingerprints()}
	if len(out.Keys) > 0 {
		out.Primary = out.Keys[0]
	}
	return out
}

// Keyring asks every member for its ring, by name. What comes back has fingerprints only.
func (n *Node) Keyring(ctx context.Context) ([]KeyringNode, error) {
	members, err := n.ringMembers()
	if err != nil {
		return nil, err
	}
	return eachMember(members, func(m fsm.Member) KeyringNode {
		reply, err := n.askRing(ctx, m, &wire.Keyring{})
		out := KeyringNode{ID: m.ID, Name: m.Name, Silent: err}
		if err == nil {
			out.Revision, out.Keys = reply.Revision, reply.Fingerprints
			if len(out.Keys) > 0 {
				out.Primary = out.Keys[0]
			}
		}
		return out
	}), nil
}

// ChangeKeyring does change to the rings of all members. A member that did not take it is named in the answer, with why; the same change
// once more goes on from there. An error says that nothing was changed anywhere, but for ErrOutcomeUnknown, after which it may be in the trail.
func (n *Node) ChangeKeyring(ctx context.Context, env fsm.Envelope, change KeyringChange) (KeyringChanged, error) {
	refuse := n.refuseKeyring
	switch {
	case !closed(n.started) || !n.readable():
		return KeyringChanged{}, n.notReady()
	case n.files == nil:
		return KeyringChanged{}, refuse("tls is not set on node "+n.cfg.Name+", and keys go from node to node over TLS only",
			"backstitch cluster ca DIR     then tls.ca, tls.cert and tls.key on every node")
	case n.ring == nil:
		return KeyringChanged{}, refuse("node "+n.cfg.Name+" does not encrypt gossip: gossip.keyFile is not set there",
			"backstitch cluster keyring generate FILE     then gossip.keyFile on every node")
	case change.Change == fsm.KeyringInstall && change.Key.Validate() != nil:
		return KeyringChanged{}, refuse(change.Key.Validate().Error(), "backstitch cluster keyring generate FILE")
	}
	n.rings.Lock()
	defer n.rings.Unlock()
	members, err := n.ringMembers()
	if err != nil {
		return KeyringChanged{}, err
	}
	if !slices.ContainsFunc(members, func(m fsm.Member) bool { return string(m.ID) == n.id }) {
		return KeyringChanged{}, fmt.Errorf("%w: this node does not have itself in its book yet", ErrNotReady)
	}
	held := eachMember(members, func(m fsm.Member) heldRing { return n.fetchRing(ctx, m) })
	base, err := n.newestRing(held)
	if err != nil {
		return KeyringChanged{}, err
	}
	key, err := n.keyOf(change, held)
	if err != nil {
		return KeyringChanged{}, err
	}
	out := KeyringChanged{Key: cmp.Or(change.Fingerprint, key.Fingerprint()), Revision: base.Revision}
	if key != nil {
		out.Key = key.Fingerprint()
	}
	if err := n.mayChange(change, out.Key, held); err != nil {
		return KeyringChanged{}, err
	}
	next := member.Keys{Revision: base.Revision, Keys: turned(change.Change, base.Keys, key)}
	if len(next.Keys) > member.MaxKeys {
		return KeyringChanged{}, refuse(fmt.Sprintf("there are %d keys already", len(base.Keys)), "remove one first: backstitch cluster keyring list")
	}
	if out.Changed = n.differs(held, base, next); !out.Changed {
		for _, h := range held {
			out.Nodes = append(out.Nodes, h.shown())
		}
		return out, nil
	}
	res, err := n.Propose(ctx, env, fsm.NoteKeyring{Change: change.Change, Key: out.Key, Forced: change.Force})
	if err != nil {
		return KeyringChanged{}, err
	}
	if res.Code != fsm.OK {
		return KeyringChanged{}, fmt.Errorf("%w: the book refused it: code %d %s", ErrRefused, res.Code, res.Object)
	}
	// The book here may have been behind when it was asked who is a member. It has come to the note now; whoever is new gets the whole ring.
	if members, err = n.ringMembers(); err != nil {
		return KeyringChanged{}, err
	}
	next.Revision = max(res.Index, base.Revision+1)
	out.Revision = next.Revision
	out.Nodes = eachMember(members, func(m fsm.Member) KeyringNode { return n.putRing(ctx, m, base.Revision, next) })
	return out, nil
}

func (n *Node) refuseKeyring(why, hint string) error {
	return &Error{Code: CodeKeyring, Object: "gossip keys", Kind: ErrRefused, Cause: errors.New(why), Hint: hint}
}

// ringMembers are the members that have, or should have, a ring: by name.
func (n *Node) ringMembers() ([]fsm.Member, error) {
	if !n.readable() {
		return nil, n.notReady()
	}
	v, err := n.View()
	if err != nil {
		return nil, err
	}
	defer v.Close()
	if version, err := v.Version(); err != nil {
		return nil, err
	} else if version < keyringSince {
		return nil, fmt.Errorf("%w: the cluster is of feature level %d, and keys are given from node to node from %d on", ErrRefused, version, keyringSince)
	}
	members, err := v.Members()
	if err != nil {
		return nil, err
	}
	members = slices.DeleteFunc(members, func(m fsm.Member) bool { return m.State == fsm.MemberLeft })
	slices.SortFunc(members, func(a, b fsm.Member) int { return cmp.Compare(a.Name, b.Name) })
	return members, nil
}

// eachMember does ask for all members at the same time, and returns what came of it in their order.
func eachMember[T any](members []fsm.Member, ask func(fsm.Member) T) []T {
	out := make([]T, len(members))
	var asked sync.WaitGroup
	for i, m := range members {
		asked.Go(func() { out[i] = ask(m) })
	}
	asked.Wait()
	return out
}

// newestRing is what a change begins from: the ring of the latest revision. Members that were given their keys by files may have
// different ones under one revision; then it is all of their keys, so that a change takes a key from nobody, and of several primaries this node's.
func (n *Node) newestRing(held []heldRing) (member.Keys, error) {
	var out member.Keys
	for _, h := range held {
		if len(h.keys.Keys) > 0 {
			out.Revision = max(out.Revision, h.keys.Revision)
		}
	}
	own := n.ring.Keys()
	if own.Revision == out.Revision {
		out.Keys = own.Keys
	}
	for _, h := range held {
		if h.keys.Revision != out.Revision {
			continue
		}
		for _, k := range h.keys.Keys {
			if out.Find(k.Fingerprint()) == nil {
				out.Keys = append(out.Keys, k)
			}
		}
	}
	if len(out.Keys) == 0 {
		return out, n.refuseKeyring("no member answers with a ring", "backstitch cluster keyring list")
	}
	return out, nil
}

// keyOf finds the key that is meant. It is nil for one that is to be removed and that nobody has.
func (n *Node) keyOf(change KeyringChange, held []heldRing) (member.Key, error) {
	if change.Change == fsm.KeyringInstall {
		return change.Key, nil
	}
	const list = "backstitch cluster keyring list"
	if len(change.Fingerprint) < minFingerprint || strings.Trim(change.Fingerprint, "0123456789abcdef") != "" {
		return nil, n.refuseKeyring(fmt.Sprintf("what stands for the key is not the first %d or more digits of a fingerprint", minFingerprint), list)
	}
	found := map[string]member.Key{}
	for _, h := range held {
		for _, k := range h.keys.Keys {
			if strings.HasPrefix(k.Fingerprint(), change.Fingerprint) {
				found[k.Fingerprint()] = k
			}
		}
	}
	switch {
	case len(found) > 1:
		return nil, n.refuseKeyring(fmt.Sprintf("%d keys have fingerprints that begin with %s", len(found), change.Fingerprint), "give more of its digits: "+list)
	case len(found) == 0 && change.Change == fsm.KeyringRemove && len(change.Fingerprint) == len(member.Key(nil).Fingerprint()):
		return nil, nil
	case len(found) == 0:
		return nil, &Error{Code: CodeNoKey, Object: "gossip key " + change.Fingerprint, Kind: ErrRefused, Cause: errors.New("no member that answers has it"), Hint: list}
	}
	for _, k := range found {
		return k, nil
	}
	return nil, nil
}

// mayChange refuses what would cut a member off.
func (n *Node) mayChange(change KeyringChange, key string, held []heldRing) error {
	if change.Change == fsm.KeyringInstall {
		return nil
	}
	var silent, without, primary []string
	for _, h := range held {
		switch prints := h.fingerprints(); {
		case h.err != nil:
			silent = append(silent, fmt.Sprintf("%s says nothing of its keys (%v)", h.member.Name, h.err))
		case change.Change == fsm.KeyringUse && !slices.Contains(prints, key):
			without = append(without, h.member.Name)
		case change.Change == fsm.KeyringRemove && len(prints) > 0 && prints[0] == key:
			primary = append(primary, h.member.Name)
		}
	}
	if len(primary) > 0 {
		return n.refuseKeyring(fmt.Sprintf("%s %s with %s: without it nobody would understand what is sent", strings.Join(primary, ", "), verbFor(primary, "encrypts", "encrypt"), key),
			"let another key encrypt first: backstitch cluster keyring use FINGERPRINT")
	}
	if change.Force {
		return nil
	}
	var why []string
	if len(without) > 0 {
		why = append(why, fmt.Sprintf("%s %s not have %s", strings.Join(without, ", "), verbFor(without, "does", "do"), key))
	}
	if why = append(why, silent...); len(why) == 0 {
		return nil
	}
	hint := "bring the others back, or go on without them: --force"
	if change.Change == fsm.KeyringUse {
		hint = "backstitch cluster keyring install FILE     once more, or go on without them: --force"
	}
	return n.refuseKeyring(strings.Join(why, "; "), hint)
}

func verbFor(names []string, one, more string) string {
	if len(names) == 1 {
		return one
	}
	return more
}

// turned is the ring after a change.
func turned(change fsm.KeyringChange, keys []member.Key, key member.Key) []member.Key {
	print := key.Fingerprint()
	is := func(k member.Key) bool { return k.Fingerprint() == print }
	switch {
	case key == nil:
		return slices.Clone(keys)
	case change == fsm.KeyringUse:
		return append([]member.Key{key}, slices.DeleteFunc(slices.Clone(keys), is)...)
	case change == fsm.KeyringRemove:
		return slices.DeleteFunc(slices.Clone(keys), is)
	case slices.ContainsFunc(keys, is):
		return slices.Clone(keys)
	}
	return append(slices.Clone(keys), key)
}

// differs reports whether anybody who answers has another ring than next.
func (n *Node) differs(held []heldRing, base, next member.Keys) bool {
	want := heldRing{keys: next}.fingerprints()
	return slices.ContainsFunc(held, func(h heldRing) bool {
		return h.err == nil && (h.keys.Revision != base.Revision || !slices.Equal(h.fingerprints(), want))
	})
}

// fetchRing asks a member for its ring with the keys.
func (n *Node) fetchRing(ctx context.Context, m fsm.Member) heldRing {
	out := heldRing{member: m}
	reply, err := n.askRing(ctx, m, &wire.Keyring{Keys: true})
	if err != nil {
		out.err = err
		return out
	}
	out.keys, out.err = ringOf(reply)
	if out.err == nil && len(out.keys.Keys) == 0 {
		out.err = errors.New("it does not encrypt gossip: gossip.keyFile is not set there")
	}
	return out
}

func ringOf(reply *wire.KeyringReply) (member.Keys, error) {
	out := member.Keys{Revision: reply.Revision}
	for _, secret := range reply.Keys {
		key := member.Key(slices.Clone(secret))
		if err := key.Validate(); err != nil {
			return member.Keys{}, err
		}
		out.Keys = append(out.Keys, key)
	}
	return out, nil
}

// putRing gives a member a ring.
func (n *Node) putRing(ctx context.Context, m fsm.Member, base uint64, next member.Keys) KeyringNode {
	req := &wire.PutKeyring{Base: base, Revision: next.Revision}
	for _, k := range next.Keys {
		req.Keys = append(req.Keys, wire.Secret(k))
	}
	out := KeyringNode{ID: m.ID, Name: m.Name}
	reply, err := n.askRing(ctx, m, req)
	var f *wire.Failure
	switch {
	case errors.As(err, &f) && f.Reason == wire.Refused:
		out.Refused = err
	case err != nil:
		out.Silent, out.Refused = err, err
	default:
		out.Revision, out.Keys = reply.Revision, reply.Fingerprints
		if len(out.Keys) > 0 {
			out.Primary = out.Keys[0]
		}
	}
	return out
}

// askRing asks a member, which may be this node.
func (n *Node) askRing(ctx context.Context, m fsm.Member, req wire.Message) (*wire.KeyringReply, error) {
	ctx, cancel := context.WithTimeout(ctx, keyringTimeout)
	defer cancel()
	*wire.From(req) = n.who()
	var answer wire.Message
	var err error
	if string(m.ID) == n.id {
		answer, err = n.serveKeyring(true, req)
	} else {
		var addr string
		if addr, _, err = n.resolve(string(m.ID)); err == nil {
			answer, err = n.pool.Call(ctx, string(m.ID), addr, req, nil, true)
		}
	}
	if err != nil {
		return nil, err
	}
	reply, ok := answer.(*wire.KeyringReply)
	if !ok {
		return nil, fmt.Errorf("%w: %T in answer to a question about keys", wire.ErrFrame, answer)
	}
	return reply, nil
}

// serveKeyring is the node's side of both requests. secure says that the asking node has shown its certificate.
func (n *Node) serveKeyring(secure bool, req wire.Message) (wire.Message, error) {
	refuse := func(text string) error {
		return &wire.Failure{Reason: wire.Refused, Code: CodeKeyring, Text: text}
	}
	from := wire.From(req)
	if from.Cluster == "" || from.Cluster != n.ClusterID() {
		return nil, refuse("only nodes of the cluster may ask about keys")
	}
	known, isMember, err := n.bookMember(partition.NodeID(from.ID))
	if err != nil {
		return nil, err
	}
	if isMember && known.State == fsm.MemberLeft {
		return nil, refuse(fmt.Sprintf("node %s has left the cluster", from.Name))
	}
	withKeys := false
	switch r := req.(type) {
	case *wire.Keyring:
		withKeys = r.Keys
		if withKeys && !isMember {
			return nil, refuse(fmt.Sprintf("node %s is not a member", from.Name))
		}
		if withKeys && !secure {
			return nil, refuse("keys are given over TLS only")
		}
	case *wire.PutKeyring:
		if !secure {
			return nil, refuse("keys are taken over TLS only")
		}
		if n.ring == nil {
			return nil, refuse(fmt.Sprintf("node %s does not encrypt gossip: gossip.keyFile is not set there", n.cfg.Name))
		}
		next := member.Keys{Revision: r.Revision}
		for _, s := range r.Keys {
			next.Keys = append(next.Keys, member.Key(slices.Clone(s)))
		}
		if err := n.ring.Put(r.Base, next); err != nil {
			return nil, refuse(err.Error())
		}
		n.log.Info("gossip keys changed", "revision", next.Revision, "primary", next.Primary(), "n", len(next.Keys), "by", from.Name)
	}
	out := &wire.KeyringReply{}
	if n.ring == nil {
		return out, nil
	}
	now := n.ring.Keys()
	out.Revision = now.Revision
	for _, k := range now.Keys {
		out.Fingerprints = append(out.Fingerprints, k.Fingerprint())
		if withKeys {
			out.Keys = append(out.Keys, wire.Secret(k))
		}
	}
	return out, nil
}

// keepKeys looks at the key file, and takes over a newer ring of another member: a node that was down while keys were changed can not
// gossip, and needs none to find the others, whose addresses it has.
func (n *Node) keepKeys(ctx context.Context) error {
	if n.ring == nil {
		return nil
	}
	tick := time.NewTicker(keyringEvery)
	defer tick.Stop()
	for turn := 0; ; turn++ {
		if said, err := n.ring.Reload(); err != nil && !said {
			n.log.Warn("the key file of gossip is not usable, keeping the keys that are there", "err", err)
		}
		if n.files != nil {
			n.takeNewerRing(ctx, turn)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// takeNewerRing asks one other member, by turns, and all of them at the first turn and while this node hears of nobody.
func (n *Node) takeNewerRing(ctx context.Context, turn int) {
	members, err := n.ringMembers()
	if err != nil {
		return // not a member yet, or of an older cluster version
	}
	members = slices.DeleteFunc(members, func(m fsm.Member) bool { return string(m.ID) == n.id })
	if len(members) == 0 {
		return
	}
	alone := turn == 0
	if peers, _ := n.gossip.Peers(); !alone {
		alone = !slices.ContainsFunc(peers, func(p member.Peer) bool { return p.Alive })
	}
	if !alone {
		members = members[turn%len(members):][:1]
	}
	for _, m := range members {
		own := n.ring.Keys().Revision
		reply, err := n.askRing(ctx, m, &wire.Keyring{})
		if err != nil || reply.Revision <= own {
			continue
		}
		newer := n.fetchRing(ctx, m)
		if newer.err == nil {
			newer.err = n.ring.Put(own, newer.keys)
		}
		if newer.err != nil {
			n.log.Warn("a newer ring of gossip keys could not be taken over", "peer", m.Name, "err", newer.err)
			continue
		}
		n.log.Info("took over newer gossip keys", "peer", m.Name, "revision", newer.keys.Revision, "primary", newer.keys.Primary(), "n", len(newer.keys.Keys))
	}
}
