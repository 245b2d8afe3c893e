package login

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"backstitch/cluster/access"
	"backstitch/fsm"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"golang.org/x/sync/singleflight"
)

// Provider is one issuer with its keys. It is safe for concurrent use, and asks nobody before somebody shows a login.
type Provider struct {
	cfg        Config // immutable
	algorithms []jose.SignatureAlgorithm
	flight     singleflight.Group
	asking     atomic.Bool

	mu    sync.Mutex
	known known
}

// New makes one. It asks nobody.
func New(cfg Config) *Provider {
	p := &Provider{cfg: cfg}
	for _, a := range cfg.Algorithms {
		p.algorithms = append(p.algorithms, jose.SignatureAlgorithm(a))
	}
	return p
}

// Config is what the provider was made with.
func (p *Provider) Config() Config { return p.cfg }

// Identify says whom a login speaks for. It errs with *access.Unknown for one that is not good, and with *Unreachable when that can not be told.
func (p *Provider) Identify(ctx context.Context, text string) (access.Person, error) {
	person, _, err := p.verify(ctx, text, p.cfg.audiences())
	return person, err
}

// claims are those that are looked at besides the ones whose names the configuration has.
type claims struct {
	NotBefore     *moment         `json:"nbf"`
	EmailVerified any             `json:"email_verified"` // some providers write it as a text
	Events        json.RawMessage `json:"events"`
}

// verify finds out whether a login is good for one of the audiences.
func (p *Provider) verify(ctx context.Context, text string, audiences []string) (access.Person, *oidc.IDToken, error) {
	jws, err := jose.ParseSignedCompact(text, p.algorithms)
	if err != nil {
		return access.Person{}, nil, unknownf("the login is not signed with %s", strings.Join(p.cfg.Algorithms, " or "))
	}
	header := jws.Signatures[0].Header
	keys, err := p.keys(ctx, header.KeyID, header.Algorithm)
	if err != nil {
		return access.Person{}, nil, err
	}
	if len(keys) == 0 {
		return access.Person{}, nil, unknownf("the login is signed with a key that %s does not have", p.cfg.Issuer)
	}
	signed := &signature{jws: jws, keys: keys}
	checks := &oidc.Config{
		SupportedSigningAlgs: p.cfg.Algorithms,
		SkipClientIDCheck:    true, // there may be two: below
		SkipExpiryCheck:      true, // it knows no leeway: lasts
	}
	t, err := oidc.NewVerifier(p.cfg.Issuer, signed, checks).Verify(ctx, text)
	switch {
	case err != nil && !signed.good:
		return access.Person{}, nil, unknownf("the login is not signed by the key that it names")
	case err != nil:
		return access.Person{}, nil, unknownf("the login was not issued by %s, or not in the form of OpenID Connect", p.cfg.Issuer)
	case !slices.ContainsFunc(t.Audience, func(a string) bool { return slices.Contains(audiences, a) }):
		return access.Person{}, nil, unknownf("the login was issued for another client than %s", strings.Join(audiences, " or "))
	}
	var c claims
	var all map[string]json.RawMessage
	if t.Claims(&c) != nil || t.Claims(&all) != nil {
		return access.Person{}, nil, unknownf("the login has claims of another form than OpenID Connect says")
	}
	if len(c.Events) > 0 {
		return access.Person{}, nil, unknownf("what was sent is a notice of the provider's, and no login")
	}
	until, err := p.lasts(t, c)
	if err != nil {
		return access.Person{}, nil, err
	}
	person, err := p.person(all, c, t.IssuedAt)
	person.Until = until
	return person, t, err
}

// lasts says when a login ends, or why it is not good now.
func (p *Provider) lasts(t *oidc.IDToken, c claims) (time.Time, error) {
	now := p.cfg.Clock()
	if t.Expiry.Unix() <= 0 || t.IssuedAt.Unix() <= 0 {
		return time.Time{}, unknownf("the login does not say when it was issued and when it ends (iat, exp)")
	}
	until := t.Expiry
	if latest := t.IssuedAt.Add(MaxLife); latest.Before(until) {
		until = latest
	}
	switch {
	case now.After(until.Add(Leeway)):
		return time.Time{}, unknownf("the login came to its end at %s", until.UTC().Format(time.RFC3339))
	case t.IssuedAt.After(now.Add(Leeway)), c.NotBefore != nil && time.Time(*c.NotBefore).After(now.Add(Leeway)):
		return time.Time{}, unknownf("the login is good only later: is a clock wrong?")
	}
	return until, nil
}

// person reads whom a login speaks for, and the roles of his groups.
func (p *Provider) person(all map[string]json.RawMessage, c claims, issued time.Time) (access.Person, error) {
	var name string
	if err := json.Unmarshal(all[p.cfg.PersonClaim], &name); err != nil || name == "" {
		return access.Person{}, unknownf("the login has no text as claim %s (access.oidc.personClaim)", p.cfg.PersonClaim)
	}
	if p.cfg.PersonClaim == "email" && c.EmailVerified != true && c.EmailVerified != "true" {
		return access.Person{}, unknownf("the provider has not verified the mail address of the login (email_verified)")
	}
	out := access.Person{Subject: fsm.LoginSubject(p.cfg.place(), name)}
	if why := fsm.CheckSubject(out.Subject); why != "" {
		return access.Person{}, unknownf("the login has no good subject: %s", why)
	}
	var groups []string
	if raw := all[p.cfg.GroupsClaim]; p.cfg.GroupsClaim != "" && len(raw) > 0 {
		var one string
		switch {
		case json.Unmarshal(raw, &one) == nil:
			groups = []string{one}
		case json.Unmarshal(raw, &groups) != nil:
			return access.Person{}, unknownf("claim %s of the login is no list of texts (access.oidc.groupsClaim)", p.cfg.GroupsClaim)
		}
	}
	for _, r := range p.cfg.Roles {
		if slices.Contains(groups, r.Group) {
			out.Roles = append(out.Roles, fsm.AccessPolicy{
				Name: "group:" + r.Group, Subject: out.Subject, Role: r.Role, Namespace: r.Namespace, PutBy: "access.oidc.roles", Why: "in the group " + r.Group,
				PutUnixNanos: issued.UnixNano(),
			})
		}
	}
	return out, nil
}

// moment is a time as JWTs have it: seconds, perhaps with a fraction.
type moment time.Time

// UnmarshalJSON reads one.
func (m *moment) UnmarshalJSON(b []byte) error {
	var seconds float64
	if err := json.Unmarshal(b, &seconds); err != nil {
		return err
	}
	if seconds < 0 || seconds > 1<<40 {
		return errors.New("no time")
	}
	*m = moment(time.Unix(int64(seconds), 0))
	return nil
}

func unknownf(format string, args ...any) error {
	return &access.Unknown{Why: fmt.Sprintf(format, args...)}
}
