package signin

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"backstitch/cluster/access/login"
	"backstitch/cluster/client"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// ErrRefused says that the provider has said no: to the person, or to a login that was to be renewed.
var ErrRefused = errors.New("the identity provider said no")

// askFor bounds each request to the provider.
const askFor = 30 * time.Second

// Provider is one identity provider as a node has named it.
type Provider struct {
	how    client.SignIn
	meta   *oidc.Provider
	conf   oauth2.Config
	revoke string // "" where it takes back nothing
	http   *http.Client
}

// Ask reads the provider's description. Whoever is given a Provider closes it.
func Ask(ctx context.Context, how client.SignIn) (*Provider, error) {
	if err := login.CheckAddress(how.Issuer); err != nil {
		return nil, err
	}
	p := &Provider{how: how, http: &http.Client{
		Timeout:       askFor,
		Transport:     &http.Transport{Proxy: http.ProxyFromEnvironment, TLSHandshakeTimeout: 5 * time.Second, MaxResponseHeaderBytes: 64 << 10},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // what renews a login goes nowhere else
	}}
	if err := p.describe(ctx); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

// Close drops idle connections.
func (p *Provider) Close() { p.http.CloseIdleConnections() }

func (p *Provider) describe(ctx context.Context) error {
	var err error
	var dialled *url.Error
	p.meta, err = oidc.NewProvider(p.with(ctx), p.how.Issuer)
	switch {
	case errors.As(err, &dialled):
		return fmt.Errorf("read its description: %w", err)
	case err != nil: // has all that was answered
		return fmt.Errorf("read its description: %s", printable(err.Error()))
	}
	how := p.how
	p.conf = oauth2.Config{ClientID: how.ClientID, Endpoint: p.meta.Endpoint(), Scopes: how.Scopes}
	p.conf.Endpoint.AuthStyle = oauth2.AuthStyleInParams // there is no secret to send in another way
	var more struct {
		Revoke string `json:"revocation_endpoint"`
		Keys   string `json:"jwks_uri"`
	}
	if err := p.meta.Claims(&more); err != nil {
		return fmt.Errorf("read its description: %w", err)
	}
	p.revoke = more.Revoke
	for _, a := range []string{p.conf.Endpoint.TokenURL, p.conf.Endpoint.AuthURL, p.conf.Endpoint.DeviceAuthURL, p.revoke, more.Keys} {
		if err := login.CheckAddress(a); a != "" && err != nil {
			return fmt.Errorf("its description: %w", err)
		}
	}
	return nil
}

func (p *Provider) with(ctx context.Context) context.Context { return oidc.ClientContext(ctx, p.http) }

// Devices reports whether the provider signs in with a code that is typed in somewhere else.
func (p *Provider) Devices() bool { return p.conf.Endpoint.DeviceAuthURL != "" }

// Device signs in with a code: show tells the person where to type in what.
func (p *Provider) Device(ctx context.Context, show func(address, code string)) (Login, error) {
	da, err := p.conf.DeviceAuth(p.with(ctx))
	if err != nil {
		return Login{}, said(err)
	}
	for _, a := range []string{da.VerificationURI, da.VerificationURIComplete} {
		if err := login.CheckAddress(a); a != "" && err != nil {
			return Login{}, err
		}
	}
	at := da.VerificationURI
	if da.VerificationURIComplete != "" {
		at = da.VerificationURIComplete
	}
	show(at, printable(da.UserCode))
	got, err := p.conf.DeviceAccessToken(p.with(ctx), da)
	if err != nil {
		return Login{}, said(err)
	}
	return p.login(ctx, got, "")
}

// Renew makes a new login of one that has ended. The provider may take the old one back with that.
func (p *Provider) Renew(ctx context.Context, l Login) (Login, error) {
	got, err := p.conf.TokenSource(p.with(ctx), &oauth2.Token{RefreshToken: l.Refresh}).Token()
	if err != nil {
		return Login{}, said(err)
	}
	next, err := p.login(ctx, got, "")
	next.Addresses = l.Addresses
	return next, err
}

// Revoke tells the provider that a login is not renewed any more. It does nothing where there is nothing to take back, or the provider does not do it.
func (p *Provider) Revoke(ctx context.Context, l Login) error {
	if p.revoke == "" || l.Refresh == "" {
		return nil
	}
	form := url.Values{"token": {l.Refresh}, "token_type_hint": {"refresh_token"}, "client_id": {l.ClientID}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.revoke, strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := p.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("answered %s", resp.Status)
	}
	return nil
}

// login checks what the provider has signed. Whether it has come to its end the node says, whose clock may be better.
func (p *Provider) login(ctx context.Context, got *oauth2.Token, nonce string) (Login, error) {
	text, _ := got.Extra("id_token").(string)
	if text == "" {
		return Login{}, fmt.Errorf("%w: it has answered without a login (id_token)", ErrRefused)
	}
	t, err := p.meta.VerifierContext(p.with(ctx), &oidc.Config{ClientID: p.how.ClientID, SkipExpiryCheck: true}).Verify(p.with(ctx), text)
	if err != nil {
		return Login{}, fmt.Errorf("what it has signed is not good: %w", err)
	}
	if nonce != "" && subtle.ConstantTimeCompare([]byte(t.Nonce), []byte(nonce)) != 1 {
		return Login{}, fmt.Errorf("%w: the login is the answer to another question (nonce)", ErrRefused)
	}
	return Login{Issuer: p.how.Issuer, ClientID: p.how.ClientID, Scopes: slices.Clone(p.how.Scopes), IDToken: text, Refresh: got.RefreshToken}, nil
}

// said makes an error of what the provider has answered, without all of its answer.
func said(err error) error {
	var no *oauth2.RetrieveError
	if !errors.As(err, &no) || no.Response == nil || no.Response.StatusCode >= 500 {
		return err
	}
	why := no.ErrorCode
	if no.ErrorDescription != "" {
		why += " (" + no.ErrorDescription + ")"
	}
	if why == "" {
		why = no.Response.Status
	}
	return fmt.Errorf("%w: %s", ErrRefused, printable(why))
}

// printable bounds what somebody else says, for a terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s[:min(len(s), 200)])
}
