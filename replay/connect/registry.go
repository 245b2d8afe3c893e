package connect

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"backstitch/replay/schema"
)

// Registry is how a schema registry is reached. User with Password, or Token, or neither.
type Registry struct {
	URL      string // http(s)://host:port
	TLS      *TLS   // nil trusts the system's authorities
	User     Secret // basic login
	Password Secret
	Token    Secret // bearer token
}

// Check reports what can not be meant, without looking for secrets. What it refuses is not repeated, for it may be a secret.
func (r Registry) Check() error {
	if err := schema.CheckURL(r.URL); err != nil {
		return err
	}
	switch {
	case (r.User == "") != (r.Password == ""):
		return errors.New("user and password go together")
	case r.User != "" && r.Token != "":
		return errors.New("user and token exclude each other")
	}
	u, _ := url.Parse(r.URL) // CheckURL has
	switch {
	case u.Scheme == "https":
	case r.TLS != nil:
		return errors.New("tls is set, and the address is http")
	case r.User+r.Token != "" && !onlyHere(u.Hostname()):
		return errors.New("a login would go over plain http, where anybody can read it")
	}
	return nil
}

// onlyHere reports whether what is sent to host stays on this machine.
func onlyHere(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.Unmap().IsLoopback()
}

// Client makes a client. It does not connect; PingRegistry does. name is how people know the registry, "" for its address. The secrets are
// read once, now.
func (r Registry) Client(name string, env Env) (*schema.Registry, error) {
	if err := r.Check(); err != nil {
		object := "schema registry"
		if name != "" && schema.CheckURL(r.URL) == nil {
			object += " " + name
		}
		return nil, &Error{Code: CodeConfig, Object: object, Err: err, Hint: "write it as https://HOST:8081, or name a connection with a login: connections.NAME.registry"}
	}
	if name == "" {
		name = r.URL
	}
	login, err := r.login(env)
	if err != nil {
		return nil, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DialContext = (&net.Dialer{Timeout: dialTimeout}).DialContext
	transport.MaxResponseHeaderBytes = 64 << 10
	if r.TLS != nil {
		if transport.TLSClientConfig, err = r.TLS.config(CodeRegistryTLS); err != nil {
			return nil, err
		}
	}
	return schema.Open(name, r.URL, &http.Client{
		Transport: authorised{transport, login},
		// A registry does not move by itself, and a login is not taken elsewhere.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	})
}

// login is what to send with each question, "" for nothing.
func (r Registry) login(env Env) (string, error) {
	token, err := r.Token.Resolve(env)
	if err != nil {
		return "", err
	}
	if token != "" {
		if strings.ContainsFunc(token, func(c rune) bool { return c <= ' ' || c == 0x7f }) {
			return "", &Error{Code: CodeSecret, Object: string(r.Token), Err: errors.New("a token has no blanks and no line breaks"), Hint: "write the token alone into it"}
		}
		return "Bearer " + token, nil
	}
	user, err := r.User.Resolve(env)
	if err != nil {
		return "", err
	}
	password, err := r.Password.Resolve(env)
	if err != nil || user == "" {
		return "", err
	}
	req := http.Request{Header: http.Header{}}
	req.SetBasicAuth(user, password)
	return req.Header.Get("Authorization"), nil
}

// authorised sends the login. It is no part of requests above it, so nothing that prints a request shows it.
type authorised struct {
	*http.Transport
	login string
}

func (a authorised) RoundTrip(req *http.Request) (*http.Response, error) {
	if a.login != "" {
		req = req.Clone(req.Context())
		req.Header.Set("Authorization", a.login)
	}
	return a.Transport.RoundTrip(req)
}

// registryPatience bounds PingRegistry.
const registryPatience = 15 * time.Second

// PingRegistry makes sure that a registry answers and takes our login. Its errors are *Error.
func PingRegistry(ctx context.Context, r *schema.Registry) error {
	short, cancel := context.WithTimeout(ctx, registryPatience)
	defer cancel()
	err := r.Ping(short)
	if err == nil {
		return nil
	}
	e := &Error{Code: CodeRegistryDown, Object: "schema registry " + r.Name(), Err: err, Hint: "check the address from this machine, and that a registry is there"}
	var (
		cert   *tls.CertificateVerificationError
		record tls.RecordHeaderError
	)
	switch {
	case errors.Is(err, schema.ErrLogin):
		e.Code, e.Hint = CodeRegistryLogin, "check user and password, or token, of connections.NAME.registry"
	case errors.As(err, &cert), errors.As(err, &record), strings.Contains(err.Error(), "remote error: tls:"), strings.Contains(err.Error(), "HTTP response to HTTPS client"):
		e.Code, e.Hint = CodeRegistryTLS, "check the authority file, the certificates' names and dates, and whether the port speaks TLS"
	case ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded):
		e.Err = fmt.Errorf("no answer within %s", registryPatience)
	}
	return e
}
