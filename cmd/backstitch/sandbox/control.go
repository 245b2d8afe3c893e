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

// control is the door for the demo: is it up, and change a byte.
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
	url := fmt.Sprintf("http://%s/tamper?topic=%s&partition=%d&offset=%d", c.Addr, topic, partition, offset)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, nil)
	if err != nil {
		return out, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return out, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		b, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<16))
		return out, fmt.Errorf("tamper: %s", strings.TrimSpace(string(b)))
	}
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil {
		return out, fmt.Errorf("decode answer: %w", err)
	}
	return out, nil
}
