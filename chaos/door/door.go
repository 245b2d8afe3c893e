// Package door is the HTTP door through which one process steers another that stands for a server: the sandbox, and the depot.
//
// Invariants:
//   - A process whose door answers is up: Await returns no earlier.
//   - A refusal comes back as an error that names the process and repeats its words.
//
// Not here: what can be asked for (cmd/backstitch/sandbox, chaos/depot).
package door

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// ready is the one request that every door answers.
const ready = "/ready"

// New is a door that says that it is up; what else can be asked for is added to it.
func New() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+ready, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	return mux
}

// Serve runs one HTTP server, a door's or another's, until ctx ends.
func Serve(ctx context.Context, addr string, h http.Handler) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		server.Close()
	})
	err = server.Serve(l)
	if stop() {
		return err // it ended by itself
	}
	<-stopped
	return nil
}

// Door is a door as seen from outside.
type Door struct {
	Of   string // whose, for errors
	Addr string // host:port
}

// Await returns once the process is up.
func (d Door) Await(ctx context.Context) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		_, err := d.Ask(ctx, http.MethodGet, ready, nil)
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%s at %s is not up: %w (%w)", d.Of, d.Addr, ctx.Err(), err)
		}
	}
}

// Ask sends in as JSON, unless it is nil, and returns the answer's body.
func (d Door) Ask(ctx context.Context, method, path string, in any) ([]byte, error) {
	var body bytes.Buffer
	if in != nil {
		if err := json.NewEncoder(&body).Encode(in); err != nil {
			return nil, err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://"+d.Addr+path, &body)
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
		return nil, fmt.Errorf("%s: %s %s: %s", d.Of, method, path, strings.TrimSpace(string(out)))
	}
	return out, nil
}
