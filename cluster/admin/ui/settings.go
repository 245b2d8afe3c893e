package ui

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"backstitch/cluster/client"
	"backstitch/partition/calendar"

	template "github.com/DataDog/datadog-agent/pkg/template/html"
)

// How a visitor wants pages to look and times to read. Both are cookies that say nothing about the visitor, so that the address of a page stays what
// it is about: a colleague who gets it reads the same moments by a clock of their own.

const (
	themeCookie = "backstitch-theme"
	zoneCookie  = "backstitch-zone"
)

var themes = []string{"system", "light", "dark"}

// zones are what the form offers. Any name of the IANA's may be typed.
var zones = []string{
	"UTC", "America/Los_Angeles", "America/Chicago", "America/New_York", "America/Sao_Paulo", "Europe/London", "Europe/Berlin", "Europe/Helsinki", "Asia/Dubai", "Asia/Kolkata",
	"Asia/Singapore", "Asia/Shanghai", "Asia/Tokyo", "Australia/Sydney",
}

// maxZones is for how many zones pages are kept ready. Somebody who tries them all makes the others be made anew.
const maxZones = 32

func theme(r *http.Request) string {
	if c, err := r.Cookie(themeCookie); err == nil && slices.Contains(themes, c.Value) {
		return c.Value
	}
	return "system"
}

// zone is that of a visitor's times: UTC, unless another one was asked for.
func zone(r *http.Request) *time.Location {
	if c, err := r.Cookie(zoneCookie); err == nil {
		if z, err := calendar.Zone(strings.ReplaceAll(c.Value, ".", "/")); err == nil && z.String() != "UTC" {
			return z
		}
	}
	return time.UTC
}

// in makes the pages ready for a zone.
func (s *server) in(name string) (*template.Template, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.zoned[name]; t != nil {
		return t, nil
	}
	at := time.UTC
	if name != "" && name != "UTC" {
		var err error
		if at, err = calendar.Zone(name); err != nil {
			return nil, err
		}
	}
	t, err := s.pages.Clone()
	if err != nil {
		return nil, err
	}
	if len(s.zoned) >= maxZones {
		clear(s.zoned)
	}
	s.zoned[name] = t.Funcs(s.words(at))
	return s.zoned[name], nil
}

func (v *visit) settings() error {
	who, err := v.c.Access(v.r.Context())
	if err != nil {
		return err
	}
	return v.show("settings.html", "Settings", "settings", false, struct {
		Themes, Zones []string
		Access        client.Access
		Token         bool // whether this browser shows one
		Now           time.Time
	}{themes, zones, who, !tokenOf(v.r).IsZero(), v.Clock()})
}

// set keeps what a form asks for; what it does not name stays.
func (v *visit) set() (string, error) {
	look, name := v.r.PostFormValue("theme"), strings.TrimSpace(v.r.PostFormValue("zone"))
	switch {
	case look == "" && name == "", look != "" && !slices.Contains(themes, look):
		return "", errNoPage
	case name != "":
		if _, err := calendar.Zone(name); err != nil {
			return "", badForm(fmt.Errorf("there is no time zone %q; for example Europe/Berlin, or UTC", name))
		}
		v.keep(zoneCookie, strings.ReplaceAll(name, "/", "."))
	}
	if look != "" {
		v.keep(themeCookie, look)
	}
	return "/ui/settings", nil
}

func (v *visit) keep(name, value string) {
	http.SetCookie(v.w, &http.Cookie{Name: name, Value: value, Path: Prefix, MaxAge: 365 * 24 * 3600, SameSite: http.SameSiteStrictMode, Secure: v.secure(), HttpOnly: true}) // #nosec G124 -- which colours and zone a page has is no secret
}
