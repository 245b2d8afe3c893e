package ui

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"backstitch/cluster/access/login"
	"backstitch/cluster/access/login/logintest"
	"backstitch/cluster/client"
)

// guest is a browser that signs in at a node and at an issuer. It keeps cookies as browsers do, and notes what it was told to keep.
type guest struct {
	t      *testing.T
	h      http.Handler
	jar    map[string]string
	kept   []*http.Cookie
	issuer *logintest.Issuer
	now    time.Time
	api    *canned
}

func newGuest(t *testing.T, secure bool) *guest {
	t.Helper()
	b := &guest{t: t, jar: map[string]string{}, issuer: logintest.New(t), now: at, api: &canned{answers: world()}}
	clock := func() time.Time { return b.now }
	b.issuer.Clock(clock, 5*time.Minute)
	redirect := "http://example.com" + login.CallbackPath // the host of httptest's requests
	if secure {
		redirect = "https://example.com" + login.CallbackPath
	}
	provider := login.New(login.Config{
		Issuer: b.issuer.URL, ClientID: "backstitch", RedirectURL: redirect, Scopes: []string{"openid"}, Algorithms: []string{"RS256"}, PersonClaim: "sub",
		Client: login.NewClient(nil, nil), Clock: clock, Logger: slog.New(slog.DiscardHandler),
	})
	t.Cleanup(provider.Config().Client.CloseIdleConnections)
	h, err := New(Config{
		API: b.api, Insight: seer{}, Wait: func(ctx context.Context, _ uint64) (uint64, error) { <-ctx.Done(); return 0, ctx.Err() },
		Clock: clock, Logger: slog.New(slog.DiscardHandler), SignIn: provider, Home: redirect, Secure: secure,
	})
	if err != nil {
		t.Fatal(err)
	}
	b.h = h
	return b
}

func (b *guest) visit(path string, header ...string) *httptest.ResponseRecorder {
	b.t.Helper()
	r := httptest.NewRequest("GET", path, nil).WithContext(b.t.Context())
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	for name, value := range b.jar {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	w := httptest.NewRecorder()
	b.h.ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		b.kept = append(b.kept, c)
		if b.jar[c.Name] = c.Value; c.MaxAge < 0 {
			delete(b.jar, c.Name)
		}
	}
	return w
}

// away goes to the provider, and returns the address to which it sends the browser back.
func (b *guest) away(next string) *url.URL {
	b.t.Helper()
	w := b.visit("/ui/login/begin?next=" + url.QueryEscape(next))
	if w.Code != http.StatusSeeOther {
		b.t.Fatalf("begin: %d %s", w.Code, w.Body)
	}
	c := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := c.Get(w.Header().Get("Location"))
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	back, err := resp.Location()
	if err != nil {
		b.t.Fatalf("the provider answers %s: %v", resp.Status, err)
	}
	return back
}

func (b *guest) signedIn() bool { return b.jar[tokenCookie] != "" }

// TestSomebodySignsIn at the provider, and then each request of a page carries his login on to the API, until he signs out.
func TestSomebodySignsIn(t *testing.T) {
	for _, secure := range []bool{false, true} {
		b := newGuest(t, secure)
		if w := b.visit("/ui/login?next=/ui/jobs"); !strings.Contains(w.Body.String(), `href="/ui/login/begin?next=%2fui%2fjobs"`) || !strings.Contains(w.Body.String(), `name="token"`) {
			t.Errorf("who are you: %s", w.Body)
		}
		back := b.away("/ui/jobs?state=running")
		w := b.visit(back.RequestURI())
		if w.Code != http.StatusOK || w.Header().Get("Refresh") != "0; url=/ui/jobs?state=running" || !strings.Contains(w.Body.String(), `<a href="/ui/jobs?state=running">`) ||
			!strings.Contains(w.Header().Get("Content-Security-Policy"), "default-src 'none'; script-src 'self'") || w.Header().Get("Cache-Control") != "no-store" {
			t.Fatalf("back: %d %v %s", w.Code, w.Header(), w.Body)
		}
		for _, c := range b.kept {
			want := http.SameSiteStrictMode
			if strings.Contains(c.Name, signInCookie) {
				want = http.SameSiteLaxMode
			}
			if !c.HttpOnly || c.SameSite != want || c.Secure != secure || strings.HasPrefix(c.Name, "__Host-") != (secure && want == http.SameSiteLaxMode) {
				t.Errorf("cookie %s: HttpOnly %t, SameSite %v, Secure %t", c.Name, c.HttpOnly, c.SameSite, c.Secure)
			}
		}
		if len(b.jar) != 1 || !b.signedIn() {
			t.Errorf("the browser keeps %d cookies", len(b.jar))
		}
		if w := b.visit("/ui/jobs"); w.Code != http.StatusOK || strings.Contains(w.Body.String(), b.jar[tokenCookie]) {
			t.Errorf("a page: %d, or the login is in it", w.Code)
		}
		if got := b.api.shown[len(b.api.shown)-1]; got != "Bearer "+b.jar[tokenCookie] {
			t.Error("the API was not shown the login")
		}
		r := httptest.NewRequest("POST", "/ui/logout", nil)
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		out := httptest.NewRecorder()
		b.h.ServeHTTP(out, r)
		if c := out.Result().Cookies(); out.Code != http.StatusSeeOther || len(c) != 1 || c[0].MaxAge >= 0 {
			t.Errorf("signed out: %d %v", out.Code, c)
		}
	}
}

// TestAnAnswerThatWasNotAskedForSignsNobodyIn: neither somebody else's code, nor one that was used, nor a login for another question.
func TestAnAnswerThatWasNotAskedForSignsNobodyIn(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(b *guest, back *url.URL)
		why   string
	}{
		"another state":                {func(_ *guest, back *url.URL) { set(back, "state", "x") }, "another sign-in"},
		"no state":                     {func(_ *guest, back *url.URL) { set(back, "state", "") }, "another sign-in"},
		"a browser that has not begun": {func(b *guest, _ *url.URL) { clear(b.jar) }, "has not begun"},
		"somebody else's answer": {func(b *guest, back *url.URL) {
			other := b.jar
			b.jar = map[string]string{}
			*back = *b.away("/ui/")
			b.jar = other
		}, "another sign-in"},
		"too late":                          {func(b *guest, _ *url.URL) { b.now = b.now.Add(signInFor + time.Second) }, "longer than 10 minutes"},
		"no code":                           {func(_ *guest, back *url.URL) { set(back, "code", "") }, "did not take its code back"},
		"another nonce":                     {func(b *guest, _ *url.URL) { b.issuer.Person(logintest.Claims{"sub": "ann", "nonce": "x"}) }, "another question"},
		"a nonce changed in the browser":    {func(b *guest, _ *url.URL) { b.change(func(s *signIn) { s.Nonce = "x" }) }, "another question"},
		"a verifier changed in the browser": {func(b *guest, _ *url.URL) { b.change(func(s *signIn) { s.Verifier = strings.Repeat("w", 43) }) }, "did not take its code back"},
		"another client's login":            {func(b *guest, _ *url.URL) { b.issuer.Person(logintest.Claims{"sub": "ann", "aud": "wiki"}) }, "another client"},
		"the provider's no":                 {func(_ *guest, back *url.URL) { set(back, "error", "access_denied<script>") }, "access_denied&lt;script&gt;"},
		"the provider is down":              {func(b *guest, _ *url.URL) { b.issuer.Down(true) }, "does not answer"},
	} {
		b := newGuest(t, false)
		back := b.away("/ui/")
		c.spoil(b, back)
		w := b.visit(back.RequestURI())
		if w.Code < 400 || b.signedIn() || !strings.Contains(w.Body.String(), c.why) || w.Header().Get("Refresh") != "" {
			t.Errorf("%s: %d, signed in %t, want %q in %s", name, w.Code, b.signedIn(), c.why, w.Body)
		}
	}
}

func set(u *url.URL, name, value string) {
	q := u.Query()
	q.Set(name, value)
	u.RawQuery = q.Encode()
}

// change changes what the browser keeps of its sign-in.
func (b *guest) change(f func(*signIn)) {
	var s signIn
	name := b.begun()
	raw, err := base64.RawURLEncoding.DecodeString(b.jar[name])
	if err != nil || json.Unmarshal(raw, &s) != nil {
		b.t.Fatal("no sign-in is kept")
	}
	f(&s)
	raw, _ = json.Marshal(s)
	b.jar[name] = base64.RawURLEncoding.EncodeToString(raw)
}

// begun is the cookie of the only sign-in that was begun.
func (b *guest) begun() string {
	b.t.Helper()
	var names []string
	for name := range b.jar {
		if strings.HasPrefix(name, signInCookie) {
			names = append(names, name)
		}
	}
	if len(names) != 1 {
		b.t.Fatalf("the browser keeps %d sign-ins, want 1", len(names))
	}
	return names[0]
}

// TestSeveralTabsSignInAtOnce, each with a state of its own, and come back in whatever order to the pages that they had.
func TestSeveralTabsSignInAtOnce(t *testing.T) {
	for _, secure := range []bool{false, true} {
		b := newGuest(t, secure)
		first, second := b.away("/ui/jobs"), b.away("/ui/scans")
		for _, tab := range []struct {
			back *url.URL
			to   string
		}{{second, "/ui/scans"}, {first, "/ui/jobs"}} {
			if w := b.visit(tab.back.RequestURI()); w.Code != http.StatusOK || w.Header().Get("Refresh") != "0; url="+tab.to {
				t.Errorf("the tab of %s: %d %q %s", tab.to, w.Code, w.Header().Get("Refresh"), w.Body)
			}
		}
		if len(b.jar) != 1 || !b.signedIn() {
			t.Errorf("the browser keeps %d cookies, want that of the login", len(b.jar))
		}
	}
}

// TestSignInsThatWereLeftTakeBoundedRoom: the oldest are forgotten, and the youngest still comes back.
func TestSignInsThatWereLeftTakeBoundedRoom(t *testing.T) {
	b := newGuest(t, false)
	b.jar[signInCookie+"BROKEN"] = "no base64 ~"
	next := "/ui/jobs?q=" + strings.Repeat("x", 500)
	var old, back *url.URL
	for range 12 {
		b.now = b.now.Add(time.Second)
		if back = b.away(next); old == nil {
			old = back
		}
		total := 0
		for name, value := range b.jar {
			total += len(name) + len(value)
		}
		if total > signInBytes {
			t.Fatalf("%d cookies have %d bytes, more than %d", len(b.jar), total, signInBytes)
		}
	}
	if len(b.jar) < 3 || b.jar[signInCookie+"BROKEN"] != "" {
		t.Errorf("%d sign-ins are kept, want some, and none that can not be read", len(b.jar))
	}
	if w := b.visit(old.RequestURI()); w.Code != http.StatusForbidden || b.signedIn() {
		t.Errorf("the oldest: %d", w.Code)
	}
	if w := b.visit(back.RequestURI()); w.Code != http.StatusOK || !b.signedIn() {
		t.Errorf("the youngest: %d %s", w.Code, w.Body)
	}
}

// TestSigningInBeginsWhereItEnds: a browser that has come to another node is sent to the address that the provider knows, once.
func TestSigningInBeginsWhereItEnds(t *testing.T) {
	b := newGuest(t, true)
	ask := func(path string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("GET", path, nil).WithContext(t.Context())
		r.Host = "node-b:7420"
		w := httptest.NewRecorder()
		b.h.ServeHTTP(w, r)
		return w
	}
	w := ask("/ui/login/begin?next=/ui/jobs")
	if got := w.Header().Get("Location"); w.Code != http.StatusSeeOther || got != "https://example.com/ui/login/begin?home=1&next=%2Fui%2Fjobs" || len(w.Result().Cookies()) > 0 {
		t.Errorf("from another node: %d to %q", w.Code, got)
	}
	if w = ask("/ui/login/begin?home=1&next=/ui/jobs"); !strings.HasPrefix(w.Header().Get("Location"), b.issuer.URL+"/authorize?") {
		t.Errorf("behind something that shows another host: %d to %q", w.Code, w.Header().Get("Location"))
	}
}

// TestAStateCountsOnce, also for somebody who has kept the cookie that goes with it.
func TestAStateCountsOnce(t *testing.T) {
	b := newGuest(t, false)
	back := b.away("/ui/")
	name := b.begun()
	cookie := b.jar[name]
	if w := b.visit(back.RequestURI()); w.Code != http.StatusOK {
		t.Fatalf("the first time: %d %s", w.Code, w.Body)
	}
	b.jar = map[string]string{name: cookie}
	before := b.issuer.Asked("/token")
	if w := b.visit(back.RequestURI()); w.Code != http.StatusForbidden || b.signedIn() || !strings.Contains(w.Body.String(), "was used already") || b.issuer.Asked("/token") != before {
		t.Errorf("the second time: %d %s", w.Code, w.Body)
	}
	b.now = b.now.Add(signInFor + time.Second)
	b.jar = map[string]string{name: cookie}
	if w := b.visit(back.RequestURI()); w.Code != http.StatusForbidden || b.signedIn() {
		t.Errorf("later, when it is forgotten: %d", w.Code)
	}
	var s states
	s.add("a", at)
	s.add("b", at.Add(signInFor+time.Second))
	if s.has("a") || !s.has("b") {
		t.Error("states are not forgotten, or too early")
	}
}

// TestALoginThatIsOverIsRenewed: a page that is visited sends the browser to the provider, and a part of one does not.
func TestALoginThatIsOverIsRenewed(t *testing.T) {
	b := newGuest(t, false)
	back := b.away("/ui/")
	b.visit(back.RequestURI())
	b.api.token = "nobody's" // the API knows no login any more
	if w := b.visit("/ui/jobs?page=2", "Sec-Fetch-Mode", "navigate"); w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/ui/login/begin?next=%2Fui%2Fjobs%3Fpage%3D2" {
		t.Errorf("a page: %d to %q", w.Code, w.Header().Get("Location"))
	}
	if w := b.visit("/ui/jobs", "Sec-Fetch-Mode", "cors"); w.Code != http.StatusSeeOther || !strings.HasPrefix(w.Header().Get("Location"), "/ui/login?") {
		t.Errorf("a script: %d to %q", w.Code, w.Header().Get("Location"))
	}
	// The provider's answer is not taken either, so it ends there, and goes round in no circle.
	again := b.away("/ui/jobs")
	if w := b.visit(again.RequestURI()); w.Code != http.StatusForbidden || w.Header().Get("Location") != "" {
		t.Errorf("back with a login that is not known: %d to %q", w.Code, w.Header().Get("Location"))
	}
}

// TestALongLoginIsKeptInSeveralCookies, of which none is left when another one, or none, takes its place.
func TestALongLoginIsKeptInSeveralCookies(t *testing.T) {
	b := newGuest(t, false)
	groups := make([]string, 300)
	for i := range groups {
		groups[i] = "a-group-of-nobody-in-particular"
	}
	b.issuer.Person(logintest.Claims{"sub": "ann", "groups": groups[:200]})
	b.visit(b.away("/ui/").RequestURI())
	if len(b.jar) != 3 {
		t.Fatalf("%d cookies, want 3", len(b.jar))
	}
	for name, c := range b.jar {
		if len(name)+len(c) > 4000 {
			t.Errorf("cookie %s has %d bytes", name, len(c))
		}
	}
	if w := b.visit("/ui/jobs"); w.Code != http.StatusOK || b.api.shown[len(b.api.shown)-1] != "Bearer "+b.jar[cookieName(0)]+b.jar[cookieName(1)]+b.jar[cookieName(2)] {
		t.Errorf("a page: %d, or the API was not shown all of it", w.Code)
	}
	b.issuer.Person(logintest.Claims{"sub": "ann"})
	if b.visit(b.away("/ui/").RequestURI()); len(b.jar) != 1 {
		t.Errorf("%d cookies after a short one, want 1", len(b.jar))
	}
	b.issuer.Person(logintest.Claims{"sub": "ann", "groups": groups})
	clear(b.jar)
	if w := b.visit(b.away("/ui/").RequestURI()); w.Code != http.StatusForbidden || len(b.jar) != 0 || !strings.Contains(w.Body.String(), "fewer groups") {
		t.Errorf("one that is too long: %d, %d cookies, %s", w.Code, len(b.jar), w.Body)
	}
}

// TestNobodySignsInWhereThereIsNoProvider: the addresses are not there, and only a token is asked for.
func TestNobodySignsInWhereThereIsNoProvider(t *testing.T) {
	h := site(t, &canned{answers: world()}, Found{}, nil)
	for _, path := range []string{"/ui/login/begin", "/ui/login/callback?code=x&state=y"} {
		if w := get(t, h, path); w.Code != http.StatusNotFound || !strings.Contains(w.Body.String(), client.CodeNotFound) {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	if w := get(t, h, "/ui/login"); strings.Contains(w.Body.String(), "login/begin") {
		t.Errorf("who are you: %s", w.Body)
	}
}
