package depot

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"backstitch/chaos/door"
	"backstitch/chaos/fault"
)

// control is the door through which a depot is hurt.
func (d *depot) control() http.Handler {
	mux := door.New()
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
	mux.HandleFunc("POST /faults", func(w http.ResponseWriter, r *http.Request) {
		var ask request
		if err := json.NewDecoder(r.Body).Decode(&ask); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		n, err := d.hurt(ask.Fault, ask.Topic)
		if err != nil {
			http.Error(w, err.Error(), http.StatusConflict)
			return
		}
		_ = json.NewEncoder(w).Encode(n)
	})
	mux.HandleFunc("DELETE /faults/{n}", func(w http.ResponseWriter, r *http.Request) {
		n, err := strconv.Atoi(r.PathValue("n"))
		var hits int64
		if err == nil {
			hits, err = d.heal(n)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusNotFound)
			return
		}
		_ = json.NewEncoder(w).Encode(hits)
	})
	return mux
}

// request begins a fault.
type request struct {
	Fault fault.Fault `json:"fault"`
	Topic string      `json:"topic"` // that faults of the broker are about
}

// Control talks to a depot.
type Control struct {
	Addr string // host:port
}

func (c Control) door() door.Door { return door.Door{Of: "depot", Addr: c.Addr} }

// Await returns once the depot is up.
func (c Control) Await(ctx context.Context) error { return c.door().Await(ctx) }

// StopBroker takes the broker away: its connections break and nobody listens.
func (c Control) StopBroker(ctx context.Context) error {
	_, err := c.door().Ask(ctx, http.MethodDelete, "/broker", nil)
	return err
}

// StartBroker brings it back with all that it had.
func (c Control) StartBroker(ctx context.Context) error {
	_, err := c.door().Ask(ctx, http.MethodPut, "/broker", nil)
	return err
}

// Hurt begins what a fault of the broker or the store says; the caller keeps the time. heal ends it and returns how much it has
// hit: requests, records or objects.
func (c Control) Hurt(ctx context.Context, f fault.Fault, topic string) (heal func(context.Context) (int64, error), err error) {
	var n int
	if err := c.tell(ctx, http.MethodPost, "/faults", request{f, topic}, &n); err != nil {
		return nil, err
	}
	return func(ctx context.Context) (hits int64, err error) {
		err = c.tell(ctx, http.MethodDelete, fmt.Sprintf("/faults/%d", n), nil, &hits)
		return hits, err
	}, nil
}

func (c Control) tell(ctx context.Context, method, path string, in, out any) error {
	body, err := c.door().Ask(ctx, method, path, in)
	if err != nil {
		return err
	}
	return json.Unmarshal(body, out)
}
