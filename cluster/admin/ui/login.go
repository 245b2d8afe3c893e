package ui

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"backstitch/cluster/access"
	"backstitch/cluster/client"
)

// Once access is controlled a visitor shows a token, or signs in with an identity provider (signin.go), here as everywhere. The browser keeps what he
// has shown in a cookie that no script can read, that no other site can make it send, and that ends with the browser; each request of a page carries
// it on to the API.

const tokenCookie = "backstitch-token"

// A browser keeps about 4 KiB in a cookie. A login of somebody who is in many groups is longer, and is kept in several.
const (
	cookieBytes = 3500
	maxCookies  = 4
)

func cookieName(n int) string {
	if n == 0 {
		return tokenCookie
	}
	return tokenCookie + "-" + strconv.Itoa(n)
}

// tokenOf is what a visitor's browser shows, the zero value for nothing that is a token or a login.
func tokenOf(r *http.Request) access.Token {
	text := ""
	for n := range maxCookies {
		c, err := r.Cookie(cookieName(n))
		if err != nil {
			break
		}
		text += c.Value
	}
	t, err := access.ParseShown(text)
	if err != nil {
		return access.Token{}
	}
	return t
}

// keepToken makes the browser keep what its visitor has shown, and nothing else; "" makes it forget. It reports whether it fits.
func (v *visit) keepToken(text string) bool {
	if len(text) > maxCookies*cookieBytes {
		return false
	}
	for n := range maxCookies {
		part := text[:min(len(text), cookieBytes)]
		text = text[len(part):]
		age := 0
		if part == "" {
			if _, err := v.r.Cookie(cookieName(n)); err != nil && n > 0 {
				continue
			}
			age = -1
		}
		http.SetCookie(v.w, &http.Cookie{Name: cookieName(n), Value: part, Path: Prefix, MaxAge: age, SameSite: http.SameSiteStrictMode, Secure: v.secure(), HttpOnly: true}) // #nosec G124 -- it is Secure with TLS, and without it not every browser would keep it
	}
	return true
}

// secure reports whether the browser came over TLS.
func (v *visit) secure() bool { return v.Secure || v.r.TLS != nil }

// showing is a request like the visitor's that shows something else.
func (v *visit) showing(text string) *http.Request {
	r := v.r.Clone(v.r.Context())
	r.Header.Del("Cookie")
	for n := 0; text != ""; n++ {
		part := text[:min(len(text), cookieBytes)]
		text = text[len(part):]
		r.AddCookie(&http.Cookie{Name: cookieName(n), Value: part}) // #nosec G124 -- a cookie of a request that is handled here; nothing is set
	}
	return r
}

// asked is what the page that asks who somebody is needs.
type asked struct {
	Next     string
	Provider string // "" when people show tokens alone
}

// login asks for a token. It is shown to whoever is not known.
func (v *visit) login() error {
	body := asked{Next: v.after()}
	if v.SignIn != nil {
		body.Provider = v.SignIn.Name()
	}
	return v.show("login.html", "Who are you?", "", false, body)
}

// after is the page that a visitor wanted to see, and nothing elsewhere.
func (v *visit) after() string { return within(v.r.FormValue("next")) }

// within is the address of a page, or the first one's for what is none.
func within(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.Host != "" || u.Scheme != "" || !strings.HasPrefix(u.Path, Prefix) || strings.HasPrefix(u.Path, Prefix+"login") {
		return Prefix
	}
	return u.RequestURI()
}

// signIn keeps a token that the API knows.
func (v *visit) signIn() error {
	v.r.Body = http.MaxBytesReader(v.w, v.r.Body, maxForm)
	if err := v.r.ParseForm(); err != nil {
		return badForm(err)
	}
	text := strings.TrimSpace(v.r.PostFormValue("token"))
	if _, err := access.ParseToken(text); err != nil {
		return badForm(err)
	}
	if _, err := v.accessOf(text); err != nil {
		return err
	}
	v.keepToken(text)
	http.Redirect(v.w, v.r, v.after(), http.StatusSeeOther)
	return nil
}

// accessOf asks the API who somebody is who shows a token or a login.
func (v *visit) accessOf(text string) (client.Access, error) {
	r := v.showing(text)
	c, err := v.ask(r)
	if err != nil {
		return client.Access{}, err
	}
	defer c.Close()
	return c.Access(r.Context())
}

// signOut forgets the token, or the login.
func (v *visit) signOut() error {
	v.keepToken("")
	http.Redirect(v.w, v.r, Prefix+"login", http.StatusSeeOther)
	return nil
}

// unknown reports whether the API does not know who asks.
func unknown(err error) bool {
	var e *client.Error
	return errors.As(err, &e) && e.Status == http.StatusUnauthorized
}

// unless leaves a part of a page out that its visitor may not see.
func unless[T any](part T, err error) (T, error) {
	var e *client.Error
	if errors.As(err, &e) && e.Status == http.StatusForbidden {
		var none T
		return none, nil
	}
	return part, err
}
