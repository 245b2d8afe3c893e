package login

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"backstitch/cluster/access"
	"backstitch/cluster/access/login/logintest"
	"backstitch/cluster/notify"
	"backstitch/fsm"

	"github.com/go-jose/go-jose/v4"
)

// knower is a node that knows people by an issuer.
type knower struct {
	*Provider
	issuer *logintest.Issuer
	log    bytes.Buffer
	now    time.Time
}

func newKnower(t testing.TB, change func(*Config)) *knower {
	t.Helper()
	k := &knower{issuer: logintest.New(t), now: time.Unix(1_700_000_000, 0)}
	clock := func() time.Time { return k.now }
	k.issuer.Clock(clock, 5*time.Minute)
	cfg := Config{
		Issuer: k.issuer.URL, ClientID: "backstitch", Scopes: []string{"openid"}, Algorithms: []string{"RS256"}, PersonClaim: "sub", GroupsClaim: "groups",
		Roles:  []Role{{"oncall", fsm.AccessApprover, "shop"}, {"oncall", fsm.AccessViewer, "*"}, {"sre", fsm.AccessAdmin, "*"}},
		Client: NewClient(nil, nil), Clock: clock, Logger: slog.New(slog.NewTextHandler(&k.log, nil)), RedirectURL: "http://127.0.0.1:7420" + CallbackPath,
	}
	if change != nil {
		change(&cfg)
	}
	k.Provider = New(cfg)
	t.Cleanup(cfg.Client.CloseIdleConnections)
	return k
}

func TestAGoodLogin(t *testing.T) {
	k := newKnower(t, nil)
	p, err := k.Identify(t.Context(), k.issuer.Login())
	place := strings.TrimPrefix(k.issuer.URL, "http://")
	if err != nil || p.Subject != "oidc:"+place+"/ann" || !p.Until.Equal(k.now.Add(5*time.Minute)) {
		t.Fatalf("got %+v, %v", p, err)
	}
	if len(p.Roles) != 2 || p.Roles[0].Role != fsm.AccessApprover || p.Roles[0].Namespace != "shop" || p.Roles[0].Subject != p.Subject || p.Roles[0].Name != "group:oncall" || p.Roles[0].PutUnixNanos != k.now.UnixNano() {
		t.Errorf("roles: %+v", p.Roles)
	}
	for name, c := range map[string]struct {
		claims logintest.Claims
		roles  int
	}{
		"one group as a text": {logintest.Claims{"groups": "sre"}, 1}, "no groups": {logintest.Claims{"groups": nil}, 0}, "others": {logintest.Claims{"groups": []string{"x", "oncall2"}}, 0},
		"several clients": {logintest.Claims{"aud": []string{"other", "backstitch"}}, 2}, "a name with a slash": {logintest.Claims{"sub": "a/b c"}, 2},
	} {
		p, err := k.Identify(t.Context(), k.issuer.Sign(k.issuer.Key(), k.issuer.Claims().With(c.claims)))
		if err != nil || len(p.Roles) != c.roles || fsm.CheckSubject(p.Subject) != "" {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
	if k.issuer.Asked("/keys") != 1 {
		t.Errorf("the keys were fetched %d times, want 1", k.issuer.Asked("/keys"))
	}
}

// Whatever is wrong with a login, it is refused, and why says nothing of it.
func TestBadLoginsAreRefused(t *testing.T) {
	k := newKnower(t, nil)
	good, key, other := k.issuer.Claims(), k.issuer.Key(), logintest.RSA("k1", 1)
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	confused := func(secret []byte) string {
		head := logintest.Unsigned("HS256", good, "")
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(strings.TrimSuffix(head, ".")))
		return head + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
	}
	sign := func(change logintest.Claims) string { return k.issuer.Sign(key, good.With(change)) }
	at := func(d time.Duration) int64 { return k.now.Add(d).Unix() }
	whole := k.issuer.Login()
	parts := strings.Split(whole, ".")
	forged := base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"iss":%q,"aud":"backstitch","sub":"root","groups":["sre"],"iat":%d,"exp":%d}`, k.issuer.URL, at(0), at(time.Minute)))
	embedded := func() string {
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: other.Private}, &jose.SignerOptions{EmbedJWK: true})
		if err != nil {
			t.Fatal(err)
		}
		jws, err := signer.Sign([]byte(`{"iss":"` + k.issuer.URL + `","aud":"backstitch","sub":"ann"}`))
		if err != nil {
			t.Fatal(err)
		}
		text, _ := jws.CompactSerialize()
		return text
	}
	for name, c := range map[string]struct{ text, why string }{
		"another issuer":             {sign(logintest.Claims{"iss": "https://evil.example.com"}), "not issued by"},
		"an issuer with a slash":     {sign(logintest.Claims{"iss": k.issuer.URL + "/"}), "not issued by"},
		"no issuer":                  {sign(logintest.Claims{"iss": nil}), "not issued by"},
		"another client":             {sign(logintest.Claims{"aud": "wiki"}), "another client"},
		"no client":                  {sign(logintest.Claims{"aud": nil}), "another client"},
		"over":                       {sign(logintest.Claims{"exp": at(-Leeway - time.Second)}), "came to its end"},
		"without an end":             {sign(logintest.Claims{"exp": nil}), "when it ends"},
		"without a beginning":        {sign(logintest.Claims{"iat": nil}), "when it was issued"},
		"issued long ago":            {sign(logintest.Claims{"iat": at(-MaxLife - Leeway - time.Second), "exp": at(time.Hour)}), "came to its end"},
		"not yet":                    {sign(logintest.Claims{"nbf": at(Leeway + time.Second)}), "only later"},
		"issued later":               {sign(logintest.Claims{"iat": at(Leeway + time.Second)}), "only later"},
		"unsigned":                   {logintest.Unsigned("none", good, ""), "not signed with RS256"},
		"unsigned, in capitals":      {logintest.Unsigned("NONE", good, ""), "not signed with RS256"},
		"HMAC with the public key":   {confused(public), "not signed with RS256"},
		"HMAC with its bytes":        {confused(der), "not signed with RS256"},
		"ES256, which is not wanted": {k.issuer.Sign(logintest.EC("k1"), good), "not signed with RS256"},
		"a key that nobody has":      {k.issuer.Sign(logintest.RSA("k9", 1), good), "does not have"},
		"another key of that name":   {k.issuer.Sign(other, good), "not signed by the key"},
		"other claims":               {parts[0] + "." + forged + "." + parts[2], "not signed by the key"},
		"no signature":               {parts[0] + "." + parts[1] + ".", "not signed"},
		"a key that came along":      {embedded(), "not signed by the key"},
		"no person":                  {sign(logintest.Claims{"sub": nil}), "claim sub"},
		"a number as a person":       {sign(logintest.Claims{"sub": 7}), "the form of OpenID Connect"},
		"a person of a great name":   {sign(logintest.Claims{"sub": strings.Repeat("a", 200)}), "no good subject"},
		"groups that are none":       {sign(logintest.Claims{"groups": map[string]int{"sre": 1}}), "claim groups"},
		"the notice of a sign-out":   {sign(logintest.Claims{"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}}}), "no login"},
		"no login":                   {"a.b.c", "not signed with RS256"},
	} {
		p, err := k.Identify(t.Context(), c.text)
		var unknown *access.Unknown
		if !errors.As(err, &unknown) || !strings.Contains(unknown.Why, c.why) || p.Subject != "" || len(p.Roles) > 0 {
			t.Errorf("%s: got %+v, %v, want %q", name, p, err, c.why)
		}
		for _, part := range strings.Split(c.text, ".") {
			if len(part) > 8 && err != nil && strings.Contains(err.Error(), part) {
				t.Errorf("%s: the reason has a part of it", name)
			}
		}
	}
	for name, c := range map[string]logintest.Claims{
		"just over": {"exp": at(-Leeway)}, "soon": {"nbf": at(Leeway), "iat": at(Leeway)}, "issued a while ago": {"iat": at(-MaxLife + time.Second), "exp": at(time.Hour)},
	} {
		if _, err := k.Identify(t.Context(), sign(c)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if k.log.Len() > 0 {
		t.Errorf("logged: %s", k.log.String())
	}
}

func TestAMailAddressHasToBeVerified(t *testing.T) {
	k := newKnower(t, func(c *Config) { c.PersonClaim, c.Algorithms = "email", []string{"ES256"} })
	k.issuer.Keys(logintest.EC("e1"))
	for verified, want := range map[any]bool{true: true, "true": true, false: false, "false": false, nil: false} {
		p, err := k.Identify(t.Context(), k.issuer.Sign(k.issuer.Key(), k.issuer.Claims().With(logintest.Claims{"email": "ann@example.com", "email_verified": verified})))
		if (err == nil) != want || want && !strings.HasSuffix(p.Subject, "/ann@example.com") {
			t.Errorf("email_verified %v: %+v, %v", verified, p, err)
		}
	}
}

// New keys are found at once, withdrawn ones forgotten after a while, and nobody is asked more often because strangers name keys that do not exist.
func TestKeysAreRotatedWithoutARestart(t *testing.T) {
	k := newKnower(t, func(c *Config) { c.Algorithms = []string{"RS256", "ES256"} })
	old, fresh := k.issuer.Key(), logintest.EC("k2")
	by := func(key logintest.Key) error {
		_, err := k.Identify(t.Context(), k.issuer.Sign(key, k.issuer.Claims()))
		return err
	}
	if err := by(old); err != nil {
		t.Fatal(err)
	}
	k.now = k.now.Add(askPause)
	k.issuer.Keys(old, fresh)
	if err := by(fresh); err != nil {
		t.Errorf("a new key: %v", err)
	}
	if err := by(old); err != nil {
		t.Errorf("the old one beside it: %v", err)
	}
	asked := k.issuer.Asked("/keys")
	for n := range 50 {
		if by(logintest.RSA(fmt.Sprintf("x%d", n), 1)) == nil {
			t.Fatal("a key that nobody has is believed")
		}
		_ = by(logintest.RSA("k1", 1)) // a bad signature under a key that is there
	}
	if got := k.issuer.Asked("/keys"); got != asked {
		t.Errorf("strangers made the node ask %d times more", got-asked)
	}
	k.issuer.Keys(fresh)
	k.now = k.now.Add(keysFor)
	if err := by(old); err == nil {
		t.Error("a key that was withdrawn is believed")
	}
	if err := by(fresh); err != nil {
		t.Errorf("the one that is left: %v", err)
	}
}

// While the provider is down those who have a login get on with the keys that are known, for a while; and nobody can tell whether others are good.
func TestAProviderThatIsDown(t *testing.T) {
	k := newKnower(t, nil)
	identify := func() error {
		_, err := k.Identify(t.Context(), k.issuer.Login())
		return err
	}
	var down *Unreachable
	k.issuer.Down(true)
	if err := identify(); !errors.As(err, &down) || !strings.Contains(err.Error(), "503") {
		t.Fatalf("down from the start: %v", err)
	}
	k.issuer.Down(false)
	if err := identify(); !errors.As(err, &down) {
		t.Errorf("asked again at once: %v", err)
	}
	k.now = k.now.Add(askPause)
	if err := identify(); err != nil {
		t.Fatalf("up again: %v", err)
	}
	k.issuer.Down(true)
	k.now = k.now.Add(keysAtMost - time.Second)
	if err := identify(); err != nil {
		t.Errorf("with keys that are known: %v", err)
	}
	k.now = k.now.Add(time.Second)
	if err := identify(); !errors.As(err, &down) {
		t.Errorf("with keys that are old: %v", err)
	}
	if !strings.Contains(k.log.String(), "could not be asked") {
		t.Errorf("the log: %s", k.log.String())
	}
}

// What a provider answers is bounded, and leads nowhere else.
func TestABadProvider(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a redirect was followed") }))
	t.Cleanup(elsewhere.Close)
	for name, c := range map[string]struct {
		change func(*logintest.Issuer)
		why    string
	}{
		"another issuer": {func(i *logintest.Issuer) {
			i.Describe(func(d map[string]any) { d["issuer"] = "https://evil.example.com" })
		}, "did not match"},
		"keys in the clear": {func(i *logintest.Issuer) {
			i.Describe(func(d map[string]any) { d["jwks_uri"] = "http://192.0.2.1/keys" })
		}, "is not https"},
		"a metadata service": {func(i *logintest.Issuer) {
			i.Describe(func(d map[string]any) { d["jwks_uri"] = "https://169.254.169.254/keys" })
		}, "not one for receivers"},
		"codes in the clear": {func(i *logintest.Issuer) {
			i.Describe(func(d map[string]any) { d["token_endpoint"] = "http://192.0.2.1/token" })
		}, "is not https"},
		"endless keys":        {func(i *logintest.Issuer) { i.AnswerKeys(bytes.Repeat([]byte(" "), maxAnswer+1)) }, "too large"},
		"many keys":           {func(i *logintest.Issuer) { i.AnswerKeys([]byte(`{"keys":[` + strings.Repeat("{},", maxKeys) + `{}]}`)) }, "more than 100"},
		"a secret as its key": {func(i *logintest.Issuer) { i.AnswerKeys([]byte(`{"keys":[{"kty":"oct","kid":"k1","k":"c2VjcmV0"}]}`)) }, "no key"},
		"no JSON":             {func(i *logintest.Issuer) { i.AnswerKeys([]byte(`<html>`)) }, "read its keys"},
		"a redirect": {func(i *logintest.Issuer) {
			i.Describe(func(d map[string]any) {
				d["jwks_uri"] = i.URL + "/authorize?" + url.Values{"client_id": {"backstitch"}, "response_type": {"code"}, "scope": {"openid"}, "state": {"s"}, "code_challenge": {"c"}, "code_challenge_method": {"S256"}, "redirect_uri": {elsewhere.URL}}.Encode()
			})
		}, "302"},
	} {
		k := newKnower(t, nil)
		c.change(k.issuer)
		_, err := k.Identify(t.Context(), k.issuer.Login())
		var down *Unreachable
		if !errors.As(err, &down) || !strings.Contains(err.Error(), c.why) {
			t.Errorf("%s: got %v, want %q", name, err, c.why)
		}
	}
	k := newKnower(t, func(c *Config) { c.Issuer = "http://169.254.169.254" })
	if _, err := k.Identify(t.Context(), k.issuer.Login()); !errors.Is(err, notify.ErrGuarded) {
		t.Errorf("an issuer at a metadata service: %v, want ErrGuarded", err)
	}
}

// A provider that hangs is left, and its certificate is that of an authority that is named.
func TestTheClientOfAProvider(t *testing.T) {
	release := make(chan struct{})
	hangs := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	t.Cleanup(hangs.Close)
	t.Cleanup(func() { close(release) })
	k := newKnower(t, func(c *Config) {
		if c.Client.Timeout != askFor {
			t.Errorf("a request may take %s, want %s", c.Client.Timeout, askFor)
		}
		c.Client.Timeout = 20 * time.Millisecond
	})
	k.issuer.Describe(func(d map[string]any) { d["jwks_uri"] = hangs.URL })
	var down *Unreachable
	if _, err := k.Identify(t.Context(), k.issuer.Login()); !errors.As(err, &down) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a provider that hangs: %v", err)
	}
	private := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	private.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	t.Cleanup(private.Close)
	roots := x509.NewCertPool()
	roots.AddCert(private.Certificate())
	for name, pool := range map[string]*x509.CertPool{"named": roots, "": nil} {
		c := NewClient(nil, pool)
		resp, err := c.Get(private.URL)
		if err == nil {
			resp.Body.Close()
		}
		if c.CloseIdleConnections(); (err == nil) != (name != "") {
			t.Errorf("an authority %q: %v", name, err)
		}
	}
}

// Many at once look once, and who goes away ends nobody else's look.
func TestManyLookOnce(t *testing.T) {
	k := newKnower(t, nil)
	text := k.issuer.Login()
	gone, leave := context.WithCancel(t.Context())
	leave()
	var all sync.WaitGroup
	for n := range 20 {
		all.Go(func() {
			ctx := t.Context()
			if n%2 == 0 {
				ctx = gone
			}
			if _, err := k.Identify(ctx, text); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got := k.issuer.Asked("/keys"); got < 1 || got > 3 {
		t.Errorf("20 at once asked %d times", got)
	}
}

// follow signs in as a browser does, and returns what the provider sends back.
func (k *knower) follow(t *testing.T, state, nonce, verifier string) url.Values {
	t.Helper()
	to, err := k.Begin(t.Context(), state, nonce, verifier)
	if err != nil {
		t.Fatal(err)
	}
	c := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := c.Get(to)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	back, err := resp.Location()
	if err != nil || back.Path != CallbackPath {
		t.Fatalf("sent back to %v, %v: %s", back, err, resp.Status)
	}
	return back.Query()
}

func TestABrowserSignsIn(t *testing.T) {
	verifier := strings.Repeat("v", 43)
	k := newKnower(t, nil)
	back := k.follow(t, "s", "n", verifier)
	if back.Get("state") != "s" {
		t.Errorf("state: %q", back.Get("state"))
	}
	text, err := k.Finish(t.Context(), back.Get("code"), verifier, "n")
	if err != nil {
		t.Fatal(err)
	}
	if p, err := k.Identify(t.Context(), text); err != nil || !strings.HasSuffix(p.Subject, "/ann") {
		t.Errorf("%+v, %v", p, err)
	}
	finish := func(change func(code, verifier, nonce *string)) error {
		code, v, n := k.follow(t, "s", "n", verifier).Get("code"), verifier, "n"
		change(&code, &v, &n)
		_, err := k.Finish(t.Context(), code, v, n)
		return err
	}
	var unknown *access.Unknown
	for name, change := range map[string]func(code, verifier, nonce *string){
		"a code of nobody's":         func(code, _, _ *string) { *code = "x" },
		"a code for the second time": func(code, _, _ *string) { *code = back.Get("code") },
		"another verifier":           func(_, v, _ *string) { *v = strings.Repeat("w", 43) },
		"another nonce":              func(_, _, n *string) { *n = "m" },
		"no nonce":                   func(_, _, n *string) { *n = "" },
	} {
		if err := finish(change); !errors.As(err, &unknown) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	k.issuer.Person(logintest.Claims{"sub": "ann", "aud": "wiki"})
	if err := finish(func(_, _, _ *string) {}); !errors.As(err, &unknown) || !strings.Contains(err.Error(), "another client") {
		t.Errorf("a login for another client: %v", err)
	}
}

// A client with a secret shows it, and the command line has a client of its own.
func TestAClientWithASecret(t *testing.T) {
	secret := "s3cret"
	k := newKnower(t, func(c *Config) {
		c.ClientID, c.CLIClientID, c.Secret = "web", "cli", func() (string, error) { return secret, nil }
	})
	k.issuer.Client("web", "s3cret")
	verifier := strings.Repeat("v", 43)
	if _, err := k.Finish(t.Context(), k.follow(t, "s", "n", verifier).Get("code"), verifier, "n"); err != nil {
		t.Error(err)
	}
	secret = "other"
	_, err := k.Finish(t.Context(), k.follow(t, "s", "n", verifier).Get("code"), verifier, "n")
	if err == nil || !strings.Contains(err.Error(), "invalid_client") || strings.Contains(err.Error(), secret) {
		t.Errorf("another secret: %v", err)
	}
	var down *Unreachable
	k.cfg.Secret = func() (string, error) { return "", errors.New("no such file") }
	if _, err = k.Finish(t.Context(), "x", verifier, "n"); !errors.As(err, &down) || !strings.Contains(k.log.String(), "no such file") {
		t.Errorf("a secret that is not there: %v, and the log says %s", err, k.log.String())
	}
	for aud, want := range map[string]bool{"web": true, "cli": true, "backstitch": false} {
		if _, err := k.Identify(t.Context(), k.issuer.Sign(k.issuer.Key(), k.issuer.Claims().With(logintest.Claims{"aud": aud}))); (err == nil) != want {
			t.Errorf("for %s: %v", aud, err)
		}
	}
	if got := k.Config().CommandLine(); got != "cli" {
		t.Errorf("the command line is client %q", got)
	}
	if c := (Config{ClientID: "web", Secret: k.cfg.Secret}); c.CommandLine() != "" {
		t.Error("a secret is expected of the command line")
	}
}
