// Package door bounds what strangers can make a node do by asking: how often an address may ask, how many requests there are at a time, and how
// slowly a request may come or an answer be taken.
//
// It stands in front of everything that a node serves over HTTP. Who is refused is told so with 429 and when to come again, for a few
// microseconds of a processor; what a request then costs, whoever may ask, is bounded where it is served.
//
// Invariants:
//   - Probes and metrics are answered whatever else is asked: who watches a node must not lose sight of it because somebody else is loud.
//   - What is kept of addresses is bounded; one that was quiet is forgotten first.
//   - A connection is ended when nothing of a body, or of an answer, has moved for Stall. One that moves, however slowly, is let be: a snapshot
//     over a thin line is no attack.
//
// Reading order: door.go, stall.go.
package door

import (
	"container/list"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Config are the bounds. All of it is required but Refuse's body.
type Config struct {
	PerSecond float64       // requests of one address
	Burst     int           // requests of one address that may come at once
	AtOnce    int           // requests that are served at a time, of all addresses; those that wait for something newer are not counted
	Addresses int           // that are remembered
	Stall     time.Duration // in which something of a body or an answer has to move
	Clock     func() time.Time
	// Refuse answers who has to wait. The status and Retry-After are set.
	Refuse func(w http.ResponseWriter, why string)
}

// Default are the bounds of an agent. A person, a few scripts and a page that follows ask some tens of times a second.
func Default() Config {
	return Config{PerSecond: 500, Burst: 1000, AtOnce: 512, Addresses: 4096, Stall: 30 * time.Second}
}

// Door is an http.Handler in front of another.
type Door struct {
	cfg  Config
	next http.Handler
	room chan struct{}

	mu      sync.Mutex
	callers map[netip.Addr]*list.Element
	order   *list.List // of *caller, who asked last in front
}

type caller struct {
	addr netip.Addr
	rate *rate.Limiter
}

// New puts a door in front of next.
func New(cfg Config, next http.Handler) *Door {
	return &Door{cfg: cfg, next: next, room: make(chan struct{}, cfg.AtOnce), callers: map[netip.Addr]*list.Element{}, order: list.New()}
}

// ServeHTTP is http.Handler's.
func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if watched(r.URL.Path) {
		d.next.ServeHTTP(w, r)
		return
	}
	if wait := d.mayAsk(r.RemoteAddr); wait > 0 {
		d.refuse(w, wait, "this address asks more than "+strconv.FormatFloat(d.cfg.PerSecond, 'g', -1, 64)+" times a second")
		return
	}
	if !waits(r) {
		select {
		case d.room <- struct{}{}:
			defer func() { <-d.room }()
		default:
			d.refuse(w, time.Second, strconv.Itoa(d.cfg.AtOnce)+" requests are being served")
			return
		}
	}
	w, r = d.moving(w, r)
	d.next.ServeHTTP(w, r)
}

// watched are the paths of those who watch a node.
func watched(path string) bool { return path == "/metrics" || strings.HasPrefix(path, "/healthz/") }

// waits reports whether a request is there to wait, which costs little: a blocking read, or a page that follows.
func waits(r *http.Request) bool {
	return r.Method == http.MethodGet && (strings.Contains(r.URL.RawQuery, "index=") || r.Header.Get("Accept") == "text/event-stream")
}

func (d *Door) refuse(w http.ResponseWriter, wait time.Duration, why string) {
	seconds := int64((wait + time.Second - 1) / time.Second)
	w.Header().Set("Retry-After", strconv.FormatInt(seconds, 10))
	d.cfg.Refuse(w, why)
}

// mayAsk takes one request of an address, and says how long it has to wait, 0 when it need not.
func (d *Door) mayAsk(remote string) time.Duration {
	var addr netip.Addr // what has none shares one
	if ap, err := netip.ParseAddrPort(remote); err == nil {
		addr = ap.Addr().Unmap().WithZone("")
		if addr.Is6() { // who has one address of a network has all of it
			if p, err := addr.Prefix(64); err == nil {
				addr = p.Addr()
			}
		}
	}
	now := d.cfg.Clock()
	d.mu.Lock()
	defer d.mu.Unlock()
	e := d.callers[addr]
	if e == nil {
		if d.order.Len() >= d.cfg.Addresses {
			delete(d.callers, d.order.Remove(d.order.Back()).(*caller).addr)
		}
		e = d.order.PushFront(&caller{addr, rate.NewLimiter(rate.Limit(d.cfg.PerSecond), d.cfg.Burst)})
		d.callers[addr] = e
	}
	d.order.MoveToFront(e)
	if e.Value.(*caller).rate.AllowN(now, 1) {
		return 0
	}
	return time.Duration(float64(time.Second) / d.cfg.PerSecond)
}
