package fsm

import (
	"strings"
	"testing"
	"time"
)

// Where two people are wanted, somebody who signs in and the tokens that he has made are one person, whichever of them asks.
func TestALoginAndItsTokensAreOnePerson(t *testing.T) {
	hash, hour := [32]byte{1}, int64(time.Hour)
	const ann, bob = "oidc:idp/ann", "oidc:idp/bob"
	do := accessNode(t)
	for i, step := range []struct {
		actor  string
		cmd    Command
		want   Code
		object string // contained in the result's
	}{
		{"http:x", BootstrapAccess{Accessor: "root", Hash: hash}, OK, ""},
		{ann, CreateToken{Accessor: "k1", Hash: hash, ExpiresUnixNanos: hour}, OK, ""},
		{"token:k1", CreateToken{Accessor: "k2", Hash: hash, ExpiresUnixNanos: hour}, OK, ""},
		{"token:root", CreateToken{Accessor: "k3", Hash: hash, ExpiresUnixNanos: hour}, OK, ""},

		{ann, PutConsent{ID: "w", Verb: "void-job", Namespace: "shop"}, OK, ""},
		{ann, PutConsent{ID: "w", Say: true}, NotAllowed, "asked for by " + ann},
		{"token:k1", PutConsent{ID: "w", Say: true}, NotAllowed, "asked for by " + ann},
		{"token:k2", PutConsent{ID: "w", Say: true}, NotAllowed, "asked for by " + ann},
		{bob, PutConsent{ID: "w", Say: true}, OK, ""},

		{"token:k2", PutConsent{ID: "v", Verb: "void-job", Namespace: "shop"}, OK, ""},
		{ann, PutConsent{ID: "v", Say: true}, NotAllowed, "asked for by token:k2"},
		{"token:k1", PutConsent{ID: "v", Say: true}, NotAllowed, "asked for by token:k2"},
		{"token:k3", PutConsent{ID: "v", Say: true}, OK, ""},

		// A token that a token has made is somebody else's: its maker says yes to what it asks for, and it does not to what its maker asks for.
		{"token:k3", PutConsent{ID: "u", Verb: "void-job", Namespace: "shop"}, OK, ""},
		{"token:root", PutConsent{ID: "u", Say: true}, OK, ""},
		{"token:root", PutConsent{ID: "t", Verb: "void-job", Namespace: "shop"}, OK, ""},
		{"token:k3", PutConsent{ID: "t", Say: true}, NotAllowed, "asked for by token:root"},

		{"token:root", PutAccessPolicy{Name: "p", Subject: ann, Role: AccessViewer, Namespace: "*"}, OK, ""},
		{"token:root", PutAccessPolicy{Name: "q", Subject: "oidc:ann", Role: AccessViewer, Namespace: "*"}, Invalid, "want token:ACCESSOR, cert:NAME or oidc:ISSUER/PERSON"},
		{"token:root", PutAccessPolicy{Name: "q", Subject: "oidc:idp/", Role: AccessViewer, Namespace: "*"}, Invalid, "oidc:ISSUER/PERSON"},
		{"token:root", PutAccessPolicy{Name: "q", Subject: "oidc:idp/" + strings.Repeat("a", maxIDBytes), Role: AccessViewer, Namespace: "*"}, Invalid, "want 1 to"},
	} {
		r := do(step.actor, 5, step.cmd)
		if r.Code != step.want || !strings.Contains(r.Object, step.object) {
			t.Errorf("step %d, %T by %s: %s %q, want %s %q", i, step.cmd, step.actor, r.Code, r.Object, step.want, step.object)
		}
	}
}

// What providers call people is one part of a subject, and no two of them are written alike.
func TestNamesOfProvidersAreOnePart(t *testing.T) {
	seen := map[string]string{}
	for _, name := range []string{"ann", "/team/ann", "%2Fteam%2Fann", "Ann Lee", "ann lee", "é", "é\x00", "a%20b", "a b", "\xff"} {
		s := LoginSubject("idp.example.com/realms/ops", name)
		if why := CheckSubject(s); why != "" || !IsLogin(s) || strings.Count(s, "/") != 3 {
			t.Errorf("%q: %s %s", name, s, why)
		}
		if other, twice := seen[s]; twice {
			t.Errorf("%q and %q are both %s", name, other, s)
		}
		seen[s] = name
	}
}
