package ui

import (
	"crypto/rand"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"backstitch/cluster/access"
	"backstitch/cluster/access/login"
	"backstitch/cluster/client"

	"golang.org/x/oauth2"
)

// A browser signs in in two steps: it is sent to the provider, and comes back with a code. What ties both together is in a cookie of the browser and
// not on the node, since it may come back to another one: state, which the provider repeats, so that nobody can make a browser come back with
// somebody else's code; nonce, which the provider signs; and the verifier, without which the code is good for nothing. The cookie is taken away when the
// browser comes back, and a state counts once on each node; the provider takes each code once.
//
// The cookie is SameSite=Lax, since it has to come along from the provider's site. That of the login is Strict, and so it does not come along on a way
// that began elsewhere: the answer is a page of this site, which goes on by itself.

// homeParam marks a browser that was sent to the page's own address already: what stands in front of a node may show it another host.
const homeParam = "home"

// beginSignIn sends the browser to the provider: from the address to which it will come back, since cookies of another one do not come along there.
func (v *visit) beginSignIn() error {
	if home, err := url.Parse(v.Home); err == nil && v.Home != "" && home.Host != v.r.Host && !v.r.URL.Query().Has(homeParam) {
		q := url.Values{"next": {v.after()}, homeParam: {"1"}}
		http.Redirect(v.w, v.r, home.Scheme+"://"+home.Host+Prefix+"login/begin?"+q.Encode(), http.StatusSeeOther)
		return nil
	}
	s := signIn{State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier(), Next: v.after(), Until: v.Clock().Add(signInFor).Unix()}
	if len(s.Next) > 1024 { // a cookie has no room for more
		s.Next = Prefix
	}
	to, err := v.SignIn.Begin(v.r.Context(), s.State, s.Nonce, s.Verifier)
	if err != nil {
		return notSignedIn(err)
	}
	if err := v.begin(s); err != nil {
		return err
	}
	v.w.Header().Set("Cache-Control", "no-store")
	http.Redirect(v.w, v.r, to, http.StatusSeeOther)
	return nil
}

// finishSignIn takes the browser back.
func (v *visit) finishSignIn() error {
	v.w.Header().Set("Cache-Control", "no-store")
	v.w.Header().Set("Referrer-Policy", "no-referrer") // the address has the code
	q := v.r.URL.Query()
	s, why := v.take(q.Get("state"))
	switch {
	case why != "":
		return notSignedIn(&access.Unknown{Why: why})
	case v.used.has(s.State):
		return notSignedIn(&access.Unknown{Why: "the provider's answer was used already (state)"})
	case q.Get("error") != "":
		return notSignedIn(&access.Unknown{Why: "the provider says " + printable(q.Get("error")) + " " + printable(q.Get("error_description"))})
	}
	text, err := v.SignIn.Finish(v.r.Context(), q.Get("code"), s.Verifier, s.Nonce)
	if err != nil {
		return notSignedIn(err)
	}
	v.used.add(s.State, v.Clock())
	who, err := v.accessOf(text)
	if unknown(err) { // or the browser would be sent to sign in again, and come back here
		return notSignedIn(&access.Unknown{Why: "the provider's answer is no login for this cluster: " + err.Error()})
	}
	if err != nil {
		return err
	}
	if !v.keepToken(text) {
		return notSignedIn(&access.Unknown{Why: "the login is longer than a browser keeps; let the provider put fewer groups or claims into it"})
	}
	next := within(s.Next)
	v.w.Header().Set("Refresh", "0; url="+next)
	return v.render(v.w, http.StatusOK, "signedin.html", page{
		Title: "You are signed in", URL: Prefix + "login", Theme: theme(v.r), Body: struct{ Subject, Next string }{who.Subject, next},
	})
}

// notSignedIn says why somebody could not sign in.
func notSignedIn(err error) error {
	p := client.Problem{Title: "you are not signed in", Status: http.StatusForbidden, Code: client.CodeSignIn, Next: "begin again at " + Prefix + "login"}
	var unknown *access.Unknown
	var provider *login.Unreachable
	switch {
	case errors.As(err, &unknown):
		p.Detail = unknown.Why
	case errors.As(err, &provider):
		p.Title, p.Status, p.Code = "the identity provider can not be asked", http.StatusServiceUnavailable, client.CodeProvider
		p.Detail, p.Next = provider.Issuer+" does not answer as it should; the node's log says why.", "a little later, another node, or with a token at "+Prefix+"login"
	default:
		return err
	}
	return &client.Error{Problem: p}
}

// printable bounds what a query says that comes from elsewhere.
func printable(s string) string {
	s = s[:min(len(s), 200)]
	return strings.ToValidUTF8(strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, s), "?")
}

// visits reports whether a browser asks for a page to show it, and not a script for a part of one.
func visits(r *http.Request) bool {
	mode := r.Header.Get("Sec-Fetch-Mode")
	return mode == "" || mode == "navigate"
}

// states are those of sign-ins that came to their end, until they would be too old anyway. Only who has signed in is in it, so strangers can not fill it.
type states struct {
	mu   sync.Mutex
	used map[string]time.Time // when it is forgotten
}

// has reports whether a sign-in of that state came to its end here.
func (s *states) has(state string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.used[state]
	return ok
}

// add remembers one.
func (s *states) add(state string, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k, until := range s.used {
		if now.After(until) {
			delete(s.used, k)
		}
	}
	if s.used == nil {
		s.used = map[string]time.Time{}
	}
	s.used[state] = now.Add(signInFor)
}
