package ui

import (
	"html"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// as asks for a page as a browser that has cookies.
func as(t *testing.T, h http.Handler, path string, cookies ...*http.Cookie) string {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil).WithContext(t.Context())
	for _, c := range cookies {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return html.UnescapeString(w.Body.String()) // a plus is written as a number
}

// TestTimesAreThoseOfAZone, of everybody's own, and say how far they are from UTC.
func TestTimesAreThoseOfAZone(t *testing.T) {
	h := site(t, &canned{answers: world()}, holed(3, 48), nil)
	w := post(t, h, "/ui/settings", "zone=Europe/Berlin", nil)
	cookies := w.Result().Cookies()
	if w.Code != http.StatusSeeOther || len(cookies) != 1 || !cookies[0].HttpOnly || cookies[0].SameSite != http.SameSiteStrictMode {
		t.Fatalf("got %d %v", w.Code, cookies)
	}
	for path, want := range map[string][]string{
		"/ui/jobs/bs-old":                     {"2026-11-20 12:00:00 UTC+01:00", `data-zone="Europe/Berlin"`, ">Europe/Berlin</a>"},
		"/ui/scans/bs-scan":                   {"2026-11-20 13:00:00 UTC+01:00 to 2026-11-20 13:02:59 UTC+01:00"},
		"/ui/jobs/bs-abc":                     {">12:50:00<", "due 2026-11-21 13:00:00 UTC+01:00"},
		"/ui/settings":                        {`value="Europe/Berlin"`, "It is 2026-11-20 13:00:00 UTC+01:00."},
		"/ui/jobs/bs-old/incident":            {"2026-11-20 09:00:00 UTC+01:00"},
		"/ui/jobs/bs-none":                    {`data-zone="Europe/Berlin"`},
		"/ui/jobs/bs-abc/quarantine":          {"2026-11-20 13:00:00 UTC+01:00 by cli:ben"},
		"/ui/datasets/default/orders":         {"UTC+01:00"},
		"/ui/jobs/bs-abc/incident.md":         {"2026-11-20 11:00:00 UTC by"}, // what leaves the page has one zone
		"/ui/scans/bs-scan/findings/g-51c9.1": {"why we say it is missing"},
	} {
		body := as(t, h, path, cookies...)
		for _, s := range want {
			if !strings.Contains(body, s) {
				t.Errorf("%s: no %q", path, s)
			}
		}
		if other := as(t, h, path); strings.Contains(other, "+01:00") || strings.Contains(other, "Berlin\" ") {
			t.Errorf("%s: somebody else reads times of Berlin", path)
		}
	}
	for _, bad := range []string{"zone=Mars/Olympus", "zone=../../etc/passwd", "zone=Local", "zone=", "zone=Europe/Berlin&theme=loud"} {
		if w := post(t, h, "/ui/settings", bad, nil); w.Code/100 != 4 || len(w.Result().Cookies()) > 0 {
			t.Errorf("%s: got %d %v", bad, w.Code, w.Result().Cookies())
		}
	}
	if body := as(t, h, "/ui/jobs/bs-old", &http.Cookie{Name: zoneCookie, Value: "Mars.Olympus"}); !strings.Contains(body, "11:00:00 UTC<") && !strings.Contains(body, "11:00:00 UTC by") {
		t.Error("a zone that is none is not UTC")
	}
}

// TestManyZonesAtOnce: each page has its own, and what is kept ready is bounded.
func TestManyZonesAtOnce(t *testing.T) {
	h := site(t, &canned{answers: world()}, Found{}, nil)
	var wg sync.WaitGroup
	for _, zone := range zones {
		wg.Go(func() {
			for range 3 {
				if body := as(t, h, "/ui/jobs/bs-old", &http.Cookie{Name: zoneCookie, Value: strings.ReplaceAll(zone, "/", ".")}); !strings.Contains(body, `data-zone="`+zone+`"`) {
					t.Errorf("%s: got %.200s", zone, body)
				}
			}
		})
	}
	wg.Wait()
}
