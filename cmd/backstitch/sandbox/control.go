package sandbox

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"backstitch/chaos/door"
)

// control is the door for the demo: is it up, change a byte, slow down, what was asked of the store.
func (s *Sandbox) control() http.Handler {
	mux := door.New()
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
	mux.HandleFunc("GET /requests", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(s.s3.requests())
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

func (c Control) door() door.Door { return door.Door{Of: "sandbox", Addr: c.Addr} }

// Await returns once the sandbox is up.
func (c Control) Await(ctx context.Context) error { return c.door().Await(ctx) }

// Tamper asks the sandbox to change one byte; see Sandbox.Tamper.
func (c Control) Tamper(ctx context.Context, topic string, partition int32, offset int64) (Tampered, error) {
	var out Tampered
	body, err := c.door().Ask(ctx, http.MethodPost, fmt.Sprintf("/tamper?topic=%s&partition=%d&offset=%d", topic, partition, offset), nil)
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
	_, err := c.door().Ask(ctx, http.MethodPost, fmt.Sprintf("/pace?bytes=%d", bytesPerSecond), nil)
	return err
}

// Requests is what the object store was asked since it is up.
func (c Control) Requests(ctx context.Context) (Requests, error) {
	var out Requests
	body, err := c.door().Ask(ctx, http.MethodGet, "/requests", nil)
	if err != nil {
		return out, err
	}
	if err := json.Unmarshal(body, &out); err != nil {
		return out, fmt.Errorf("decode answer: %w", err)
	}
	return out, nil
}
