package ui

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"backstitch/cluster/access"
	"backstitch/cluster/client"
)

// Once access is controlled a visitor shows a token, here as everywhere. The browser keeps it in a cookie that no script can read, that no other
// site can make it send, and that ends with the browser; each request of a page carries it on to the API.

const tokenCookie = "backstitch-token"

// tokenOf is what a visitor's browser shows, "" for nothing that is a token.
func tokenOf(r *http.Request) string {
	c, err := r.Cookie(tokenCookie)
	if err != nil {
		return ""
	}
	if _, err := access.ParseToken(c.Value); err != nil {
		return ""
	}
	return c.Value
}

func (v *visit) setToken(text string, age int) {
	http.SetCookie(v.w, &http.Cookie{Name: tokenCookie, Value: text, Path: Prefix, MaxAge: age, SameSite: http.SameSiteStrictMode, Secure: v.r.TLS != nil, HttpOnly: true}) // #nosec G124 -- it is Secure with TLS, and without it not every browser would keep it
}

// login asks for a token. It is shown to whoever is not known.
func (v *visit) login() error {
	return v.show("login.html", "Who are you?", "", false, v.after())
}

// after is the page that a visitor wanted to see, and nothing elsewhere.
func (v *visit) after() string {
	next := v.r.FormValue("next")
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
	r := v.r.Clone(v.r.Context())
	r.Header.Del("Cookie")
	r.AddCookie(&http.Cookie{Name: tokenCookie, Value: text}) // #nosec G124 -- a cookie of a request that is handled here; nothing is set
	c, err := v.ask(r)
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := c.Access(r.Context()); err != nil {
		return err
	}
	v.setToken(text, 0)
	http.Redirect(v.w, v.r, v.after(), http.StatusSeeOther)
	return nil
}

// signOut forgets the token.
func (v *visit) signOut() error {
	v.setToken("", -1)
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
