package fsm

import (
	"cmp"
	"slices"
	"strings"
)

// People who sign in with an identity provider. Whether what they show is good, and which groups they are in, the node decides that they ask: a
// replica can not ask a provider for its keys and come to what all others come to. The book knows them by their subject alone, as the actor of what
// they command and as the subject of policies.

const (
	subjectLogin = "oidc:"
	// maxMakers bounds how far is looked for who made the token that made the token.
	maxMakers = 32
)

// LoginSubject is the subject of somebody who has signed in. issuer is the provider's address without its scheme; person is what the provider calls
// him, so it is written as one part: without a slash, white space, or bytes that are no text, and no two names are written alike.
func LoginSubject(issuer, person string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(person) {
		switch c := person[i]; {
		case c <= ' ' || c == '/' || c == '%' || c >= 0x7f:
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		default:
			b.WriteByte(c)
		}
	}
	return subjectLogin + issuer + "/" + b.String()
}

// IsLogin reports whether a subject is somebody who signs in.
func IsLogin(subject string) bool { return strings.HasPrefix(subject, subjectLogin) }

// CheckSubject says what is wrong with a subject, "" for nothing: providers choose names of any length.
func CheckSubject(subject string) string { return invalidSubject(subject) }

// SamePerson reports whether, as far as the book can tell, whoever says yes is whoever asked.
func (v *View) SamePerson(says, asked string) (bool, error) {
	var failed error
	same := samePerson(says, asked, func(at []byte, into any) bool {
		ok, err := v.read(at, into)
		failed = cmp.Or(failed, err)
		return ok && err == nil
	})
	return same, failed
}

// samePerson holds two subjects for one person when they are the same, and when who says yes is a token that the other has made, or a token of such a
// token: whoever made it has seen it. Tokens that somebody has made who signs in are his own both ways. Those that another token or a certificate has
// made are taken for somebody else's, since that is how an admin gives tokens to others.
func samePerson(says, asked string, read func(at []byte, into any) bool) bool {
	asks := makers(asked, read)
	owner := slices.IndexFunc(asks, IsLogin)
	for _, self := range makers(says, read) {
		if self == asked || owner >= 0 && self == asks[owner] {
			return true
		}
	}
	return false
}

// makers are a subject, who made it if it is a token, who made that one, and so on.
func makers(subject string, read func(at []byte, into any) bool) []string {
	var out []string
	for range maxMakers {
		out = append(out, subject)
		accessor, ok := TokenOf(subject)
		var k Token
		if !ok || !read(tokenKey(accessor), &k) || slices.Contains(out, k.CreatedBy) {
			break
		}
		subject = k.CreatedBy
	}
	return out
}
