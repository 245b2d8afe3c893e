package fsm

import "fmt"

// BootstrapAccess makes the first token, an admin everywhere without an end, and with it access is controlled: from here on whoever is not
// known is not let in. It happens once. A later one is a recovery: it names the index of the one before, which only somebody who can write into
// a node's data directory is asked for, and it leaves every other token and policy as it is.
//
// Since: 8. Proposed by: the API. Refused: WrongState (Seen is not the index of the present first token, 0 for none; the Object has it), Exists
// (the accessor is taken), Invalid.
type BootstrapAccess struct {
	Accessor string
	Hash     [32]byte
	Seen     uint64
}

// Op returns 44.
func (BootstrapAccess) Op() uint16 { return 44 }

func (c BootstrapAccess) subject() string { return "first token " + c.Accessor }

func (c BootstrapAccess) apply(t *tx) Result {
	if why := named("accessor", c.Accessor); why != "" || c.Hash == ([32]byte{}) {
		return t.refuse(Invalid, c.subject()+": no accessor, or a hash of zeros")
	}
	var now AccessPolicy
	t.read(accessPolicyKey(BootstrapPolicy), &now)
	if c.Seen != now.ModifyIndex {
		return t.refuse(WrongState, fmt.Sprintf("the first token was made at index %d", now.ModifyIndex))
	}
	var k Token
	if t.read(tokenKey(c.Accessor), &k) {
		return t.refuse(Exists, c.subject())
	}
	if !t.roomForToken() {
		return t.refuse(Invalid, fmt.Sprintf("%s: there are %d tokens, and none has ended", c.subject(), MaxTokens))
	}
	if old, ok := TokenOf(now.Subject); ok { // it is lost, or whoever found it must not keep it
		if t.read(tokenKey(old), &k) && k.EndedUnixNanos == 0 {
			k.EndedUnixNanos, k.EndedBy, k.EndedWhy, k.ModifyIndex = max(1, t.env.UnixNanos), t.env.Actor, "another first token took its place", t.index
			t.write(tokenKey(old), &k)
		}
	}
	t.write(tokenKey(c.Accessor), &Token{
		Accessor: c.Accessor, Hash: c.Hash, Why: "the first token", CreatedBy: t.env.Actor, CreatedUnixNanos: t.env.UnixNanos, ModifyIndex: t.index,
	})
	t.putAccessPolicy(BootstrapPolicy, TokenSubject(c.Accessor), AccessAdmin, EveryNamespace)
	return t.ok()
}
