package ui

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Several tabs of a browser sign in at once: those that follow what happens are all led to the provider when the login has ended. So each sign-in that was
// begun has a cookie of its own, named by the first letters of its state; with one for all, a tab that comes back would find another one's.

const (
	signInFor = 10 * time.Minute // how long somebody may take at the provider
	// The prefix makes browsers refuse the cookie from other hosts of the domain. They know it over TLS alone.
	signInCookie       = "backstitch-sign-in-"
	secureSignInCookie = "__Host-" + signInCookie
	signInName         = 8       // letters of the state that name a cookie: 40 bits
	signInBytes        = 4 << 10 // of all those cookies: what stands in front of a node takes 8 KiB of headers, or less. Most have 400 bytes
)

// signIn is what a browser keeps while it signs in.
type signIn struct {
	State    string `json:"s"`
	Nonce    string `json:"n"`
	Verifier string `json:"v"`
	Next     string `json:"t"`
	Until    int64  `json:"u"` // Unix seconds
}

// attempt is a sign-in as the browser shows it.
type attempt struct {
	signIn
	cookie string // its name
	bytes  int    // of name and value
}

// begun are the sign-ins that the browser has begun, the youngest first. What can not be read is older than all.
func (v *visit) begun() []attempt {
	var out []attempt
	for _, c := range v.r.Cookies() {
		if !strings.HasPrefix(c.Name, v.signInPrefix()) {
			continue
		}
		b := attempt{cookie: c.Name, bytes: len(c.Name) + len(c.Value)}
		if raw, err := base64.RawURLEncoding.DecodeString(c.Value); err != nil || json.Unmarshal(raw, &b.signIn) != nil {
			b.signIn = signIn{}
		}
		out = append(out, b)
	}
	slices.SortStableFunc(out, func(a, b attempt) int { return cmp.Compare(b.Until, a.Until) })
	return out
}

// begin makes the browser keep a sign-in, and forget the oldest ones that it has no room for.
func (v *visit) begin(s signIn) error {
	raw, err := json.Marshal(s)
	if err != nil {
		return err
	}
	text := base64.RawURLEncoding.EncodeToString(raw)
	name := v.signInPrefix() + s.State[:signInName]
	room := signInBytes - len(name) - len(text)
	for _, old := range v.begun() {
		if room -= old.bytes; room < 0 {
			v.setSignIn(old.cookie, "", -1)
		}
	}
	v.setSignIn(name, text, int(signInFor/time.Second))
	return nil
}

// take is the sign-in of a state, which the browser forgets with that; why says what is wrong with the state otherwise.
func (v *visit) take(state string) (s signIn, why string) {
	all := v.begun()
	i := slices.IndexFunc(all, func(b attempt) bool { return b.State != "" && b.State == state })
	switch {
	case i >= 0:
		s = all[i].signIn
		v.setSignIn(all[i].cookie, "", -1)
	case len(all) > 0:
		return s, "the provider's answer belongs to another sign-in (state)"
	}
	if s.Nonce == "" || s.Verifier == "" || v.Clock().Unix() > s.Until {
		return s, "this browser has not begun to sign in at this address, or took longer than 10 minutes"
	}
	return s, ""
}

func (v *visit) signInPrefix() string {
	if v.secure() {
		return secureSignInCookie
	}
	return signInCookie
}

func (v *visit) setSignIn(name, text string, age int) {
	http.SetCookie(v.w, &http.Cookie{Name: name, Value: text, Path: "/", MaxAge: age, SameSite: http.SameSiteLaxMode, Secure: v.secure(), HttpOnly: true}) // #nosec G124 -- Lax, for it has to come back from the provider's page; Secure with TLS
}
