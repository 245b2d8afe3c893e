//go:build browser

package ui

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"backstitch/cluster/access/login"
	"backstitch/cluster/access/login/logintest"
	"backstitch/cluster/client"
)

// signInSite is a node to which people sign in at a provider of another site.
type signInSite struct {
	*httptest.Server
	home    string // the address that the provider knows
	issuer  *logintest.Issuer
	answers *canned

	ended  atomic.Value // the header of a login that the API knows no more
	mu     sync.Mutex
	index  uint64
	change chan struct{} // closed when the index grows
	held   map[string]*hold
	asked  map[string]int // how often, by Sec-Fetch-Mode and path
}

// hold keeps the answers of a path.
type hold struct {
	once sync.Once
	here chan struct{} // closed when it is asked for
	on   chan struct{} // to be closed
}

func newSignInSite(t *testing.T) *signInSite {
	t.Helper()
	s := &signInSite{Server: httptest.NewUnstartedServer(nil), issuer: logintest.New(t), answers: &canned{answers: alone()}, change: make(chan struct{}), held: map[string]*hold{}, asked: map[string]int{}}
	s.ended.Store("")
	_, port, _ := strings.Cut(s.Listener.Addr().String(), ":")
	s.home = "http://localhost:" + port // the provider is at 127.0.0.1, which is another site
	provider := login.New(login.Config{
		Issuer: s.issuer.URL, ClientID: "backstitch", RedirectURL: s.home + login.CallbackPath, Scopes: []string{"openid"}, Algorithms: []string{"RS256"}, PersonClaim: "sub",
		Client: login.NewClient(nil, nil), Clock: time.Now, Logger: slog.New(slog.DiscardHandler),
	})
	t.Cleanup(provider.Config().Client.CloseIdleConnections)
	pages, err := New(Config{
		API: http.HandlerFunc(s.answer), Insight: seer{holed(3, 48)}, Wait: s.wait, Clock: time.Now, Logger: slog.New(slog.DiscardHandler), SignIn: provider,
		Home: s.home + login.CallbackPath,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		h := s.held[r.URL.Path]
		s.asked[r.Header.Get("Sec-Fetch-Mode")+" "+r.URL.Path]++
		s.mu.Unlock()
		if h != nil {
			h.once.Do(func() { close(h.here) })
			select {
			case <-h.on:
			case <-r.Context().Done():
				return
			}
		}
		pages.ServeHTTP(w, r)
	})
	s.Start()
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return s
}

// answer is the API: it knows logins, until they have ended.
func (s *signInSite) answer(w http.ResponseWriter, r *http.Request) {
	if shown := r.Header.Get("Authorization"); strings.Count(shown, ".") != 2 || shown == s.ended.Load() {
		w.WriteHeader(http.StatusUnauthorized)
		_ = json.NewEncoder(w).Encode(client.Problem{Title: "who asks is not known", Status: http.StatusUnauthorized, Code: client.CodeUnauthorized})
		return
	}
	s.answers.ServeHTTP(w, r)
}

func (s *signInSite) wait(ctx context.Context, after uint64) (uint64, error) {
	for {
		s.mu.Lock()
		index, change := s.index, s.change
		s.mu.Unlock()
		if index > after {
			return index, nil
		}
		select {
		case <-change:
		case <-ctx.Done():
			return after, ctx.Err()
		}
	}
}

// happens tells pages that follow that the book has changed.
func (s *signInSite) happens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.index++
	close(s.change)
	s.change = make(chan struct{})
}

// shown is what the API was shown last.
func (s *signInSite) shown() string {
	s.answers.mu.Lock()
	defer s.answers.mu.Unlock()
	return s.answers.shown[len(s.answers.shown)-1]
}

// end ends the login that was shown, and returns it; the provider will give another one.
func (s *signInSite) end() string {
	login := s.shown()
	s.ended.Store(login)
	s.issuer.Person(logintest.Claims{"sub": "ann", "again": true})
	return login
}

// times is how often something was asked for, "cors /ui/jobs" being a script's way.
func (s *signInSite) times(what string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[what]
}

func (s *signInSite) hold(path string) *hold {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := &hold{here: make(chan struct{}), on: make(chan struct{})}
	s.held[path] = h
	return h
}

// signIn goes to a page for the first time.
func (s *signInSite) signIn(b *browser, path string) {
	b.t.Helper()
	b.do(chromedp.Navigate(s.home + path))
	b.until("who are you", `location.pathname === "/ui/login" && document.readyState === "complete"`)
	eval[int](b, `document.querySelector("a.button").click(), 0`)
	b.until(path, followed(path))
}

// followed is the condition that a page has come, and followed what happened so far.
func followed(path string) string {
	return `location.pathname === "` + path + `" && following.textContent === "following" && asked === false`
}

// TestSigningInInABrowser: a real one takes the way to a provider of another site and back, with the policy of the pages and with cookies as strict as they
// are, and comes to the page that was wanted. The way is taken again by itself when the login has ended, until somebody signs out.
func TestSigningInInABrowser(t *testing.T) {
	s := newSignInSite(t)
	home, issuer := s.home, s.issuer
	b := chromium(t)
	b.do(chromedp.Navigate(s.URL + "/ui/jobs?state=running")) // an address that the provider does not know
	b.until("who are you", `location.pathname === "/ui/login" && document.readyState === "complete"`)
	b.shot("sign-in")
	eval[int](b, `document.querySelector("a.button").click(), 0`)
	b.until("the page that was wanted", `location.origin === "`+home+`" && location.pathname + location.search === "/ui/jobs?state=running" && document.readyState === "complete"`)
	if got := eval[string](b, `document.cookie`); got != "" {
		t.Error("a script can read a cookie")
	}
	if got := issuer.Asked("/authorize"); got != 1 {
		t.Errorf("the browser was at the provider %d times, want 1", got)
	}
	b.do(chromedp.Navigate(home + "/ui/settings")) // which does not follow, and so would not go to the provider by itself
	b.until("settings", `location.pathname === "/ui/settings" && document.readyState === "complete"`)
	first := s.end()
	b.do(chromedp.Navigate(home + "/ui/scans"))
	b.until("the next page", `location.pathname === "/ui/scans" && document.readyState === "complete"`)
	if got := issuer.Asked("/authorize"); got != 2 || s.shown() == first {
		t.Errorf("the browser was at the provider %d times, want 2", got)
	}
	b.do(chromedp.Navigate(home + "/ui/settings"))
	b.until("settings again", `location.pathname === "/ui/settings" && document.readyState === "complete"`)
	eval[int](b, `document.querySelector('form[action="/ui/logout"] button').click(), 0`)
	b.until("who are you, again", `location.pathname === "/ui/login" && document.readyState === "complete"`)
	b.do(chromedp.Navigate(home + "/ui/jobs"))
	b.until("nobody is signed in", `location.pathname === "/ui/login" && document.readyState === "complete"`)
	b.quiet("signing in")
}

// TestTabsThatFollowSignInAgainInABrowser: when the login has ended all of them come back to the pages that they had, by themselves.
func TestTabsThatFollowSignInAgainInABrowser(t *testing.T) {
	s := newSignInSite(t)
	b := chromium(t)
	paths := []string{"/ui/jobs", "/ui/scans", "/ui/cluster"}
	var tabs []*browser
	for i, path := range paths {
		if i == 0 {
			s.signIn(b, path)
			tabs = append(tabs, b)
			continue
		}
		tab := b.tab()
		tab.do(protocol(emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})) // as a window beside the first, for what nobody sees does not follow
		tab.do(chromedp.Navigate(s.home + path))
		tab.until(path, followed(path))
		tabs = append(tabs, tab)
	}
	for _, tab := range tabs {
		eval[int](tab, `window.old = true, 0`)
	}
	s.end()
	s.happens()
	for i, tab := range tabs {
		tab.until(paths[i]+", signed in again", "!window.old && "+followed(paths[i]))
		tab.quiet(paths[i])
	}
}

// TestAPageThatIsLeftStaysLeftInABrowser: one that sees, while the next one is on its way, that the login has ended does not call its visitor back.
func TestAPageThatIsLeftStaysLeftInABrowser(t *testing.T) {
	s := newSignInSite(t)
	b := chromium(t)
	s.signIn(b, "/ui/jobs")
	held := s.hold("/ui/scans")
	eval[int](b, `document.querySelector('a[href="/ui/scans"]').click(), 0`)
	select {
	case <-held.here:
	case <-time.After(20 * time.Second):
		t.Fatal("nobody has left")
	}
	loaded := s.times("navigate /ui/jobs")
	s.end()
	s.happens()
	if !comesTrue(20*time.Second, func() bool { return s.times("cors /ui/login") > 0 }) { // a page that is left runs no script for a test
		t.Fatal("the page has not seen it")
	}
	if comesTrue(time.Second, func() bool { return s.times("navigate /ui/jobs") > loaded }) {
		t.Error("the page was loaded again though its visitor had left")
	}
	close(held.on)
	b.until("scans", `location.pathname === "/ui/scans" && document.readyState === "complete"`)
	if got := s.issuer.Asked("/authorize"); got != 2 {
		t.Errorf("the browser was at the provider %d times, want 2", got)
	}
	b.quiet("leaving")
}
