package sandbox

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// control is the door for the demo: is it up, change a byte, slow down.
func (s *Sandbox) control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ready", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("POST /tamper", func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		partition, err1 := strconv.ParseInt(q.Get("partition"), 10, 32)
		offset, err2 := strconv.ParseInt(q.Get("offset"), 10, 64)
		if err1 != nil || err2 != nil || q.Get("topic") == "" {
			http.Error(w, "want topic, partition and offset", http.StatusBadRequest)
			return
		}
		out, err := s.Tamper(q.Get("topic"), int32(partition), offset)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(out)
	})
	mux.HandleFunc("POST /pace", func(w http.ResponseWriter, r *http.Request) {
		n, err := strconv.ParseInt(r.URL.Query().Get("bytes"), 10, 64)
		if err != nil || n < 0 {
			http.Error(w, "want bytes per second, 0 for no limit", http.StatusBadRequest)
			return
		}
		s.in.set(n)
		w.WriteHeader(http.StatusNoContent)
	})
	return mux
}

// Control talks to a sandbox in another process.
type Control struct {
	Addr string // host:port
}

// Await returns once the sandbox is up.
func (c Control) Await(ctx context.Context) error {
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+c.Addr+"/ready", nil)
		if err != nil {
			return err
		}
		if resp, err := http.DefaultClient.Do(req); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusNoContent {
				return nil
			}
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("sandbox at %s is not up: %w", c.Addr, ctx.Err())
		}
	}
}

// Tamper asks the sandbox to change one byte; see Sandbox.Tamper.
func (c Control) Tamper(ctx context.Context, topic string, partition int32, offset int64) (Tampered, error) {
	var out Tampered
	body, err := c.post(ctx, fmt.Sprintf("/tamper?topic=%s&partition=%d&offset=%d", topic, partition, offset))
	if err != nil {
		return out, err
	}
	if err := json.Unmarshal(body, &out); err != nil {
		return out, fmt.Errorf("decode answer: %w", err)
	}
	return out, nil
}

// Pace bounds what the broker takes in, in bytes per second; 0 takes the bound away.
func (c Control) Pace(ctx context.Context, bytesPerSecond int64) error {
	_, err := c.post(ctx, fmt.Sprintf("/pace?bytes=%d", bytesPerSecond))
	return err
}

func (c Control) post(ctx context.Context, path string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+c.Addr+path, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return nil, err
	}
	if resp.StatusCode/100 != 2 {
		return nil, fmt.Errorf("sandbox: %s", strings.TrimSpace(string(body)))
	}
	return body, nil
}
