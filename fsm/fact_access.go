package fsm

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Who may do what. The book says which tokens there are and which role a subject has where; which role a request needs, and whether it is let in,
// is decided at the door (cluster/access, cluster/admin).
//
// A subject is "token:ACCESSOR", "cert:NAME", or "oidc:ISSUER/PERSON" of somebody who has signed in. Actors of envelopes are written the same way, so
// the audit trail, the policies and the consents speak of the same somebody.

// AccessRole is what a subject may do. Each includes those before it. The numbers are stored; never reuse one.
type AccessRole uint8

const (
	AccessNone     AccessRole = 0
	AccessViewer   AccessRole = 1 // reads
	AccessOperator AccessRole = 2 // submits and steers work
	AccessApprover AccessRole = 3 // says yes or no to the work of others
	AccessAdmin    AccessRole = 4 // changes the cluster, and who may do what
)

// AccessRoles are all roles, the weakest first.
var AccessRoles = [...]AccessRole{AccessViewer, AccessOperator, AccessApprover, AccessAdmin}

// String returns "none", "viewer", "operator", "approver" or "admin".
func (r AccessRole) String() string {
	switch r {
	case AccessNone:
		return "none"
	case AccessViewer:
		return "viewer"
	case AccessOperator:
		return "operator"
	case AccessApprover:
		return "approver"
	case AccessAdmin:
		return "admin"
	}
	return fmt.Sprintf("role %d", uint8(r))
}

// ParseAccessRole reads what String prints, apart from "none".
func ParseAccessRole(word string) (AccessRole, bool) {
	i := slices.IndexFunc(AccessRoles[:], func(r AccessRole) bool { return r.String() == word })
	if i < 0 {
		return AccessNone, false
	}
	return AccessRoles[i], true
}

const (
	// EveryNamespace stands for all namespaces, and for what is in none.
	EveryNamespace = "*"
	// BootstrapPolicy is the name of the policy that makes the first token an admin. It can not be removed, so there is always a way in, and its
	// ModifyIndex is what a recovery has to name.
	BootstrapPolicy = "bootstrap"
	// MaxTokens is how many tokens a book has. Those that have ended make room.
	MaxTokens = 1000
	// MaxAccessPolicies is how many policies a book has.
	MaxAccessPolicies = 1000
	// MaxConsents is how many consents a book has. The oldest make room.
	MaxConsents = 1000
	// MaxTokenLife is how long a token may be good for. The first one has no end: it ends when somebody revokes it.
	MaxTokenLife = 366 * 24 * time.Hour

	subjectToken = "token:"
	subjectCert  = "cert:"
)

// TokenSubject is the subject of a token.
func TokenSubject(accessor string) string { return subjectToken + accessor }

// CertSubject is the subject of a client's certificate. name is the last part of its URI.
func CertSubject(name string) string { return subjectCert + name }

// TokenOf returns the accessor of a subject that is a token.
func TokenOf(subject string) (accessor string, ok bool) {
	return strings.CutPrefix(subject, subjectToken)
}

// Token is one token as the book keeps it: everything but the token.
type Token struct {
	Accessor string   // its public name
	Hash     [32]byte // SHA-256 of its text
	Why      string   // whom or what it is for
	// Namespaces are those in which it can be used, whatever policies say; none is everywhere.
	Namespaces       []string
	ExpiresUnixNanos int64 // 0 for never

	CreatedBy        string
	CreatedUnixNanos int64
	// EndedUnixNanos is when it was revoked, or found expired by the leader's clock; 0 while it is good.
	EndedUnixNanos int64
	Expired        bool
	EndedBy        string
	EndedWhy       string
	ModifyIndex    uint64
}

// Within reports whether the token can be used in a namespace.
func (k Token) Within(namespace string) bool {
	return len(k.Namespaces) == 0 || slices.Contains(k.Namespaces, namespace)
}

// AccessPolicy gives a subject a role in a namespace.
type AccessPolicy struct {
	Name      string
	Subject   string
	Role      AccessRole
	Namespace string // EveryNamespace for all

	PutBy        string
	Why          string
	PutUnixNanos int64
	ModifyIndex  uint64
}

// Consent is somebody's wish to do what wants two people, and the other one's yes.
type Consent struct {
	ID        string // what exactly is wanted, by whom: a hash of the request
	Verb      string
	Object    string
	Namespace string
	Why       string

	AskedBy          string
	AskedUnixNanos   int64
	SaidBy           string // who said yes, "" while nobody did
	SaidUnixNanos    int64
	ExpiresUnixNanos int64
	ModifyIndex      uint64
}

func tokenKey(accessor string) []byte    { return key(kindToken, []byte(accessor)) }
func accessPolicyKey(name string) []byte { return key(kindAccessPolicy, []byte(name)) }
func consentKey(id string) []byte        { return key(kindConsent, []byte(id)) }

// Token returns a token, also one that has ended.
func (v *View) Token(accessor string) (k Token, ok bool, err error) {
	ok, err = v.read(tokenKey(accessor), &k)
	return k, ok, err
}

// Tokens returns all tokens by accessor, also those that have ended.
func (v *View) Tokens() ([]Token, error) { return allOf[Token](v, kindToken) }

// AccessPolicies returns all policies by name.
func (v *View) AccessPolicies() ([]AccessPolicy, error) {
	return allOf[AccessPolicy](v, kindAccessPolicy)
}

// BootstrapAt is the index at which the present first token was made, 0 while access is not controlled.
func (v *View) BootstrapAt() (uint64, error) {
	var p AccessPolicy
	_, err := v.read(accessPolicyKey(BootstrapPolicy), &p)
	return p.ModifyIndex, err
}

// Consent returns what was asked and said about one request.
func (v *View) Consent(id string) (c Consent, ok bool, err error) {
	ok, err = v.read(consentKey(id), &c)
	return c, ok, err
}

// Consents returns all consents by id.
func (v *View) Consents() ([]Consent, error) { return allOf[Consent](v, kindConsent) }

func allOf[T any](v *View, k kind) ([]T, error) {
	var out []T
	for x, err := range each[T](v, key(k), nil) {
		if err != nil {
			return nil, err
		}
		out = append(out, x)
	}
	return out, nil
}

// endedActor says why the actor of the present command may command no more, "" when he may: a node that has not applied a revocation yet still lets a
// token in, and what it forwards is refused here, on every replica alike.
func (t *tx) endedActor() string {
	accessor, ok := TokenOf(t.env.Actor)
	if !ok || t.version() < accessSince {
		return ""
	}
	var k Token
	switch known := t.read(tokenKey(accessor), &k); {
	case !known:
		return t.env.Actor + " is not known"
	case k.EndedUnixNanos != 0:
		return t.env.Actor + " has ended"
	}
	return ""
}

// named says what is wrong with a name that people choose or read.
func named(what, name string) string {
	if name == "" || len(name) > maxIDBytes || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '\uFFFD' }) {
		return fmt.Sprintf("%s %q, want 1 to %d bytes without spaces", what, name, maxIDBytes)
	}
	return ""
}

// invalidSubject says what is wrong with a subject.
func invalidSubject(subject string) string {
	for _, kind := range [...]string{subjectToken, subjectCert} {
		if name, ok := strings.CutPrefix(subject, kind); ok {
			return named("subject", name)
		}
	}
	if name, ok := strings.CutPrefix(subject, subjectLogin); ok {
		if i := strings.LastIndexByte(name, '/'); i > 0 && i < len(name)-1 {
			return named("subject", name)
		}
	}
	return fmt.Sprintf("subject %q, want token:ACCESSOR, cert:NAME or oidc:ISSUER/PERSON", subject)
}
