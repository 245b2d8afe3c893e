package ui

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"backstitch/cluster/access"
	"backstitch/cluster/client"
)

// TestWhoIsNotKnownShowsAToken, which then goes with each request to the API and is in no page.
func TestWhoIsNotKnownShowsAToken(t *testing.T) {
	text, other := access.NewToken().Reveal(), access.NewToken().Reveal()
	api := &canned{answers: world(), token: text}
	h := site(t, api, holed(3, 48), nil)
	w := get(t, h, "/ui/jobs?state=running")
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/ui/login?next=%2Fui%2Fjobs%3Fstate%3Drunning" {
		t.Fatalf("a stranger: got %d to %q", w.Code, w.Header().Get("Location"))
	}
	if w = get(t, h, "/ui/login?next=%2Fui%2Fjobs%3Fstate%3Drunning"); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `value="/ui/jobs?state=running"`) {
		t.Errorf("where he is asked: got %d %s", w.Code, w.Body)
	}
	for form, status := range map[string]int{"nonsense": http.StatusUnprocessableEntity, other: http.StatusUnauthorized, "": http.StatusUnprocessableEntity} {
		if w := post(t, h, "/ui/login", "token="+form, nil); w.Code != status || len(w.Result().Cookies()) > 0 {
			t.Errorf("%.8s: got %d, %v", form, w.Code, w.Result().Cookies())
		}
	}
	for next, want := range map[string]string{"/ui/jobs?state=running": "/ui/jobs?state=running", "https://evil.example/ui/": "/ui/", "//evil.example/ui/": "/ui/", "/v1/snapshot": "/ui/", "/ui/login": "/ui/"} {
		w = post(t, h, "/ui/login", "token="+text+"&next="+next, nil)
		if w.Code != http.StatusSeeOther || w.Header().Get("Location") != want {
			t.Errorf("signed in for %s: got %d to %q, want %q", next, w.Code, w.Header().Get("Location"), want)
		}
	}
	cookies := w.Result().Cookies()
	if len(cookies) != 1 || !cookies[0].HttpOnly || cookies[0].SameSite != http.SameSiteStrictMode || cookies[0].Path != Prefix {
		t.Fatalf("cookies: %v", cookies)
	}
	visit := func(method, path string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, path, nil).WithContext(t.Context())
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		r.AddCookie(cookies[0])
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	for _, path := range pages {
		if w := visit("GET", path); w.Code != http.StatusOK || strings.Contains(w.Body.String(), text) {
			t.Errorf("%s: got %d, or the token is in it", path, w.Code)
		}
	}
	if w := visit("POST", "/ui/logout"); w.Code != http.StatusSeeOther || w.Result().Cookies()[0].MaxAge >= 0 {
		t.Errorf("signed out: got %d %v", w.Code, w.Result().Cookies())
	}
}

// TestAPageLeavesOutWhatItsVisitorMayNotSee: a viewer of one namespace sees his jobs, and not the trail, which speaks of all.
func TestAPageLeavesOutWhatItsVisitorMayNotSee(t *testing.T) {
	answers := world()
	answers["GET /v1/audit"] = client.Problem{Title: "not allowed", Status: http.StatusForbidden, Code: client.CodeForbidden}
	h := site(t, &canned{answers: answers}, Found{}, nil)
	if w := get(t, h, "/ui/jobs/bs-abc"); w.Code != http.StatusOK || strings.Contains(w.Body.String(), "Who commanded what") {
		t.Errorf("a job: got %d", w.Code)
	}
	if w := get(t, h, "/ui/audit"); w.Code != http.StatusForbidden {
		t.Errorf("the trail: got %d", w.Code)
	}
}
