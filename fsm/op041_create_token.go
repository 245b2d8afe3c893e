package fsm

import (
	"cmp"
	"fmt"
	"slices"
)

// maxTokenNamespaces is how many namespaces one token can be bound to.
const maxTokenNamespaces = 32

// CreateToken makes a token known, with a role in each of its namespaces or, without any, in all. Its text is made at the door and not in here:
// the book has the hash.
//
// Since: 8. Proposed by: the API. Refused: Invalid (among others: it has no end or ends too late; too many tokens, or policies), Exists (the
// accessor is taken), WrongState (access is not controlled yet: the first token is that of BootstrapAccess).
type CreateToken struct {
	Accessor         string
	Hash             [32]byte
	Namespaces       []string
	Role             AccessRole // AccessNone leaves it to policies
	ExpiresUnixNanos int64
}

// Op returns 41.
func (CreateToken) Op() uint16 { return 41 }

func (c CreateToken) subject() string { return "token " + c.Accessor }

func (c CreateToken) apply(t *tx) Result {
	if why := c.invalid(t.env.UnixNanos); why != "" {
		return t.refuse(Invalid, why)
	}
	if !t.accessControlled() {
		return t.refuse(WrongState, "access is not controlled")
	}
	var k Token
	if t.read(tokenKey(c.Accessor), &k) {
		return t.refuse(Exists, c.subject())
	}
	where := c.Namespaces
	if len(where) == 0 {
		where = []string{EveryNamespace}
	}
	if c.Role != AccessNone && len(t.keys(key(kindAccessPolicy)))+len(where) > MaxAccessPolicies {
		return t.refuse(Invalid, fmt.Sprintf("%s: there are %d policies already", c.subject(), MaxAccessPolicies))
	}
	if !t.roomForToken() {
		return t.refuse(Invalid, fmt.Sprintf("%s: there are %d tokens, and none has ended", c.subject(), MaxTokens))
	}
	t.write(tokenKey(c.Accessor), &Token{
		Accessor: c.Accessor, Hash: c.Hash, Why: t.env.Reason, Namespaces: c.Namespaces, ExpiresUnixNanos: c.ExpiresUnixNanos,
		CreatedBy: t.env.Actor, CreatedUnixNanos: t.env.UnixNanos, ModifyIndex: t.index,
	})
	if c.Role == AccessNone {
		return t.ok()
	}
	for i, namespace := range where {
		t.putAccessPolicy(fmt.Sprintf("%s.%d", c.Accessor, i+1), TokenSubject(c.Accessor), c.Role, namespace)
	}
	return t.ok()
}

func (c CreateToken) invalid(now int64) string {
	switch {
	case named("accessor", c.Accessor) != "":
		return named("accessor", c.Accessor)
	case c.Hash == ([32]byte{}):
		return c.subject() + ": a hash of zeros"
	case c.Role > AccessAdmin:
		return fmt.Sprintf("%s: %s", c.subject(), c.Role)
	case len(c.Namespaces) > maxTokenNamespaces:
		return fmt.Sprintf("%s: %d namespaces, at most %d are allowed", c.subject(), len(c.Namespaces), maxTokenNamespaces)
	case c.ExpiresUnixNanos <= now || c.ExpiresUnixNanos-now > int64(MaxTokenLife):
		return fmt.Sprintf("%s: it has to end within %s", c.subject(), MaxTokenLife)
	}
	for i, n := range c.Namespaces {
		if why := named("namespace", n); why != "" || n == EveryNamespace || slices.Contains(c.Namespaces[:i], n) {
			return cmp.Or(why, fmt.Sprintf("%s: namespace %q twice, or one that stands for all", c.subject(), n))
		}
	}
	return ""
}

// accessControlled reports whether there was a first token.
func (t *tx) accessControlled() bool {
	var p AccessPolicy
	return t.read(accessPolicyKey(BootstrapPolicy), &p)
}

// roomForToken forgets the token that ended first when there are too many.
func (t *tx) roomForToken() bool {
	keys := t.keys(key(kindToken))
	if len(keys) < MaxTokens {
		return true
	}
	var oldest Token
	for _, at := range keys {
		var k Token
		if t.read(at, &k); k.EndedUnixNanos != 0 && (oldest.EndedUnixNanos == 0 || k.EndedUnixNanos < oldest.EndedUnixNanos) {
			oldest = k
		}
	}
	if oldest.EndedUnixNanos == 0 {
		return false
	}
	t.remove(tokenKey(oldest.Accessor))
	return true
}

func (t *tx) putAccessPolicy(name, subject string, role AccessRole, namespace string) {
	t.write(accessPolicyKey(name), &AccessPolicy{
		Name: name, Subject: subject, Role: role, Namespace: namespace, PutBy: t.env.Actor, Why: t.env.Reason, PutUnixNanos: t.env.UnixNanos, ModifyIndex: t.index,
	})
}
