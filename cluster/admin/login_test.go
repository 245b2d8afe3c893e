package admin

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"backstitch/cluster/access/login"
	"backstitch/cluster/access/login/logintest"
	"backstitch/cluster/admin/ui"
	"backstitch/cluster/client"
	"backstitch/fsm"

	"github.com/prometheus/client_golang/prometheus"
)

// signed is a door that believes an issuer: who is on call approves in the shop, and SREs are admins.
func signed(t *testing.T) (*gated, *logintest.Issuer) {
	t.Helper()
	issuer := logintest.New(t)
	d := &gated{node: latest(t), log: &bytes.Buffer{}, now: time.Unix(1_700_000_000, 0), text: map[string]string{}, acc: map[string]string{}}
	d.node.do(t, fsm.RaiseVersion{Version: fsm.LatestVersion})
	clock := func() time.Time { return d.now }
	issuer.Clock(clock, 5*time.Minute)
	log := slog.New(slog.NewTextHandler(d.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	provider := login.New(login.Config{
		Issuer: issuer.URL, ClientID: "backstitch", Scopes: []string{"openid"}, Algorithms: []string{"RS256"}, PersonClaim: "sub", GroupsClaim: "groups",
		Roles:  []login.Role{{Group: "oncall", Role: fsm.AccessApprover, Namespace: here}, {Group: "sre", Role: fsm.AccessAdmin, Namespace: fsm.EveryNamespace}},
		Client: login.NewClient(nil, nil), Clock: clock, Logger: log,
	})
	t.Cleanup(provider.Config().Client.CloseIdleConnections)
	var err error
	d.s, err = New(Config{Version: "test", Logger: log, Gatherer: prometheus.NewRegistry(), Clock: clock, Logins: provider}, d.node)
	if err != nil {
		t.Fatal(err)
	}
	d.h = d.s.Handler()
	d.root = d.first(t)
	d.furnish(t, here, "a")
	d.furnish(t, there, "b")
	return d, issuer
}

// blind is an Insight that nobody asks here.
type blind struct{ ui.Insight }

// of is a good login of somebody.
func of(i *logintest.Issuer, person string, groups ...string) string {
	return i.Sign(i.Key(), i.Claims().With(logintest.Claims{"sub": person, "groups": groups}))
}

func subjectOf(i *logintest.Issuer, person string) string {
	return fsm.LoginSubject(strings.TrimPrefix(i.URL, "http://"), person)
}

// Somebody who signs in is known by his subject everywhere: by what he may, in can-i, in the trail and in refusals.
func TestALoginIsASubject(t *testing.T) {
	d, issuer := signed(t)
	ann, bob, carl := of(issuer, "ann", "oncall"), of(issuer, "bob"), of(issuer, "carl", "sre")
	var at client.Access
	if w := d.ask("GET", "/v1/access", ann, "", &at); w.Code != http.StatusOK || at.Subject != subjectOf(issuer, "ann") || len(at.Policies) != 1 ||
		at.Policies[0].Role != "approver" || at.Policies[0].Namespace != here || at.Expires == nil || !at.Expires.Equal(d.now.Add(5*time.Minute)) {
		t.Errorf("who ann is: %d %s", w.Code, w.Body)
	}
	for name, c := range map[string]struct {
		who, method, path, body string
		want                    int
	}{
		"her namespace":      {ann, "POST", "/v1/flows/fl-a/pause", `{"reason":"x"}`, http.StatusOK},
		"another one":        {ann, "POST", "/v1/flows/fl-b/pause", `{}`, http.StatusForbidden},
		"no group":           {bob, "GET", "/v1/jobs", "", http.StatusForbidden},
		"an admin's group":   {carl, "GET", "/v1/tokens", "", http.StatusOK},
		"an admin's, for no": {ann, "GET", "/v1/tokens", "", http.StatusForbidden},
	} {
		if w := d.ask(c.method, c.path, c.who, c.body, nil); w.Code != c.want {
			t.Errorf("%s: %d %s, want %d", name, w.Code, w.Body, c.want)
		}
	}
	var v client.Verdict
	if d.ask("GET", "/v1/access/can-i?verb=cancel-job&namespace=shop", ann, "", &v); !v.Allowed || v.Subject != at.Subject {
		t.Errorf("can-i: %+v", v)
	}
	if d.ask("GET", "/v1/access/can-i?verb=cancel-job&namespace=farm", ann, "", &v); v.Allowed {
		t.Errorf("can-i elsewhere: %+v", v)
	}
	if d.ask("GET", "/v1/access/can-i?verb=cancel-job&namespace=shop&as="+subjectOf(issuer, "bob"), carl, "", &v); v.Allowed || !strings.Contains(v.Why, "known when it signs in") {
		t.Errorf("can-i of another: %+v", v)
	}
	if w := d.ask("POST", "/v1/policies", carl, text(t, client.PutPolicy{Name: "bob", Subject: subjectOf(issuer, "bob"), Role: "viewer", Namespace: here}), nil); w.Code != http.StatusOK {
		t.Fatalf("a policy: %d %s", w.Code, w.Body)
	}
	if w := d.ask("GET", "/v1/jobs", bob, "", nil); w.Code != http.StatusOK {
		t.Errorf("a role of his own: %d %s", w.Code, w.Body)
	}
	if d.ask("GET", "/v1/access/can-i?verb=show-job&namespace=shop&as="+subjectOf(issuer, "bob"), carl, "", &v); !v.Allowed {
		t.Errorf("can-i of another, by policy: %+v", v)
	}
	trail := d.ask("GET", "/v1/audit?limit=1000", d.root, "", nil).Body.String()
	for _, want := range []string{`"actor":"` + subjectOf(issuer, "ann") + `"`, `"actor":"` + subjectOf(issuer, "bob") + `"`, "note-refusal", "pause-flow"} {
		if !strings.Contains(trail, want) {
			t.Errorf("the trail has no %s", want)
		}
	}
}

// Whatever a login lacks, it gets nowhere: 401, no entry in the book, and nothing of it in an answer or in the log.
func TestABadLoginGetsNowhere(t *testing.T) {
	d, issuer := signed(t)
	good := issuer.Claims().With(logintest.Claims{"groups": []string{"sre"}})
	sign := func(change logintest.Claims) string { return issuer.Sign(issuer.Key(), good.With(change)) }
	if w := d.ask("GET", "/v1/jobs", sign(nil), "", nil); w.Code != http.StatusOK {
		t.Fatalf("the good one: %d %s", w.Code, w.Body)
	}
	before := d.node.Machine.Applied()
	bad := map[string]string{
		"another issuer": sign(logintest.Claims{"iss": "https://evil.example.com"}), "another client": sign(logintest.Claims{"aud": "wiki"}),
		"over": sign(logintest.Claims{"exp": d.now.Add(-2 * login.Leeway).Unix()}), "unsigned": logintest.Unsigned("none", good, ""),
		"a key that nobody has": issuer.Sign(logintest.RSA("k9", 1), good), "another key of that name": issuer.Sign(logintest.RSA("k1", 1), good),
		"no form": "a.b.c", "great": strings.Repeat("a", 40<<10) + ".b.c", "two dots and more": "a.b.c.d", "strange letters": "a.b.c\"",
	}
	var seen strings.Builder
	for name, text := range bad {
		for _, r := range [][2]string{{"GET", "/v1/jobs"}, {"POST", "/v1/flows/fl-a/pause"}, {"GET", "/metrics"}, {"GET", "/v1/access"}} {
			var p client.Problem
			w := d.ask(r[0], r[1], text, "", &p)
			if w.Code != http.StatusUnauthorized || p.Code != client.CodeUnauthorized || !strings.Contains(p.Next, "backstitch login") {
				t.Errorf("%s, %s: %d %s", name, r[1], w.Code, w.Body)
			}
			seen.WriteString(w.Body.String())
		}
	}
	seen.WriteString(d.log.String())
	for name, text := range bad {
		for part := range strings.SplitSeq(text, ".") {
			if len(part) > 8 && strings.Contains(seen.String(), part) {
				t.Errorf("%s: a part of it is told", name)
			}
		}
	}
	if d.node.Machine.Applied() != before {
		t.Errorf("strangers wrote %d entries", d.node.Machine.Applied()-before)
	}
	d.now = d.now.Add(time.Hour)
	if w := d.ask("GET", "/v1/jobs", sign(nil), "", nil); w.Code != http.StatusUnauthorized {
		t.Errorf("an hour later: %d", w.Code)
	}
}

// While the provider can not be asked nobody is let in by a login, also not to what is served without a book; tokens go on.
func TestWithoutTheProviderALoginIsNotTaken(t *testing.T) {
	d, issuer := signed(t)
	issuer.Down(true)
	for _, verb := range []string{"list-jobs", "metrics", "list-faults", "heal-faults", "show-cluster"} {
		var p client.Problem
		if w := d.ask(examples[verb][0], examples[verb][1], of(issuer, "carl", "sre"), "", &p); w.Code != http.StatusServiceUnavailable || p.Code != client.CodeProvider || strings.Contains(p.Detail, "503") {
			t.Errorf("%s: %d %s", verb, w.Code, w.Body)
		}
	}
	if w := d.ask("GET", "/v1/jobs", d.root, "", nil); w.Code != http.StatusOK {
		t.Errorf("a token: %d %s", w.Code, w.Body)
	}
	if !strings.Contains(d.log.String(), "503") {
		t.Error("the log does not say why")
	}
}

// Where two people are wanted the person counts: neither another login of his nor a token that he has made is somebody else.
func TestTwoLoginsOfOneAreOnePerson(t *testing.T) {
	d, issuer := signed(t)
	void := func(by string) (p client.Problem) {
		d.ask("POST", "/v1/jobs/bs-a/void", by, `{"done":false,"records":0}`, &p)
		return p
	}
	approve := func(id, by string) (int, client.Problem) {
		var p client.Problem
		w := d.ask("POST", "/v1/access/requests/"+id+"/approve", by, `{}`, &p)
		return w.Code, p
	}
	p := void(of(issuer, "ann", "oncall"))
	id := idIn.FindString(p.Next)
	if p.Code != client.CodeSecondPerson || !strings.Contains(p.Detail, subjectOf(issuer, "ann")) {
		t.Fatalf("asked: %+v", p)
	}
	d.now = d.now.Add(time.Minute)
	mine := of(issuer, "ann", "sre")
	made := d.create(t, mine, client.CreateToken{Role: "approver"})
	for name, by := range map[string]string{"another login of hers": mine, "a token of hers": made.Secret} {
		if code, p := approve(id, by); code != http.StatusForbidden || p.Code != client.CodeOwnRequest {
			t.Errorf("%s says yes: %d %+v", name, code, p)
		}
	}
	if again := void(mine); idIn.FindString(again.Next) != id {
		t.Errorf("the same wish by another login: %+v, want request %s", again, id)
	}
	asked := idIn.FindString(void(made.Secret).Next)
	if code, p := approve(asked, mine); code != http.StatusForbidden || p.Code != client.CodeOwnRequest {
		t.Errorf("she says yes to what her token asks: %d %+v", code, p)
	}
	if code, p := approve(id, of(issuer, "bob", "oncall")); code != http.StatusOK {
		t.Errorf("somebody else: %d %+v", code, p)
	}
	if p := void(of(issuer, "ann", "oncall")); p.Code == client.CodeSecondPerson {
		t.Errorf("with his yes: %+v", p)
	}
	// A step of a flow, likewise: neither the person nor a token of the person's.
	flow := `{"id":"fl-x","name":"x","namespace":"shop","document":{},"steps":[{"name":"ask","kind":"manual","needs":[],"timeoutNanos":0,"retry":{"attempts":1,"initialNanos":0,"maxNanos":0,"on":[]},"body":{"prompt":"?"}}]}`
	if w := d.ask("POST", "/v1/flows", mine, flow, nil); w.Code >= 300 {
		t.Fatalf("a flow: %d %s", w.Code, w.Body)
	}
	for _, by := range []string{of(issuer, "ann", "oncall"), made.Secret} {
		var p client.Problem
		if w := d.ask("POST", "/v1/flows/fl-x/steps/ask/approve", by, `{"attempt":1}`, &p); w.Code != http.StatusForbidden || p.Code != client.CodeOwnRequest {
			t.Errorf("a step of her own flow: %d %s", w.Code, w.Body)
		}
	}
}

// A node without a provider takes no login, and one that has a provider tells strangers how to sign in, without asking it.
func TestLoginsOnlyWhereTheyAreTaken(t *testing.T) {
	issuer := logintest.New(t)
	d := opened(t)
	if w := d.ask("GET", "/v1/jobs", issuer.Login(), "", nil); w.Code != http.StatusUnauthorized || strings.Contains(w.Body.String(), "backstitch login") {
		t.Errorf("a node without a provider: %d %s", w.Code, w.Body)
	}
	var how client.SignIn
	if w := d.ask("GET", "/v1/access/login", "", "", &how); w.Code != http.StatusOK || how.Issuer != "" || how.ClientID != "" {
		t.Errorf("how one signs in there: %d %+v", w.Code, how)
	}
	s, other := signed(t)
	if w := s.ask("GET", "/v1/access/login", "", "", &how); w.Code != http.StatusOK || how.Issuer != other.URL || how.ClientID != "backstitch" || !slices.Equal(how.Scopes, []string{"openid"}) {
		t.Errorf("how one signs in: %d %+v", w.Code, how)
	}
	if other.Asked("/keys") != 0 {
		t.Error("the provider was asked before anybody has signed in")
	}
}

// A browser signs in at the node itself: pages, API, provider and book together.
func TestABrowserSignsInAtTheNode(t *testing.T) {
	d, _ := signed(t)
	provider := d.s.config.Logins.Config()
	provider.RedirectURL = "https://example.com" + login.CallbackPath // the host of httptest's requests
	config := d.s.config
	config.Logins, config.Insight = login.New(provider), blind{}
	s, err := New(config, d.node)
	if err != nil {
		t.Fatal(err)
	}
	jar := map[string]string{}
	visit := func(path string) *http.Response {
		r := httptest.NewRequest("GET", path, nil).WithContext(t.Context())
		for name, value := range jar {
			r.AddCookie(&http.Cookie{Name: name, Value: value})
		}
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		for _, c := range w.Result().Cookies() {
			if jar[c.Name] = c.Value; c.MaxAge < 0 {
				delete(jar, c.Name)
			}
			if !c.Secure || !c.HttpOnly {
				t.Errorf("cookie %s: %s", c.Name, strings.ReplaceAll(c.String(), c.Value, "..."))
			}
		}
		return w.Result()
	}
	to := visit("/ui/login/begin?next=/ui/settings").Header.Get("Location")
	c := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := c.Get(to)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	back, err := resp.Location()
	if err != nil {
		t.Fatal(err)
	}
	if got := visit(back.RequestURI()); got.StatusCode != http.StatusOK || got.Header.Get("Refresh") != "0; url=/ui/settings" {
		t.Fatalf("back: %s, %v", got.Status, got.Header)
	}
	if got := visit("/ui/settings"); got.StatusCode != http.StatusOK {
		t.Errorf("signed in: %s", got.Status)
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(jar["backstitch-token"], ".")[1])
	var claims struct{ Sub string }
	if err != nil || json.Unmarshal(payload, &claims) != nil || claims.Sub != "ann" {
		t.Errorf("the browser keeps a login of %q, %v", claims.Sub, err)
	}
}
