package depot

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

// control is the door through which a depot is hurt.
func (d *depot) control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ready", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("DELETE /broker", func(w http.ResponseWriter, _ *http.Request) {
		if !d.close() {
			http.Error(w, "the broker is away already", http.StatusConflict)
		}
	})
	mux.HandleFunc("PUT /broker", func(w http.ResponseWriter, _ *http.Request) {
		if err := d.open(); err != nil {
			http.Error(w, err.Error(), http.StatusConflict)
		}
	})
	mux.HandleFunc("PUT /store", func(w http.ResponseWriter, r *http.Request) {
		var h Hurt
		if err := json.NewDecoder(r.Body).Decode(&h); err != nil || !slices.Contains(Words, h.What) || h.Share <= 0 || h.Share > 1 {
			http.Error(w, fmt.Sprintf("want one of %v and a share up to 1", Words), http.StatusBadRequest)
			return
		}
		d.store.set(h)
	})
	mux.HandleFunc("GET /store", func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(d.store.get()) })
	mux.HandleFunc("DELETE /store", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(d.store.get())
		d.store.set(Hurt{})
	})
	return mux
}

// Control talks to a depot.
type Control struct {
	Addr string // host:port
}

// Await returns once the depot is up.
func (c Control) Await(ctx context.Context) error {
	for {
		_, err := c.ask(ctx, http.MethodGet, "/ready", nil)
		if err == nil {
			return nil
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("depot at %s is not up: %w (%w)", c.Addr, ctx.Err(), err)
		}
	}
}

// StopBroker takes the broker away: its connections break and nobody listens.
func (c Control) StopBroker(ctx context.Context) error {
	_, err := c.ask(ctx, http.MethodDelete, "/broker", nil)
	return err
}

// StartBroker brings it back with all that it had.
func (c Control) StartBroker(ctx context.Context) error {
	_, err := c.ask(ctx, http.MethodPut, "/broker", nil)
	return err
}

// HurtStore makes the store spoil some of its answers, instead of those that it spoils now.
func (c Control) HurtStore(ctx context.Context, h Hurt) error {
	_, err := c.ask(ctx, http.MethodPut, "/store", h)
	return err
}

// Store says what the store spoils now, and how many requests that has hit.
func (c Control) Store(ctx context.Context) (Hurt, error) { return c.hurt(ctx, http.MethodGet) }

// HealStore makes the store whole, and says what it did until now.
func (c Control) HealStore(ctx context.Context) (Hurt, error) { return c.hurt(ctx, http.MethodDelete) }

func (c Control) hurt(ctx context.Context, method string) (Hurt, error) {
	var h Hurt
	body, err := c.ask(ctx, method, "/store", nil)
	if err == nil {
		err = json.Unmarshal(body, &h)
	}
	return h, err
}

func (c Control) ask(ctx context.Context, method, path string, in any) ([]byte, error) {
	var body bytes.Buffer
	if in != nil {
		if err := json.NewEncoder(&body).Encode(in); err != nil {
			return nil, err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://"+c.Addr+path, &body)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	out, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return nil, err
	}
	if resp.StatusCode/100 != 2 {
		return nil, fmt.Errorf("depot: %s %s: %s", method, path, strings.TrimSpace(string(out)))
	}
	return out, nil
}
