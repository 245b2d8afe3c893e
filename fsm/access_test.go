package fsm

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// accessNode is a node at the newest version whose commands are given by whoever is said.
func accessNode(t *testing.T) func(actor string, at int64, cmd Command) Result {
	t.Helper()
	n := newNode(t)
	n.apply(Envelope{}, PutMember{testMember("a")})
	n.apply(Envelope{}, RaiseVersion{LatestVersion})
	return func(actor string, at int64, cmd Command) Result {
		return n.apply(Envelope{Actor: actor, UnixNanos: at}, cmd)
	}
}

func TestTokensPoliciesAndConsentsKeepTheirRules(t *testing.T) {
	hash, hour := [32]byte{1}, int64(time.Hour)
	do := accessNode(t)
	index := uint64(0)
	for i, step := range []struct {
		actor  string
		at     int64
		cmd    Command
		want   Code
		object string // contained in the result's
	}{
		{"http:x", 1, CreateToken{Accessor: "k1", Hash: hash, ExpiresUnixNanos: hour}, WrongState, "not controlled"},
		{"http:x", 1, BootstrapAccess{Accessor: "root", Hash: hash, Seen: 4}, WrongState, "index 0"},
		{"http:x", 1, BootstrapAccess{Accessor: "root", Hash: hash}, OK, ""},
		{"http:x", 1, BootstrapAccess{Accessor: "thief", Hash: hash}, WrongState, "the first token was made at index"},
		{"token:root", 1, CreateToken{Accessor: "k1", Hash: hash, Role: AccessOperator, Namespaces: []string{"shop"}, ExpiresUnixNanos: hour}, OK, ""},
		{"token:root", 1, CreateToken{Accessor: "k1", Hash: hash, ExpiresUnixNanos: hour}, Exists, ""},
		{"token:root", 1, CreateToken{Accessor: "k2", Hash: hash, ExpiresUnixNanos: 1}, Invalid, "has to end"},
		{"token:root", 1, CreateToken{Accessor: "k2", Hash: hash, ExpiresUnixNanos: 2 + int64(MaxTokenLife)}, Invalid, "has to end"},
		{"token:root", 1, CreateToken{Accessor: "k2", Hash: hash, Namespaces: []string{"*"}, ExpiresUnixNanos: hour}, Invalid, "stands for all"},
		{"token:root", 1, CreateToken{Accessor: "k 2", Hash: hash, ExpiresUnixNanos: hour}, Invalid, "accessor"},
		{"token:root", 1, CreateToken{Accessor: "k2", ExpiresUnixNanos: hour}, Invalid, "zeros"},
		{"token:root", 1, PutAccessPolicy{Name: "p", Subject: "ann", Role: AccessViewer, Namespace: "*"}, Invalid, "want token:ACCESSOR, cert:NAME or oidc:ISSUER/PERSON"},
		{"token:root", 1, PutAccessPolicy{Name: "p", Subject: "token:nobody", Role: AccessViewer, Namespace: "*"}, UnknownToken, "nobody"},
		{"token:root", 1, PutAccessPolicy{Name: "p", Subject: "cert:ann", Role: AccessViewer, Namespace: "*"}, OK, ""},
		{"token:root", 1, PutAccessPolicy{Name: "p"}, OK, ""},
		{"token:root", 1, PutAccessPolicy{Name: "p"}, UnknownAccessPolicy, "p"},
		{"token:root", 1, PutAccessPolicy{Name: BootstrapPolicy}, WrongState, "first token"},
		{"token:k1", 1, NoteRefusal{Verb: "put-access-policy", Namespace: "*", Needs: AccessAdmin}, NotAllowed, "needs admin"},

		// Keys of gossip are noted by their fingerprints.
		{"token:k1", 1, NoteKeyring{Change: KeyringUse, Key: "9b2c00112233445566778899aabbccdd"}, OK, ""},
		{"token:k1", 1, NoteKeyring{Change: 4, Key: "9b2c00112233445566778899aabbccdd"}, Invalid, "change 4"},
		{"token:k1", 1, NoteKeyring{Change: KeyringUse, Key: "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}, Invalid, "is not 32 hexadecimal digits"},

		// Two people.
		{"token:k1", 1, PutConsent{ID: "w", Verb: "void-job", Namespace: "shop"}, OK, ""},
		{"token:k1", 1, PutConsent{ID: "w", Say: true}, NotAllowed, "asked for by token:k1"},
		{"token:k1", 1, CreateToken{Accessor: "k1b", Hash: hash, ExpiresUnixNanos: hour}, OK, ""}, // the door refuses that, the book need not
		{"token:k1b", 1, PutConsent{ID: "w", Say: true}, NotAllowed, "asked for by token:k1"},
		{"token:root", 1, PutConsent{ID: "other", Say: true}, UnknownConsent, "other"},
		{"token:root", 2 + int64(ConsentWaits), PutConsent{ID: "w", Say: true}, UnknownConsent, "w"},
		{"token:root", 2, PutConsent{ID: "w", Say: true}, OK, ""},

		// A token's end.
		{"leader:a", hour - 1, EndToken{Accessor: "k1", Expired: true}, WrongState, "not come to its end"},
		{"leader:a", hour, EndToken{Accessor: "k1", Expired: true}, OK, ""},
		{"leader:a", hour, EndToken{Accessor: "root", Expired: true}, WrongState, "not come to its end"},
		{"leader:a", hour, EndToken{Accessor: "nobody"}, UnknownToken, "nobody"},
		{"token:k1", hour, PutConsent{ID: "w2", Verb: "void-job", Namespace: "shop"}, NotAllowed, "token:k1 has ended"},
		{"token:nobody", hour, PauseJob{ID: "bs-none"}, NotAllowed, "is not known"},
		{"cert:ann", hour, PauseJob{ID: "bs-none"}, UnknownJob, ""},

		// The first token is lost.
		{"cert:ann", hour, BootstrapAccess{Accessor: "root2", Hash: hash, Seen: 5}, OK, ""},
		{"token:root", hour, PauseJob{ID: "bs-none"}, NotAllowed, "has ended"},
		{"token:root2", hour, PauseJob{ID: "bs-none"}, UnknownJob, ""},
	} {
		r := do(step.actor, step.at, step.cmd)
		if r.Code != step.want || !strings.Contains(r.Object, step.object) {
			t.Errorf("step %d, %T by %s: %s %q, want %s %q", i, step.cmd, step.actor, r.Code, r.Object, step.want, step.object)
		}
		if _, first := step.cmd.(BootstrapAccess); first && r.Code == OK && index == 0 {
			if index = r.Index; index != 5 {
				t.Fatalf("the first token was made at %d, want 5", index)
			}
		}
	}
}

// A book that is full of tokens takes another one only in the place of one that has ended, and of that one that ended first.
func TestTokensThatHaveEndedMakeRoom(t *testing.T) {
	n := newNode(t)
	n.apply(Envelope{}, PutMember{testMember("a")})
	n.apply(Envelope{}, RaiseVersion{LatestVersion})
	create := func(name string) Result {
		return n.apply(Envelope{UnixNanos: 1}, CreateToken{Accessor: name, Hash: [32]byte{1}, ExpiresUnixNanos: 9})
	}
	n.apply(Envelope{}, BootstrapAccess{Accessor: "root", Hash: [32]byte{1}})
	for i := range MaxTokens - 1 {
		if r := create(fmt.Sprintf("k%d", i)); r.Code != OK {
			t.Fatalf("token %d: %s %s", i, r.Code, r.Object)
		}
	}
	if r := create("more"); r.Code != Invalid {
		t.Fatalf("one token more: %s, want invalid", r.Code)
	}
	n.apply(Envelope{UnixNanos: 5}, EndToken{Accessor: "k7"})
	n.apply(Envelope{UnixNanos: 4}, EndToken{Accessor: "k8"})
	if r := create("more"); r.Code != OK {
		t.Fatalf("in the place of one that has ended: %s %s", r.Code, r.Object)
	}
	n.view(func(v *View) {
		_, first, _ := v.Token("k8")
		_, second, err := v.Token("k7")
		if first || !second || err != nil {
			t.Errorf("kept: the one that ended first %t, the later one %t, %v; want false, true", first, second, err)
		}
	})
}
