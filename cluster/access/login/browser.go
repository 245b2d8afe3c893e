package login

import (
	"cmp"
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"backstitch/cluster/access"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// CallbackPath is where the provider sends browsers back to.
const CallbackPath = "/ui/login/callback"

// Name is how people know the provider.
func (p *Provider) Name() string {
	u, err := url.Parse(p.cfg.Issuer)
	if err != nil {
		return p.cfg.Issuer
	}
	return u.Host
}

// Begin is the address at which a browser signs in. The provider answers with state, and signs nonce; verifier is what makes its code good here alone.
func (p *Provider) Begin(ctx context.Context, state, nonce, verifier string) (string, error) {
	conf, err := p.browser(ctx)
	if err != nil {
		return "", err
	}
	return conf.AuthCodeURL(state, oidc.Nonce(nonce), oauth2.S256ChallengeOption(verifier)), nil
}

// Finish turns the provider's code into a login, which it has looked at: it was issued for browsers, and in answer to nonce.
func (p *Provider) Finish(ctx context.Context, code, verifier, nonce string) (string, error) {
	conf, err := p.browser(ctx)
	if err != nil {
		return "", err
	}
	if p.cfg.Secret != nil {
		if conf.ClientSecret, err = p.cfg.Secret(); err != nil {
			return "", p.unreachable(fmt.Errorf("the secret of client %s: %w", p.cfg.ClientID, err))
		}
	}
	got, err := conf.Exchange(oidc.ClientContext(ctx, p.cfg.Client), code, oauth2.VerifierOption(verifier))
	var refused *oauth2.RetrieveError
	switch {
	case errors.As(err, &refused) && refused.Response.StatusCode < 500:
		return "", unknownf("%s did not take its code back (%s)", p.Name(), printable(cmp.Or(refused.ErrorCode, "no reason given"), 80))
	case errors.As(err, &refused): // has all that was answered
		return "", p.unreachable(fmt.Errorf("take its code back: answered %s", refused.Response.Status))
	case err != nil:
		return "", p.unreachable(fmt.Errorf("take its code back: %w", err))
	}
	text, _ := got.Extra("id_token").(string)
	if text == "" {
		return "", unknownf("%s has answered without a login: is the scope openid asked for?", p.Name())
	}
	_, t, err := p.verify(ctx, text, []string{p.cfg.ClientID})
	if err != nil {
		return "", err
	}
	if nonce == "" || subtle.ConstantTimeCompare([]byte(t.Nonce), []byte(nonce)) != 1 {
		return "", &access.Unknown{Why: "the login is the answer to another question (nonce)"}
	}
	return text, nil
}

// unreachable writes down why nobody can sign in, which is not told to him.
func (p *Provider) unreachable(err error) error {
	p.cfg.Logger.Warn("a browser could not sign in", "issuer", p.cfg.Issuer, "err", err)
	return &Unreachable{Issuer: p.cfg.Issuer, Err: err}
}

func (p *Provider) browser(ctx context.Context) (*oauth2.Config, error) {
	k, err := p.ask(ctx, func(known) bool { return true })
	if err != nil {
		return nil, err
	}
	return &oauth2.Config{ClientID: p.cfg.ClientID, Endpoint: k.meta.Endpoint(), RedirectURL: p.cfg.RedirectURL, Scopes: p.cfg.Scopes}, nil
}

// printable bounds what somebody else says.
func printable(s string, limit int) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s[:min(len(s), limit)])
}
