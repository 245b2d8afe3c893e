package conductor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"backstitch/cluster/notify"
	"backstitch/fsm/flow"
)

// answerKept is how much of an answer is read, in bytes.
const answerKept = 64 << 10

// maxPause bounds what Retry-After is believed.
const maxPause = time.Hour

// call makes a request under a token.
func (c *Config) call(ctx context.Context, call Call, token string) outcome {
	resp, out := c.send(ctx, call, token)
	if resp == nil {
		return out
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, answerKept) // lets the connection be used again
	if out = judge(resp); call.Once && out.class == flow.Transient && resp.StatusCode/100 == 5 {
		out.class = flow.Lost // it may have been done before it went wrong
	}
	return out
}

// dialling reports whether an error came before anything was sent.
func dialling(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// send sends a request; without an answer it says what came of it.
func (c *Config) send(ctx context.Context, call Call, token string) (*http.Response, outcome) {
	u, err := url.Parse(call.URL)
	if err != nil {
		return nil, failed(flow.Refused, "its URL can not be read")
	}
	req, err := http.NewRequestWithContext(ctx, call.Method, call.URL, strings.NewReader(call.Body))
	if err != nil {
		return nil, failed(flow.Refused, "make request: %v", notify.Bare(err))
	}
	req.Header.Set("User-Agent", "backstitch/"+c.Program)
	for _, h := range call.Headers {
		value := h.Value
		if h.Secret != "" {
			if value, err = notify.Secret(c.Env, c.SecretDir, h.Secret); err != nil {
				return nil, failed(flow.Refused, "header %s: %v", h.Name, err)
			}
			if notify.Plain(u) {
				return nil, failed(flow.Refused, "header %s: a secret is not sent over plain http", h.Name)
			}
		}
		req.Header.Set(h.Name, value)
	}
	req.Header.Set("Idempotency-Key", token)
	resp, err := c.Client.Do(req)
	switch {
	case err == nil:
		return resp, outcome{}
	case errors.Is(err, notify.ErrGuarded):
		return nil, failed(flow.Refused, "%v", notify.Bare(err))
	case call.Once && !dialling(err):
		return nil, failed(flow.Lost, "nobody knows whether it was done, and idempotent: false says not to ask again: %v", notify.Bare(err))
	case errors.Is(err, context.DeadlineExceeded):
		return nil, failed(flow.TimedOut, "no answer in time")
	}
	return nil, failed(flow.Transient, "%v", notify.Bare(err))
}

// judge is what an answer means.
func judge(resp *http.Response) outcome {
	status := fmt.Sprintf("answered %d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
	switch code := resp.StatusCode; {
	case code/100 == 2:
		return outcome{}
	case code == http.StatusTooManyRequests, code == http.StatusServiceUnavailable:
		out := failed(flow.Throttled, "%s", status)
		if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && seconds > 0 {
			out.after = min(time.Duration(min(seconds, 1<<20))*time.Second, maxPause)
		}
		return out
	case code == http.StatusRequestTimeout, code == http.StatusTooEarly, code == http.StatusConflict, code/100 == 5:
		return failed(flow.Transient, "%s", status) // 409 is what many say of a key whose first request is under way
	case code/100 == 3:
		return failed(flow.Refused, "%s: redirects are not followed", status)
	}
	return failed(flow.Refused, "%s", status)
}
