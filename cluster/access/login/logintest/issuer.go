// Package logintest is an OpenID Connect provider for tests: it serves its description, its keys and its endpoints over real HTTP on loopback, and signs
// whatever a test wants, good or bad.
package logintest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Key is one that an issuer signs with.
type Key struct {
	ID        string
	Algorithm jose.SignatureAlgorithm
	Private   any
}

// rsaKeys are made once: that takes longer than everything else here.
var rsaKeys = [...]func() *rsa.PrivateKey{sync.OnceValue(newRSA), sync.OnceValue(newRSA)}

func newRSA() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
}

// RSA is the first or second RSA key, under an id.
func RSA(id string, n int) Key { return Key{ID: id, Algorithm: jose.RS256, Private: rsaKeys[n]()} }

// EC is a new key of P-256, under an id.
func EC(id string) Key {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return Key{ID: id, Algorithm: jose.ES256, Private: k}
}

// Public is the half that everybody may know.
func (k Key) Public() any {
	return k.Private.(crypto.Signer).Public()
}

// Claims are what a login says.
type Claims map[string]any

// With is the same with some claims changed; nil takes one away.
func (c Claims) With(change Claims) Claims {
	out := maps.Clone(c)
	for name, v := range change {
		if out[name] = v; v == nil {
			delete(out, name)
		}
	}
	return out
}

// Issuer is one provider. Its fields may be changed between requests, by its methods.
type Issuer struct {
	URL    string
	server *httptest.Server
	t      testing.TB

	mu       sync.Mutex
	keys     []Key
	person   Claims // who signs in, beside what every login has
	clients  map[string]string
	down     bool
	document func(map[string]any) // changes the description
	answer   []byte               // in place of the keys
	device   bool
	pending  int // polls of a device before its person has said yes
	asked    map[string]int
	codes    map[string]grant
	now      func() time.Time
	life     time.Duration
}

type grant struct {
	client, redirect, challenge, nonce string
	device                             bool
}

// New starts an issuer with one RSA key that knows the client "backstitch", which has no secret. It signs in ann, who is on call.
func New(t testing.TB) *Issuer {
	t.Helper()
	i := &Issuer{
		t: t, keys: []Key{RSA("k1", 0)}, person: Claims{"sub": "ann", "groups": []string{"oncall"}}, clients: map[string]string{"backstitch": ""},
		asked: map[string]int{}, codes: map[string]grant{}, now: time.Now, life: 5 * time.Minute,
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", i.describe)
	mux.HandleFunc("GET /keys", i.serveKeys)
	mux.HandleFunc("GET /authorize", i.authorize)
	mux.HandleFunc("POST /token", i.token)
	mux.HandleFunc("POST /device", i.deviceCode)
	mux.HandleFunc("POST /revoke", func(_ http.ResponseWriter, r *http.Request) { delete(i.codes, r.FormValue("token")) })
	i.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i.mu.Lock()
		defer i.mu.Unlock()
		i.asked[r.URL.Path]++
		if i.down {
			http.Error(w, "down for maintenance", http.StatusServiceUnavailable)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	i.URL = i.server.URL
	t.Cleanup(i.server.Close)
	return i
}

// Keys are what it serves from now on.
func (i *Issuer) Keys(keys ...Key) { i.do(func() { i.keys = keys }) }

// Key is the first of them.
func (i *Issuer) Key() Key {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.keys[0]
}

// Person is who signs in from now on.
func (i *Issuer) Person(c Claims) { i.do(func() { i.person = c }) }

// Client makes another client known, with its secret.
func (i *Issuer) Client(id, secret string) { i.do(func() { i.clients[id] = secret }) }

// Down makes it answer nothing any more, or again.
func (i *Issuer) Down(down bool) { i.do(func() { i.down = down }) }

// Describe changes its description.
func (i *Issuer) Describe(change func(map[string]any)) { i.do(func() { i.document = change }) }

// AnswerKeys is what it says in place of its keys; nil for those.
func (i *Issuer) AnswerKeys(body []byte) { i.do(func() { i.answer = body }) }

// Devices lets it sign in devices, whose person says yes after so many polls.
func (i *Issuer) Devices(polls int) { i.do(func() { i.device, i.pending = true, polls }) }

// Clock is whose time its logins have, and how long they last.
func (i *Issuer) Clock(now func() time.Time, life time.Duration) {
	i.do(func() { i.now, i.life = now, life })
}

// Grant is what renews a login of the client "backstitch", once.
func (i *Issuer) Grant() string {
	i.mu.Lock()
	defer i.mu.Unlock()
	code := rand.Text()
	i.codes[code] = grant{client: "backstitch"}
	return code
}

// Refreshes is how many logins it would renew.
func (i *Issuer) Refreshes() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return len(i.codes)
}

// Asked is how often a path was asked for.
func (i *Issuer) Asked(path string) int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.asked[path]
}

func (i *Issuer) do(f func()) {
	i.mu.Lock()
	defer i.mu.Unlock()
	f()
}

// Claims are those of a login of the present person for client "backstitch".
func (i *Issuer) Claims() Claims {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.claims("backstitch")
}

func (i *Issuer) claims(client string) Claims {
	now := i.now()
	return Claims{"iss": i.URL, "aud": client, "iat": now.Unix(), "exp": now.Add(i.life).Unix()}.With(i.person)
}

// Login is a good one of the present person.
func (i *Issuer) Login() string { return i.Sign(i.Key(), i.Claims()) }

// Sign signs claims with any key. The key's id and algorithm stand in the header.
func (i *Issuer) Sign(k Key, c Claims) string {
	i.t.Helper()
	opt := (&jose.SignerOptions{}).WithType("JWT")
	if k.ID != "" {
		opt = opt.WithHeader("kid", k.ID)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: k.Algorithm, Key: k.Private}, opt)
	if err != nil {
		i.t.Fatal(err)
	}
	payload, err := json.Marshal(c)
	if err != nil {
		i.t.Fatal(err)
	}
	jws, err := signer.Sign(payload)
	if err != nil {
		i.t.Fatal(err)
	}
	text, err := jws.CompactSerialize()
	if err != nil {
		i.t.Fatal(err)
	}
	return text
}

// Unsigned is a login with the algorithm "none", or any other word, and this signature.
func Unsigned(algorithm string, c Claims, signature string) string {
	part := func(v any) string {
		b, _ := json.Marshal(v)
		return base64.RawURLEncoding.EncodeToString(b)
	}
	return part(map[string]string{"alg": algorithm, "typ": "JWT", "kid": "k1"}) + "." + part(c) + "." + signature
}

func (i *Issuer) describe(w http.ResponseWriter, _ *http.Request) {
	d := map[string]any{
		"issuer": i.URL, "jwks_uri": i.URL + "/keys", "authorization_endpoint": i.URL + "/authorize", "token_endpoint": i.URL + "/token", "revocation_endpoint": i.URL + "/revoke",
		"id_token_signing_alg_values_supported": []string{"RS256", "ES256", "HS256", "none"},
	}
	if i.device {
		d["device_authorization_endpoint"] = i.URL + "/device"
	}
	if i.document != nil {
		i.document(d)
	}
	answer(w, http.StatusOK, d)
}

func (i *Issuer) serveKeys(w http.ResponseWriter, _ *http.Request) {
	if i.answer != nil {
		_, _ = w.Write(i.answer)
		return
	}
	var set jose.JSONWebKeySet
	for _, k := range i.keys {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: k.Public(), KeyID: k.ID, Algorithm: string(k.Algorithm), Use: "sig"})
	}
	answer(w, http.StatusOK, set)
}

// authorize says yes at once, as a provider does whose person has signed in there already.
func (i *Issuer) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	_, known := i.clients[q.Get("client_id")]
	if !known || q.Get("response_type") != "code" || q.Get("code_challenge_method") != "S256" || q.Get("code_challenge") == "" || q.Get("state") == "" ||
		!slices.Contains(strings.Fields(q.Get("scope")), "openid") {
		http.Error(w, "bad request", http.StatusBadRequest)
		return
	}
	code := rand.Text()
	i.codes[code] = grant{client: q.Get("client_id"), redirect: q.Get("redirect_uri"), challenge: q.Get("code_challenge"), nonce: q.Get("nonce")}
	back, err := url.Parse(q.Get("redirect_uri"))
	if err != nil {
		http.Error(w, "bad redirect", http.StatusBadRequest)
		return
	}
	back.RawQuery = url.Values{"code": {code}, "state": {q.Get("state")}}.Encode()
	http.Redirect(w, r, back.String(), http.StatusFound)
}

func (i *Issuer) deviceCode(w http.ResponseWriter, r *http.Request) {
	id := r.FormValue("client_id")
	if _, known := i.clients[id]; !known || !i.device {
		answer(w, http.StatusBadRequest, map[string]string{"error": "unauthorized_client"})
		return
	}
	code := rand.Text()
	i.codes[code] = grant{client: id, device: true}
	answer(w, http.StatusOK, map[string]any{
		"device_code": code, "user_code": "WDJB-MJHT", "verification_uri": i.URL + "/activate", "expires_in": 600, "interval": 1,
	})
}

func (i *Issuer) token(w http.ResponseWriter, r *http.Request) {
	id, secret, basic := r.BasicAuth()
	if !basic {
		id, secret = r.FormValue("client_id"), r.FormValue("client_secret")
	}
	want, known := i.clients[id]
	refuse := func(why string) { answer(w, http.StatusBadRequest, map[string]string{"error": why}) }
	if !known || secret != want {
		answer(w, http.StatusUnauthorized, map[string]string{"error": "invalid_client"})
		return
	}
	nonce := ""
	switch r.FormValue("grant_type") {
	case "authorization_code":
		g, ok := i.codes[r.FormValue("code")]
		delete(i.codes, r.FormValue("code"))
		sum := sha256.Sum256([]byte(r.FormValue("code_verifier")))
		if !ok || g.device || g.client != id || g.redirect != r.FormValue("redirect_uri") || g.challenge != base64.RawURLEncoding.EncodeToString(sum[:]) {
			refuse("invalid_grant")
			return
		}
		nonce = g.nonce
	case "urn:ietf:params:oauth:grant-type:device_code":
		g, ok := i.codes[r.FormValue("device_code")]
		if !ok || !g.device || g.client != id {
			refuse("invalid_grant")
			return
		}
		if i.pending > 0 {
			i.pending--
			refuse("authorization_pending")
			return
		}
		delete(i.codes, r.FormValue("device_code"))
	case "refresh_token":
		if _, ok := i.codes[r.FormValue("refresh_token")]; !ok {
			refuse("invalid_grant")
			return
		}
		delete(i.codes, r.FormValue("refresh_token"))
	default:
		refuse("unsupported_grant_type")
		return
	}
	c := i.claims(id)
	if _, other := c["nonce"]; nonce != "" && !other { // a test's person may have another one than was asked for
		c["nonce"] = nonce
	}
	again := rand.Text()
	i.codes[again] = grant{client: id}
	answer(w, http.StatusOK, map[string]any{
		"access_token": rand.Text(), "token_type": "Bearer", "expires_in": 300, "refresh_token": again, "id_token": i.Sign(i.keys[0], c),
	})
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}
