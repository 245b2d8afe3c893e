package fsm

import (
	"cmp"
	"fmt"
)

// PutAccessPolicy gives a subject a role in a namespace, changes that, or, with AccessNone, takes it away.
//
// Since: 8. Proposed by: the API. Refused: UnknownAccessPolicy (to take away what is not there), UnknownToken (a policy for a token that there is
// not, or that has ended), WrongState (the policy of the first token; access is not controlled yet), Invalid. The same policy again is OK and
// changes nothing.
type PutAccessPolicy struct {
	Name      string
	Subject   string
	Role      AccessRole
	Namespace string
}

// Op returns 43.
func (PutAccessPolicy) Op() uint16 { return 43 }

func (c PutAccessPolicy) subject() string { return "policy " + c.Name }

func (c PutAccessPolicy) apply(t *tx) Result {
	if why := c.invalid(); why != "" {
		return t.refuse(Invalid, why)
	}
	switch {
	case c.Name == BootstrapPolicy:
		return t.refuse(WrongState, c.subject()+" is that of the first token")
	case !t.accessControlled():
		return t.refuse(WrongState, "access is not controlled")
	}
	var p AccessPolicy
	known := t.read(accessPolicyKey(c.Name), &p)
	if c.Role == AccessNone {
		if !known {
			return t.refuse(UnknownAccessPolicy, c.Name)
		}
		t.remove(accessPolicyKey(c.Name))
		return t.ok()
	}
	if accessor, ok := TokenOf(c.Subject); ok {
		var k Token
		if !t.read(tokenKey(accessor), &k) || k.EndedUnixNanos != 0 {
			return t.refuse(UnknownToken, accessor)
		}
	}
	switch {
	case known && p.Subject == c.Subject && p.Role == c.Role && p.Namespace == c.Namespace:
		return t.ok()
	case !known && len(t.keys(key(kindAccessPolicy))) >= MaxAccessPolicies:
		return t.refuse(Invalid, fmt.Sprintf("%s: there are %d policies already", c.subject(), MaxAccessPolicies))
	}
	t.putAccessPolicy(c.Name, c.Subject, c.Role, c.Namespace)
	return t.ok()
}

func (c PutAccessPolicy) invalid() string {
	switch {
	case c.Role == AccessNone:
		return named("policy", c.Name)
	case c.Role > AccessAdmin:
		return fmt.Sprintf("%s: %s", c.subject(), c.Role)
	}
	return cmp.Or(named("policy", c.Name), invalidSubject(c.Subject), named("namespace", c.Namespace))
}
