package ui

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// FuzzVisits visits pages and sends forms with any query, form and cookie. The server does not fall over, does not call a visitor's mistake its own, sends nobody to
// another site, and makes nothing that was sent a part of a page.
func FuzzVisits(f *testing.F) {
	paths := append([]string{"/ui/login", "/ui/live", "/ui/settings", "/ui/login/begin", "/ui/login/callback"}, pages...)
	forms := []string{"/ui/login", "/ui/logout", "/ui/settings", "/ui/jobs/bs-abc/cancel", "/ui/jobs/bs-abc/priority", "/ui/jobs/bs-abc/quarantine/discard", "/ui/requests/w-1/approve",
		"/ui/flows/fl-1/pause", "/ui/flows/fl-1/steps/a/approve", "/ui/scans/bs-scan/cancel", "/ui/datasets/default/orders/scan", "/ui/datasets/default/orders/plans/p/approve", "/ui/members/n1/drain"}
	for i := range len(paths) + len(forms) {
		f.Add(uint8(i), "", "", "")
		f.Add(uint8(i), "next=//evil.example/&zone=Europe/Berlin&q=<script>x</script>&from=-1&to=1e9&before=x&at=%zz", "token=bst_a_b&next=https://evil.example&reason=<script>x</script>&priority=-1&records=0:1&zone=../etc", "backstitch-token=a.b.c; backstitch-sign-in=e30")
	}
	f.Add(uint8(0), "next=/ui/\\evil.example", "next=/\\evil", "theme=x; zone=y")
	h := site(f, &canned{answers: world()}, holed(3, 20), nil)
	f.Fuzz(func(t *testing.T, which uint8, query, form, cookie string) {
		i := int(which) % (len(paths) + len(forms))
		method, path := http.MethodGet, ""
		if i < len(paths) {
			path, _, _ = strings.Cut(paths[i], "?")
			form = ""
		} else {
			method, path = http.MethodPost, forms[i-len(paths)]
		}
		r := httptest.NewRequest(method, path, strings.NewReader(form))
		r.URL.RawQuery = query
		r.Header["Cookie"] = []string{cookie}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond) // of what follows
		defer cancel()
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r.WithContext(ctx))
		if w.Code == http.StatusInternalServerError || w.Body.Len() > 4<<20+8*(len(query)+len(form)) {
			t.Errorf("%s %s?%s with %q: %d, %d bytes: %.300s", method, path, query, form, w.Code, w.Body.Len(), w.Body)
		}
		if to := w.Header().Get("Location"); to != "" && (!strings.HasPrefix(to, Prefix) || strings.ContainsAny(to, "\\\r\n")) {
			t.Errorf("%s %s?%s with %q: sent to %q", method, path, query, form, to)
		}
		if strings.Contains(w.Body.String(), "<script>x") {
			t.Errorf("%s %s?%s with %q: what was sent is a part of the page", method, path, query, form)
		}
		for _, c := range w.Result().Cookies() {
			if c.SameSite == 0 || strings.ContainsAny(c.Value, "\r\n;") {
				t.Errorf("%s %s: cookie %s", method, path, c)
			}
		}
	})
}
