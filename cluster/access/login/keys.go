package login

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"time"

	"backstitch/cluster/notify"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
)

// This file keeps the provider's keys. They are fetched when somebody needs them and then now and again, with the document that says where they are.
// A key that is not known may be new, so it is looked for at once; but whoever likes can name keys that do not exist, so no sooner than a pause after the
// last look. That is also why a bad signature makes nobody look: the key was there.

const (
	keysFor    = 10 * time.Minute // then they are fetched again, so that withdrawn ones go
	keysAtMost = time.Hour        // then they are not believed any more, when the provider can not be asked
	askPause   = 10 * time.Second // between two looks
	askFor     = 10 * time.Second // how long a look may take
	maxAnswer  = 1 << 20          // of the provider, in bytes
	maxKeys    = 100
	leastRSA   = 2048 // bits
)

// Unreachable says that the provider could not be asked, so that nobody can tell whether a login is good.
type Unreachable struct {
	Issuer string
	Err    error
}

func (e *Unreachable) Error() string { return fmt.Sprintf("identity provider %s: %v", e.Issuer, e.Err) }

func (e *Unreachable) Unwrap() error { return e.Err }

// NewClient makes the client that the provider is asked with: no proxies, no redirects, no connections to metadata services but to addresses in allow,
// and no more of an answer than a bound. roots are whom it trusts, nil for the system's.
func NewClient(allow []netip.Prefix, roots *x509.CertPool) *http.Client {
	c := notify.NewClient(allow)
	if t, ok := c.Transport.(*http.Transport); ok {
		t.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	}
	c.Transport, c.Timeout = bounded{c.Transport}, askFor
	return c
}

// bounded reads no more than maxAnswer of an answer.
type bounded struct{ next http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.next.RoundTrip(r)
	if err == nil {
		resp.Body = http.MaxBytesReader(nil, resp.Body, maxAnswer)
	}
	return resp, err
}

// CloseIdleConnections is for http.Client.
func (b bounded) CloseIdleConnections() {
	if c, ok := b.next.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// known is what the provider has said last.
type known struct {
	meta    *oidc.Provider // nil before it has said anything
	keys    []jose.JSONWebKey
	at      time.Time // when it said so
	asked   time.Time // when the last look ended
	failure error     // of the last look, nil when it was good
}

// keys are those that a login of this key id and algorithm may be signed with.
func (p *Provider) keys(ctx context.Context, id, algorithm string) ([]jose.JSONWebKey, error) {
	fitting := func(k known) (out []jose.JSONWebKey) {
		for _, key := range k.keys {
			if (id == "" || key.KeyID == id) && fits(key, algorithm) {
				out = append(out, key)
			}
		}
		return out
	}
	k, err := p.ask(ctx, func(k known) bool { return len(fitting(k)) > 0 })
	return fitting(k), err
}

// fits reports whether a key is one that checks signatures of an algorithm.
func fits(k jose.JSONWebKey, algorithm string) bool {
	if k.Use != "" && k.Use != "sig" || k.Algorithm != "" && k.Algorithm != algorithm {
		return false
	}
	switch key := k.Key.(type) {
	case *rsa.PublicKey:
		return algorithm == "RS256" && key.N.BitLen() >= leastRSA
	case *ecdsa.PublicKey:
		return algorithm == "ES256" && key.Curve == elliptic.P256()
	}
	return false
}

// ask returns what the provider says, and asks it again when that is old, or not enough.
func (p *Provider) ask(ctx context.Context, enough func(known) bool) (known, error) {
	k := p.said()
	now := p.cfg.Clock()
	old, lacks := now.Sub(k.at) >= keysFor, k.meta == nil || !enough(k)
	if (old || lacks) && (k.asked.IsZero() || now.Sub(k.asked) >= askPause) {
		// Whoever can do with what is there does not wait beside the one who looks.
		if lacks || p.asking.CompareAndSwap(false, true) {
			_, _, _ = p.flight.Do("", func() (any, error) { p.look(ctx); return nil, nil })
			p.asking.Store(false)
		}
		k = p.said()
	}
	if k.meta == nil || now.Sub(k.at) >= keysAtMost {
		return known{}, &Unreachable{Issuer: p.cfg.Issuer, Err: k.failure}
	}
	return k, nil
}

func (p *Provider) said() known {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.known
}

// look asks the provider once. Several may wait for it, so that one of them goes away does not end it.
func (p *Provider) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askFor)
	defer cancel()
	meta, keys, err := p.fetch(ctx)
	now := p.cfg.Clock()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.known.asked, p.known.failure = now, err
	if err != nil {
		p.cfg.Logger.Warn("the identity provider could not be asked", "issuer", p.cfg.Issuer, "err", err)
		return
	}
	p.known.meta, p.known.keys, p.known.at = meta, keys, now
}

// fetch reads the provider's description and its keys.
func (p *Provider) fetch(ctx context.Context) (*oidc.Provider, []jose.JSONWebKey, error) {
	meta, err := oidc.NewProvider(oidc.ClientContext(ctx, p.cfg.Client), p.cfg.Issuer)
	var dialled *url.Error
	switch {
	case errors.As(err, &dialled):
		return nil, nil, fmt.Errorf("read its description: %w", err)
	case err != nil: // has all that was answered
		return nil, nil, fmt.Errorf("read its description: %s", printable(err.Error(), 200))
	}
	var more struct {
		Keys string `json:"jwks_uri"`
	}
	if err := meta.Claims(&more); err != nil {
		return nil, nil, fmt.Errorf("read its description: %w", err)
	}
	e := meta.Endpoint()
	for name, address := range map[string]string{"jwks_uri": more.Keys, "authorization_endpoint": e.AuthURL, "token_endpoint": e.TokenURL} {
		if err := CheckAddress(address); err != nil {
			return nil, nil, fmt.Errorf("its %s: %w", name, err)
		}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, more.Keys, nil)
	if err != nil {
		return nil, nil, fmt.Errorf("read its keys: %w", err)
	}
	resp, err := p.cfg.Client.Do(req)
	if err != nil {
		return nil, nil, fmt.Errorf("read its keys: %w", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, nil, fmt.Errorf("read its keys: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, nil, fmt.Errorf("read its keys: answered %s", resp.Status)
	}
	keys, err := parseKeys(body)
	return meta, keys, err
}

// parseKeys reads a set of keys, and leaves out those of kinds that are not known here.
func parseKeys(body []byte) ([]jose.JSONWebKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(body, &set); err != nil {
		return nil, fmt.Errorf("read its keys: %w", err)
	}
	if len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("read its keys: %d of them, more than %d", len(set.Keys), maxKeys)
	}
	var out []jose.JSONWebKey
	for _, raw := range set.Keys {
		var k jose.JSONWebKey
		if json.Unmarshal(raw, &k) == nil && k.Valid() && k.IsPublic() && slices.ContainsFunc(Algorithms, func(a string) bool { return fits(k, a) }) {
			out = append(out, k)
		}
	}
	if len(out) == 0 {
		return nil, errors.New("it has no key that a login could be signed with")
	}
	return out, nil
}

// CheckAddress refuses an address at which a provider is not asked: what is read there decides who gets in, so nobody may change it on the way.
func CheckAddress(address string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || u.User != nil:
		return errors.New("is not of the form https://HOST/PATH")
	case u.Scheme == "https" || u.Scheme == "http" && loopback(u.Hostname()):
		return nil
	}
	return fmt.Errorf("%s is not https", u.Redacted())
}

func loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.Unmap().IsLoopback()
}

// signature is the key set of one login.
type signature struct {
	jws  *jose.JSONWebSignature
	keys []jose.JSONWebKey
	good bool
}

// VerifySignature is oidc.KeySet's.
func (s *signature) VerifySignature(context.Context, string) ([]byte, error) {
	for _, k := range s.keys {
		if payload, err := s.jws.Verify(k); err == nil {
			s.good = true
			return payload, nil
		}
	}
	return nil, errors.New("no key has signed it")
}
