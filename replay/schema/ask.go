package schema

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/twmb/franz-go/pkg/sr"
)

// One question and what becomes of it. The trap: a registry that is down must not make a topic look lost, must not be waited for once per
// partition, and must not be taken for one that says no to a single schema, or what is said of a partition would depend on which of them
// was read first. What a registry answers in words is not repeated, only its status: it may say back what it was sent.

var (
	// ErrNoAnswer says that a registry did not answer, or with something else than what was asked for.
	ErrNoAnswer = errors.New("the schema registry gave no answer")
	// ErrUnknown says that a registry has no schema of a name.
	ErrUnknown = errors.New("the schema registry has no such schema")
	// ErrLogin says that a registry does not take the login, or that it wants one.
	ErrLogin = errors.New("the schema registry refuses the login")
)

// Limits of one question. A schema is text that people write; a megabyte of it is a mistake, or not a registry.
const (
	askTimeout = 10 * time.Second
	mostBytes  = 8 << 20
)

// waits are those between attempts at one question.
var waits = []time.Duration{200 * time.Millisecond, time.Second}

// pause waits, or until ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// ask puts a question, again where that may help. It is called with asking held.
func (r *Registry) ask(ctx context.Context, what string, question func(context.Context) error) error {
	if r.down != nil {
		return r.down
	}
	for attempt := 0; ; attempt++ {
		err := question(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if passing(err) && attempt < len(waits) {
			if err := r.wait(ctx, waits[attempt]); err != nil {
				return err
			}
			continue
		}
		return r.fail(what, err)
	}
}

// fail says what is wrong in words of ours, and remembers a registry that is down.
func (r *Registry) fail(what string, err error) error {
	var answer *sr.ResponseError
	if !errors.As(err, &answer) {
		err = fmt.Errorf("%s of %s: %w: %w", what, r.name, ErrNoAnswer, plain(err))
		if passing(err) {
			r.down = err
		}
		return err
	}
	status := fmt.Sprintf("%d %s", answer.StatusCode, http.StatusText(answer.StatusCode))
	switch code := answer.StatusCode; {
	case code == http.StatusNotFound && answer.ErrorCode/100 == http.StatusNotFound:
		return fmt.Errorf("%s of %s: %w (error %d)", what, r.name, ErrUnknown, answer.ErrorCode)
	case refusal(answer) != nil:
		return fmt.Errorf("%s of %s: %w", what, r.name, refusal(answer))
	case code == http.StatusUnauthorized, code == http.StatusProxyAuthRequired:
		r.down = fmt.Errorf("%s of %s: %w: %w: it answers %s", what, r.name, ErrNoAnswer, ErrLogin, status)
		return r.down
	case code == http.StatusForbidden:
		return fmt.Errorf("%s of %s: %w: %w: it answers %s", what, r.name, ErrNoAnswer, ErrLogin, status)
	case passing(err):
		r.down = fmt.Errorf("%s of %s: %w: it answers %s", what, r.name, ErrNoAnswer, status)
		return r.down
	case code/100 == 3:
		return fmt.Errorf("%s of %s: %w: it answers %s, and redirects are not followed", what, r.name, ErrNoAnswer, status)
	}
	return fmt.Errorf("%s of %s: %w: it answers %s, which is not how a registry says it (is it the right address, and new enough to know what is asked?)",
		what, r.name, ErrNoAnswer, status)
}

// passing reports whether an error may be gone when it is tried again: nobody answers, the answer breaks off, or the registry says so.
func passing(err error) bool {
	var answer *sr.ResponseError
	if errors.As(err, &answer) {
		return answer.StatusCode == http.StatusTooManyRequests || answer.StatusCode >= 500
	}
	if errors.Is(err, errTooLong) {
		return false
	}
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, io.ErrUnexpectedEOF)
}

// plain takes what was sent and what was answered out of an error.
func plain(err error) error {
	var (
		syntax *json.SyntaxError
		kind   *json.UnmarshalTypeError
		sent   *url.Error
	)
	switch {
	case errors.Is(err, errTooLong):
		return errTooLong
	case errors.As(err, &syntax), errors.As(err, &kind):
		return errors.New("its answer is not the JSON of a registry")
	case errors.As(err, &sent):
		return sent // without body and login
	case passing(err):
		return fmt.Errorf("its answer broke off: %w", err)
	}
	return errors.New("its answer can not be read")
}

var errTooLong = fmt.Errorf("its answer has more than %d bytes", mostBytes)

// bounded ends an answer that is too long with an error.
type bounded struct{ http.RoundTripper }

func (b bounded) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := b.RoundTripper.RoundTrip(req)
	if err == nil {
		resp.Body = &shortBody{ReadCloser: resp.Body, left: mostBytes + 1}
	}
	return resp, err
}

type shortBody struct {
	io.ReadCloser
	left int
}

func (s *shortBody) Read(p []byte) (int, error) {
	n, err := s.ReadCloser.Read(p[:min(len(p), s.left)])
	if s.left -= n; s.left == 0 {
		return n, errTooLong
	}
	return n, err
}
