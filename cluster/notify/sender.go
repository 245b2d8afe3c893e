package notify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"backstitch/fsm"
)

// answerKept is how much of an answer is read, in bytes.
const answerKept = 4 << 10

// errPlain says that a token would travel where anybody can read it.
var errPlain = errors.New("a token is not sent over plain http")

// refused is an answer that sending again will not change.
type refused struct{ status string }

func (r *refused) Error() string { return "refused with " + r.status }

// NewClient makes the client that notices are sent with: no proxies, no redirects, no connections to metadata services but to addresses
// in allow.
func NewClient(allow []netip.Prefix) *http.Client {
	dialer := &net.Dialer{Timeout: 5 * time.Second, Control: guard{allow}.control}
	return &http.Client{
		Transport: &http.Transport{
			DialContext:            dialer.DialContext,
			TLSHandshakeTimeout:    5 * time.Second,
			MaxIdleConns:           16,
			IdleConnTimeout:        30 * time.Second,
			MaxResponseHeaderBytes: 64 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// post sends a message once. Nil means that the receiver has it.
func (c Config) post(ctx context.Context, to fsm.Endpoint, m Message) error {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	u, err := url.Parse(m.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" {
		return &refused{"a URL that is neither http nor https"}
	}
	token, err := secrets{c.Env, c.SecretDir}.token(to.Token)
	if err != nil {
		return err
	}
	if token != "" && u.Scheme != "https" && !loopback(u.Hostname()) {
		return errPlain
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, m.URL, bytes.NewReader(m.Body))
	if err != nil {
		return fmt.Errorf("make request: %w", bare(err))
	}
	req.Header.Set("Content-Type", m.ContentType)
	req.Header.Set("User-Agent", "backstitch/"+c.Program)
	req.Header.Set("Idempotency-Key", m.ID)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := c.Client.Do(req)
	if err != nil {
		return bare(err)
	}
	defer resp.Body.Close()
	// What a stranger says is neither kept nor shown; reading it lets the connection be used again.
	_, _ = io.CopyN(io.Discard, resp.Body, answerKept)
	status := fmt.Sprintf("%d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
	switch {
	case resp.StatusCode/100 == 2:
		return nil
	case resp.StatusCode/100 == 3:
		return fmt.Errorf("answered %s: redirects are not followed", status)
	}
	switch resp.StatusCode {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity:
		return &refused{status}
	}
	return fmt.Errorf("answered %s", status)
}

// bare takes the URL out of the transport's error: its query may hold a secret, and the reason goes into the book.
func bare(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

func loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.Unmap().IsLoopback()
}
