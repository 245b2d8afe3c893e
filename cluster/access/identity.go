package access

import (
	"fmt"
	"slices"
	"time"

	"backstitch/fsm"
)

// ClockSlack is how far a node's clock may be from the leader's. A token ends when the leader's clock says so and the book has it; a node that no
// leader reaches gives up on a token by itself that long after its end, so that being cut off does not make a token last for ever.
const ClockSlack = 5 * time.Minute

// Identity is somebody who is known, with what the book says of him.
type Identity struct {
	Subject  string // token:ACCESSOR, cert:NAME or oidc:ISSUER/PERSON
	policies []fsm.AccessPolicy
	token    *fsm.Token
	until    time.Time // of a login
}

// Person is somebody whose login was found good.
type Person struct {
	Subject string // oidc:ISSUER/PERSON
	// Roles are what the groups of the login give him by the node's configuration, as policies that are in no book.
	Roles []fsm.AccessPolicy
	Until time.Time // when the login ends
}

// ByLogin returns whom a login speaks for: with the roles of its groups, and with those that policies give to its subject.
func ByLogin(view *fsm.View, p Person) (Identity, error) {
	id, err := of(view, p.Subject, nil)
	id.policies, id.until = append(slices.Clone(p.Roles), id.policies...), p.Until
	return id, err
}

// Unknown says why somebody is not known. It never repeats what he has shown.
type Unknown struct{ Why string }

func (e *Unknown) Error() string { return e.Why }

// ByToken returns whom a token speaks for. It errs with *Unknown for one that is not known, has ended, or whose end is long past by the node's
// clock.
func ByToken(view *fsm.View, t Token, now time.Time) (Identity, error) {
	k, ok, err := view.Token(t.Accessor())
	switch {
	case err != nil:
		return Identity{}, err
	case !ok || !t.Is(k.Hash): // one answer for both: an accessor alone is not to be tried out
		return Identity{}, &Unknown{"the token is not known here"}
	case k.EndedUnixNanos != 0 && k.Expired, k.ExpiresUnixNanos != 0 && now.UnixNano() > k.ExpiresUnixNanos+int64(ClockSlack):
		return Identity{}, &Unknown{fmt.Sprintf("token %s came to its end at %s", k.Accessor, time.Unix(0, k.ExpiresUnixNanos).UTC().Format(time.RFC3339))}
	case k.EndedUnixNanos != 0:
		return Identity{}, &Unknown{fmt.Sprintf("token %s was revoked", k.Accessor)}
	}
	return of(view, fsm.TokenSubject(k.Accessor), &k)
}

// OfSubject returns what the book says of a subject that need not be at the door. ok is false for a token that there is not, or that has ended.
func OfSubject(view *fsm.View, subject string) (id Identity, ok bool, err error) {
	accessor, isToken := fsm.TokenOf(subject)
	if !isToken {
		id, err = of(view, subject, nil)
		return id, err == nil, err
	}
	k, ok, err := view.Token(accessor)
	if err != nil || !ok || k.EndedUnixNanos != 0 {
		return Identity{}, false, err
	}
	id, err = of(view, subject, &k)
	return id, err == nil, err
}

func of(view *fsm.View, subject string, token *fsm.Token) (Identity, error) {
	all, err := view.AccessPolicies()
	if err != nil {
		return Identity{}, err
	}
	return Identity{Subject: subject, token: token,
		policies: slices.DeleteFunc(all, func(p fsm.AccessPolicy) bool { return p.Subject != subject })}, nil
}

// Role is what the identity may do in a namespace; fsm.EveryNamespace is in all of them at once.
func (i Identity) Role(namespace string) fsm.AccessRole {
	best := fsm.AccessNone
	if i.token != nil && !i.token.Within(namespace) {
		return best
	}
	for _, p := range i.policies {
		if p.Namespace == namespace || p.Namespace == fsm.EveryNamespace {
			best = max(best, p.Role)
		}
	}
	return best
}

// Best is the strongest role that the identity has in any namespace.
func (i Identity) Best() fsm.AccessRole {
	best := fsm.AccessNone
	for _, p := range i.policies {
		if p.Namespace == fsm.EveryNamespace || i.token == nil || i.token.Within(p.Namespace) {
			best = max(best, p.Role)
		}
	}
	return best
}

// Policies are those of the identity, by name.
func (i Identity) Policies() []fsm.AccessPolicy { return slices.Clone(i.policies) }

// Refusal says why somebody who is known may not do something.
type Refusal struct {
	Subject, Verb, Namespace string
	Needs, Has               fsm.AccessRole
}

func (e *Refusal) Error() string {
	where := "namespace " + e.Namespace
	if e.Namespace == fsm.EveryNamespace {
		where = "all namespaces"
	}
	return fmt.Sprintf("%s may not %s: that needs the role %s in %s, and it has %s there", e.Subject, e.Verb, e.Needs, where, e.Has)
}

// Check decides whether the identity may do v in a namespace. It errs with *Refusal. Namespaces matter to ScopeObject alone.
func (i Identity) Check(v Verb, namespace string) error {
	has := fsm.AccessAdmin
	switch v.Scope {
	case ScopeOpen, ScopeKnown:
	case ScopeAny:
		namespace, has = "any", i.Best()
	case ScopeObject:
		has = i.Role(namespace)
	default:
		namespace, has = fsm.EveryNamespace, i.Role(fsm.EveryNamespace)
	}
	if has < v.Needs {
		return &Refusal{Subject: i.Subject, Verb: v.Name, Namespace: namespace, Needs: v.Needs, Has: has}
	}
	return nil
}

// Bound are the namespaces that the identity's token can be used in, none for all.
func (i Identity) Bound() []string {
	if i.token == nil {
		return nil
	}
	return slices.Clone(i.token.Namespaces)
}

// Expires is when the token or the login that was shown comes to its end; zero for a token that does not, and for who has shown neither.
func (i Identity) Expires() time.Time {
	if i.token == nil {
		return i.until.UTC()
	}
	if i.token.ExpiresUnixNanos == 0 {
		return time.Time{}
	}
	return time.Unix(0, i.token.ExpiresUnixNanos).UTC()
}
