//go:build browser

package ui

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"backstitch/cluster/access/login"
	"backstitch/cluster/access/login/logintest"
	"backstitch/cluster/client"
)

// TestSigningInInABrowser: a real one takes the way to a provider of another site and back, with the policy of the pages and with cookies as strict as they
// are, and comes to the page that was wanted. The way is taken again by itself when the login has ended, until somebody signs out.
func TestSigningInInABrowser(t *testing.T) {
	issuer := logintest.New(t)
	answers := &canned{answers: alone()}
	var ended atomic.Value // what the API knows no more
	ended.Store("")
	api := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if shown := r.Header.Get("Authorization"); strings.Count(shown, ".") != 2 || shown == ended.Load() {
			w.WriteHeader(http.StatusUnauthorized)
			_ = json.NewEncoder(w).Encode(client.Problem{Title: "who asks is not known", Status: http.StatusUnauthorized, Code: client.CodeUnauthorized})
			return
		}
		answers.ServeHTTP(w, r)
	})
	s := httptest.NewUnstartedServer(nil)
	_, port, _ := strings.Cut(s.Listener.Addr().String(), ":")
	home := "http://localhost:" + port // the provider is at 127.0.0.1, which is another site
	provider := login.New(login.Config{
		Issuer: issuer.URL, ClientID: "backstitch", RedirectURL: home + login.CallbackPath, Scopes: []string{"openid"}, Algorithms: []string{"RS256"}, PersonClaim: "sub",
		Client: login.NewClient(nil, nil), Clock: time.Now, Logger: slog.New(slog.DiscardHandler),
	})
	t.Cleanup(provider.Config().Client.CloseIdleConnections)
	var err error
	s.Config.Handler, err = New(Config{
		API: api, Insight: seer{holed(3, 48)}, Wait: func(ctx context.Context, after uint64) (uint64, error) { <-ctx.Done(); return after, ctx.Err() },
		Clock: time.Now, Logger: slog.New(slog.DiscardHandler), SignIn: provider, Home: home + login.CallbackPath,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	b := chromium(t)
	b.do(chromedp.Navigate("http://" + s.Listener.Addr().String() + "/ui/jobs?state=running")) // an address that the provider does not know
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
	first := answers.last()
	ended.Store(first)
	issuer.Person(logintest.Claims{"sub": "ann", "again": true})
	b.do(chromedp.Navigate(home + "/ui/scans"))
	b.until("the next page", `location.pathname === "/ui/scans" && document.readyState === "complete"`)
	if got := issuer.Asked("/authorize"); got != 2 || answers.last() == first {
		t.Errorf("the browser was at the provider %d times, want 2", got)
	}
	b.do(chromedp.Navigate(home + "/ui/settings"))
	b.until("settings", `location.pathname === "/ui/settings" && document.readyState === "complete"`)
	eval[int](b, `document.querySelector('form[action="/ui/logout"] button').click(), 0`)
	b.until("who are you, again", `location.pathname === "/ui/login" && document.readyState === "complete"`)
	b.do(chromedp.Navigate(home + "/ui/jobs"))
	b.until("nobody is signed in", `location.pathname === "/ui/login" && document.readyState === "complete"`)
	b.quiet("signing in")
}

// last is what the API was shown last.
func (c *canned) last() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.shown[len(c.shown)-1]
}
