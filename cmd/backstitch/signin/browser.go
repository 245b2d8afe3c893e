package signin

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// waitFor bounds how long a person may take.
const waitFor = 10 * time.Minute

// Browser signs in with a browser on this machine: show tells the person which address to open, and the provider sends the browser back to a port that is
// open for that long. PKCE makes the code good for this process alone, state ties the answer to it.
func (p *Provider) Browser(ctx context.Context, show func(address string)) (Login, error) {
	ctx, cancel := context.WithTimeout(ctx, waitFor)
	defer cancel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return Login{}, err
	}
	conf := p.conf
	conf.RedirectURL = "http://" + listener.Addr().String() + "/callback"
	state, nonce, verifier := rand.Text(), rand.Text(), oauth2.GenerateVerifier()
	answers := make(chan url.Values, 1)
	server := &http.Server{ReadHeaderTimeout: 5 * time.Second, MaxHeaderBytes: 64 << 10, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		if r.Method != http.MethodGet || r.URL.Path != "/callback" || subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(state)) != 1 {
			http.Error(w, "This is not the answer that backstitch login waits for.", http.StatusBadRequest)
			return
		}
		select {
		case answers <- q:
		default: // it has one already
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		_, _ = io.WriteString(w, "Go on in the terminal. This page can be closed.\n")
	})}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	show(conf.AuthCodeURL(state, oidc.Nonce(nonce), oauth2.S256ChallengeOption(verifier)))
	var q url.Values
	select {
	case q = <-answers:
	case <-ctx.Done():
		err = ctx.Err()
	}
	end, stop := context.WithTimeout(context.WithoutCancel(ctx), time.Second) // so that the browser gets its page
	defer stop()
	if e := server.Shutdown(end); e != nil {
		_ = server.Close()
	}
	if e := <-served; err == nil && !errors.Is(e, http.ErrServerClosed) {
		err = e
	}
	switch {
	case err != nil:
		return Login{}, err
	case q.Get("error") != "":
		return Login{}, fmt.Errorf("%w: %s", ErrRefused, printable(q.Get("error")+" "+q.Get("error_description")))
	}
	got, err := conf.Exchange(p.with(ctx), q.Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		return Login{}, said(err)
	}
	return p.login(ctx, got, nonce)
}
