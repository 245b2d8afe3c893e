package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"backstitch/cluster/access"
	"backstitch/cluster/access/login"
	"backstitch/cluster/access/login/logintest"
	"backstitch/cluster/client"
	"backstitch/cmd/backstitch/signin"
)

// gatekeeper is a node that believes an issuer.
type gatekeeper struct {
	*doorman
	issuer *logintest.Issuer
	how    client.SignIn
	env    map[string]string
	file   string
}

func newGatekeeper(t *testing.T) *gatekeeper {
	t.Helper()
	g := &gatekeeper{doorman: &doorman{}, issuer: logintest.New(t)}
	g.how = client.SignIn{Issuer: g.issuer.URL, ClientID: "backstitch", Scopes: []string{"openid"}}
	provider := login.New(login.Config{
		Issuer: g.issuer.URL, ClientID: "backstitch", Algorithms: []string{"RS256"}, PersonClaim: "sub", Client: login.NewClient(nil, nil), Clock: time.Now,
		Logger: slog.New(slog.DiscardHandler),
	})
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.asked++
		if r.URL.Path == "/v1/access/login" {
			_ = json.NewEncoder(w).Encode(g.how)
			return
		}
		g.shown = r.Header.Get("Authorization")
		p, err := provider.Identify(r.Context(), strings.TrimPrefix(g.shown, "Bearer "))
		if err != nil {
			w.WriteHeader(http.StatusUnauthorized)
			_ = json.NewEncoder(w).Encode(client.Problem{Title: "who asks is not known", Status: http.StatusUnauthorized, Code: client.CodeUnauthorized, Detail: err.Error()})
			return
		}
		_ = json.NewEncoder(w).Encode(client.Access{Controlled: true, Subject: p.Subject, Expires: &p.Until})
	}))
	t.Cleanup(g.Close)
	t.Cleanup(provider.Config().Client.CloseIdleConnections)
	g.file = filepath.Join(t.TempDir(), "new", "login.json")
	g.env = map[string]string{"BACKSTITCH_LOGIN_FILE": g.file}
	return g
}

// keep writes a login as if somebody had signed in.
func (g *gatekeeper) keep(t *testing.T, l signin.Login) {
	t.Helper()
	if l.Addresses == nil {
		l.Addresses = []string{g.URL}
	}
	l.Issuer, l.ClientID, l.Scopes = g.issuer.URL, "backstitch", []string{"openid"}
	if err := (signin.File{Path: g.file}).Put(l); err != nil {
		t.Fatal(err)
	}
}

func (g *gatekeeper) kept(t *testing.T) (l signin.Login, ok bool) {
	t.Helper()
	l, ok, err := signin.File{Path: g.file}.Find([]string{g.URL})
	if err != nil {
		t.Fatal(err)
	}
	return l, ok
}

// TestSigningInWithACode, with what follows: commands show the login to that node and to no other, until it is forgotten.
func TestSigningInWithACode(t *testing.T) {
	g := newGatekeeper(t)
	g.issuer.Devices(0)
	status, stdout, stderr := g.command(t, g.env, "login")
	if status != 0 || !strings.Contains(stdout, "You are oidc:") || !strings.Contains(stdout, "/ann.") || !strings.Contains(stderr, "WDJB-MJHT") || !strings.Contains(stderr, g.issuer.URL+"/activate") {
		t.Fatalf("login: %d\n%s%s", status, stdout, stderr)
	}
	l, ok := g.kept(t)
	info, err := os.Stat(g.file)
	dir, _ := os.Stat(filepath.Dir(g.file))
	if !ok || err != nil || info.Mode().Perm() != 0o600 || dir.Mode().Perm() != 0o700 {
		t.Fatalf("kept %t, %v, %v in %v", ok, err, info.Mode(), dir.Mode())
	}
	status, stdout, stderr = g.command(t, g.env, "whoami")
	if status != 0 || !strings.Contains(stdout, "/ann.") || !strings.Contains(stdout, "What you have shown is good until ") || g.shown != "Bearer "+l.IDToken || strings.Contains(stdout+stderr, l.IDToken) {
		t.Errorf("whoami: %d\n%s%s", status, stdout, stderr)
	}
	other := newDoorman(t)
	other.answer = client.Access{}
	if status, _, _ := other.command(t, g.env, "whoami"); status != 0 || other.shown != "" {
		t.Errorf("another cluster: %d, and it was shown %.20s", status, other.shown)
	}
	token := access.NewToken().Reveal()
	if g.command(t, map[string]string{"BACKSTITCH_LOGIN_FILE": g.file, "BACKSTITCH_TOKEN": token}, "whoami"); g.shown != "Bearer "+token {
		t.Error("a token does not go before the login")
	}
	if status, _, _ := g.command(t, g.env, "whoami", "--addr", "127.0.0.1:1"); status != client.ExitNotAllowed || g.shown != "" {
		t.Errorf("with another address beside: %d, shown %.20s", status, g.shown)
	}
	if g.issuer.Refreshes() != 1 {
		t.Fatalf("the provider would renew %d logins", g.issuer.Refreshes())
	}
	if status, stdout, _ := g.command(t, g.env, "logout"); status != 0 || !strings.Contains(stdout, "is forgotten") || g.issuer.Refreshes() != 0 {
		t.Errorf("logout: %d %s, and the provider would renew %d logins", status, stdout, g.issuer.Refreshes())
	}
	if status, stdout, _ := g.command(t, g.env, "logout"); status != 0 || !strings.Contains(stdout, "No login is kept") {
		t.Errorf("logout again: %d %s", status, stdout)
	}
	if status, _, _ := g.command(t, g.env, "whoami"); status != client.ExitNotAllowed || g.shown != "" {
		t.Errorf("afterwards: %d, shown %.20s", status, g.shown)
	}
}

var addressIn = regexp.MustCompile(`http://\S+/authorize\?\S+`)

// TestSigningInWithABrowser: the answer has to belong to the question, and then the command goes on by itself.
func TestSigningInWithABrowser(t *testing.T) {
	g := newGatekeeper(t)
	told, tell := io.Pipe()
	done := make(chan int, 1)
	var out strings.Builder
	go func() {
		status := run(t.Context(), []string{"login", "--addr", g.URL}, strings.NewReader(""), &out, tell, func(k string) string { return g.env[k] })
		_ = tell.Close()
		done <- status
	}()
	address := ""
	for lines := bufio.NewScanner(told); address == "" && lines.Scan(); {
		address = addressIn.FindString(lines.Text())
	}
	go func() { _, _ = io.Copy(io.Discard, told) }()
	u, err := url.Parse(address)
	if err != nil || address == "" {
		t.Fatalf("no address to open: %q", address)
	}
	back := u.Query().Get("redirect_uri")
	if r, err := url.Parse(back); err != nil || r.Hostname() != "127.0.0.1" || u.Query().Get("code_challenge_method") != "S256" {
		t.Fatalf("asked with %s", u.RawQuery)
	}
	open := func(address string) int {
		resp, err := http.Get(address)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		return resp.StatusCode
	}
	for _, q := range []string{"?code=x&state=forged", "?code=x", "", "?error=access_denied"} {
		if got := open(back + q); got != http.StatusBadRequest {
			t.Errorf("an answer that was not asked for, %s: %d", q, got)
		}
	}
	if got := open(address); got != http.StatusOK {
		t.Errorf("the browser gets %d", got)
	}
	if status := <-done; status != 0 || !strings.Contains(out.String(), "/ann.") {
		t.Fatalf("login: %d\n%s", status, out.String())
	}
	if _, ok := g.kept(t); !ok {
		t.Error("the login is not kept")
	}
}

// TestALoginIsRenewed when it ends, as long as the provider does that; and a command goes on without one when it does not.
func TestALoginIsRenewed(t *testing.T) {
	g := newGatekeeper(t)
	over := g.issuer.Sign(g.issuer.Key(), g.issuer.Claims().With(logintest.Claims{"exp": time.Now().Add(-time.Hour).Unix()}))
	refresh := g.issuer.Grant()
	g.keep(t, signin.Login{IDToken: over, Refresh: refresh})
	if status, stdout, stderr := g.command(t, g.env, "whoami"); status != 0 || !strings.Contains(stdout, "/ann.") || stderr != "" {
		t.Fatalf("renewed: %d\n%s%s", status, stdout, stderr)
	}
	l, _ := g.kept(t)
	if l.IDToken == over || l.Refresh == refresh || g.shown != "Bearer "+l.IDToken {
		t.Error("what was renewed is not kept, or not shown")
	}
	for name, spoil := range map[string]func() signin.Login{
		"it is not renewed any more": func() signin.Login { return signin.Login{IDToken: over, Refresh: "gone"} },
		"nothing to renew it with":   func() signin.Login { return signin.Login{IDToken: over} },
		"the provider is down":       func() signin.Login { g.issuer.Down(true); return signin.Login{IDToken: over, Refresh: "x"} },
	} {
		g.keep(t, spoil())
		status, _, stderr := g.command(t, g.env, "whoami")
		if status != client.ExitNotAllowed || g.shown != "" || !strings.Contains(stderr, "Your login has ended") || !strings.Contains(stderr, "backstitch login") || strings.Contains(stderr, over) {
			t.Errorf("%s: %d, shown %.20s\n%s", name, status, g.shown, stderr)
		}
	}
}

// TestWhoCanNotSignIn is told why, and nothing is kept.
func TestWhoCanNotSignIn(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*gatekeeper)
		status int
		code   string
	}{
		"no provider":             {func(g *gatekeeper) { g.how = client.SignIn{} }, client.ExitUsage, client.CodeNoSignIn},
		"a client with a secret":  {func(g *gatekeeper) { g.how.ClientID = "" }, client.ExitUsage, client.CodeNoSignIn},
		"a client of nobody's":    {func(g *gatekeeper) { g.how.ClientID = "x" }, client.ExitNotAllowed, client.CodeSignIn},
		"a provider in the clear": {func(g *gatekeeper) { g.how.Issuer = "http://192.0.2.1" }, client.ExitNoLeader, client.CodeProvider},
		"a provider that is down": {func(g *gatekeeper) { g.issuer.Down(true) }, client.ExitNoLeader, client.CodeProvider},
		"a device in the clear": {func(g *gatekeeper) {
			g.issuer.Describe(func(d map[string]any) { d["device_authorization_endpoint"] = "http://192.0.2.1/d" })
		}, client.ExitNoLeader, client.CodeProvider},
		"no home": {func(g *gatekeeper) { g.env = nil }, client.ExitUsage, codeFile},
	} {
		g := newGatekeeper(t)
		g.issuer.Devices(0)
		c.change(g)
		status, stdout, stderr := g.command(t, g.env, "login")
		if status != c.status || !strings.Contains(stderr, c.code) || stdout != "" {
			t.Errorf("%s: %d, want %d %s\n%s%s", name, status, c.status, c.code, stdout, stderr)
		}
		if _, err := os.Stat(g.file); err == nil {
			t.Errorf("%s: something is kept", name)
		}
	}
}

// TestAFileThatOthersReadIsNotUsed, nor one that is something else, and no error has any of it.
func TestAFileThatOthersReadIsNotUsed(t *testing.T) {
	g := newGatekeeper(t)
	g.keep(t, signin.Login{IDToken: g.issuer.Login()})
	if err := os.Chmod(g.file, 0o644); err != nil {
		t.Fatal(err)
	}
	if status, _, stderr := g.command(t, g.env, "whoami"); status != client.ExitUsage || g.asked != 0 || !strings.Contains(stderr, "chmod 600") {
		t.Errorf("open to others: %d, asked %d times\n%s", status, g.asked, stderr)
	}
	for _, text := range []string{"hunter2", fmt.Sprintf(`{"logins":[{"addresses":[%q],"idToken":"hunter2"}]}`, strings.TrimPrefix(g.URL, "http://")), `{"logins":"hunter2"}`} {
		if err := os.WriteFile(g.file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(g.file, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, stderr := g.command(t, g.env, "whoami"); strings.Contains(stderr, "hunter2") || g.shown != "" || stderr == "" {
			t.Errorf("%s: shown %.20s\n%s", text, g.shown, stderr)
		}
	}
}
