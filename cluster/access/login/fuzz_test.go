package login

import (
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"backstitch/cluster/access/login/logintest"
	"backstitch/fsm"
)

// FuzzIdentify shows texts that claim to be logins, to a node whose provider answers any bytes for its keys, and claims that the provider has signed. Nobody is let in
// by a text that the provider did not sign, or with keys that are not its; whoever is let in is a subject that the book can have, and good for a day at
// the longest, give or take a minute; and no refusal repeats what was shown.
func FuzzIdentify(f *testing.F) {
	k := newKnower(f, nil) // of the seeds
	good := k.issuer.Login()
	f.Add(good, []byte{}, "ann", "oncall", int64(300))
	f.Add(good[:len(good)-2], []byte{}, "", "", int64(-1))
	f.Add(logintest.Unsigned("none", k.issuer.Claims(), ""), []byte{}, "a/b c", "sre", int64(1)<<62)
	f.Add(logintest.Unsigned("HS256", k.issuer.Claims(), "c2ln"), []byte(`{"keys":[]}`), "x\x00", "*", int64(86401))
	f.Add("a.b.c", []byte(`{"keys":[{"kty":"RSA","kid":"k1","n":"AQ","e":"AQAB"}]}`), strings.Repeat("x", 5000), "", int64(0))
	f.Add("..", []byte(`{"keys":[{"kty":"oct","k":"AAAA"}]}`), "ann\r\nX: y", "", int64(1))
	f.Add("", []byte{}, "0", "", int64(-1))
	f.Add("", []byte(`[`), "\u202e", "", int64(1))
	f.Fuzz(func(t *testing.T, text string, keys []byte, person, group string, seconds int64) {
		k := newKnower(t, nil)
		if len(keys) > 0 {
			k.issuer.AnswerKeys(keys)
		}
		if p, err := k.Identify(t.Context(), text); err == nil {
			t.Errorf("%q lets in %+v", text, p)
		} else if len(text) > 20 && strings.Contains(err.Error()+k.log.String(), text) {
			t.Errorf("the refusal of %q repeats it: %v", text, err)
		}
		if !utf8.ValidString(person) { // what the provider signs is JSON
			return
		}
		login := k.issuer.Sign(k.issuer.Key(), k.issuer.Claims().With(logintest.Claims{"sub": person, "groups": []string{group}, "exp": k.now.Unix() + seconds}))
		p, err := k.Identify(t.Context(), login)
		switch {
		case err != nil:
			if strings.Contains(err.Error()+k.log.String(), login[strings.LastIndexByte(login, '.')+1:]) {
				t.Errorf("the refusal of a login repeats it: %v", err)
			}
		case len(keys) > 0:
			t.Errorf("with the keys %q: %+v is let in", keys, p)
		case fsm.CheckSubject(p.Subject) != "" || p.Until.Before(k.now.Add(-Leeway)) || p.Until.After(k.now.Add(25*time.Hour)) || called(p.Subject) != person:
			t.Errorf("let in %+v, %s, for %q until %d seconds from now", p, fsm.CheckSubject(p.Subject), person, seconds)
		}
	})
}

// called is who a subject says that somebody is.
func called(subject string) string {
	name, err := url.PathUnescape(subject[strings.LastIndexByte(subject, '/')+1:])
	if err != nil {
		return err.Error()
	}
	return name
}
