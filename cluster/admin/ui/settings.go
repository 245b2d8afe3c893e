package ui

import (
	"net/http"
	"slices"

	"backstitch/cluster/client"
)

// themeCookie holds how a visitor wants pages to look; it says nothing about the visitor.
const themeCookie = "backstitch-theme"

var themes = []string{"system", "light", "dark"}

func theme(r *http.Request) string {
	if c, err := r.Cookie(themeCookie); err == nil && slices.Contains(themes, c.Value) {
		return c.Value
	}
	return "system"
}

func (v *visit) settings() error {
	who, err := v.c.Access(v.r.Context())
	if err != nil {
		return err
	}
	return v.show("settings.html", "Settings", "settings", false, struct {
		Themes []string
		Access client.Access
		Token  bool // whether this browser shows one
	}{themes, who, tokenOf(v.r) != ""})
}

func (v *visit) set() (string, error) {
	said := v.r.PostFormValue("theme")
	if !slices.Contains(themes, said) {
		return "", errNoPage
	}
	http.SetCookie(v.w, &http.Cookie{Name: themeCookie, Value: said, Path: Prefix, MaxAge: 365 * 24 * 3600, SameSite: http.SameSiteStrictMode, Secure: v.r.TLS != nil, HttpOnly: true}) // #nosec G124 -- which colours a page has is no secret
	return "/ui/settings", nil
}
