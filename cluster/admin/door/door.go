// Package door bounds what strangers can make a node do by asking: how often an address may ask, how many requests there are at a time, and how
// slowly a request may come or an answer be taken.
//
// It stands in front of everything that a node serves over HTTP. Who is refused is told so with 429 and when to come again; what a request then
// costs, whoever may ask, is bounded where it is served. Refusing takes some ten microseconds of a processor, nearly all of them for reading a request and
// writing an answer, and who does not care for the answer would ask again at once: so it is held first, and the connection with it. A flood
// over any number of connections then comes to as many requests a second as it has of them.
//
// Invariants:
//   - Probes and metrics are answered whatever else is asked: who watches a node must not lose sight of it because somebody else is loud.
//   - What is kept of addresses is bounded; one that was quiet is forgotten first.
//   - What is nonsense counts for several requests: who has never had a sensible answer is soon held.
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
	Nonsense  int           // requests that one counts for which is answered that nobody could understand or know it
	Hold      time.Duration // from a request that is refused to the answer
	Stall     time.Duration // in which something of a body or an answer has to move
	Clock     func() time.Time
	// Refuse answers who has to wait. The status and Retry-After are set.
	Refuse func(w http.ResponseWriter, why string)
}

// Default are the bounds of an agent. A person, a few scripts and a page that follows ask some tens of times a second.
func Default() Config {
	return Config{PerSecond: 500, Burst: 1000, AtOnce: 512, Addresses: 4096, Nonsense: 10, Hold: 2 * time.Second, Stall: 30 * time.Second}
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
	addr := address(r.RemoteAddr)
	if wait := d.mayAsk(addr); wait > 0 {
		d.refuse(w, r, wait, "this address asks more than "+strconv.FormatFloat(d.cfg.PerSecond, 'g', -1, 64)+" times a second; what nobody understands or knows counts for "+
			strconv.Itoa(d.cfg.Nonsense))
		return
	}
	if !waits(r) {
		select {
		case d.room <- struct{}{}:
			defer func() { <-d.room }()
		default:
			d.refuse(w, r, time.Second, strconv.Itoa(d.cfg.AtOnce)+" requests are being served")
			return
		}
	}
	out, r := d.moving(w, r)
	d.next.ServeHTTP(out, r)
	if nonsense(out.status) {
		d.count(addr, d.cfg.Nonsense-1)
	}
}

// watched are the paths of those who watch a node.
func watched(path string) bool { return path == "/metrics" || strings.HasPrefix(path, "/healthz/") }

// waits reports whether a request is there to wait, which costs little: a blocking read, or a page that follows.
func waits(r *http.Request) bool {
	return r.Method == http.MethodGet && (strings.Contains(r.URL.RawQuery, "index=") || r.Header.Get("Accept") == "text/event-stream")
}

// nonsense are the answers to what nobody could understand or know. A token that is not known is among them, and what is refused to one that is known
// is not.
func nonsense(status int) bool {
	switch status {
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType:
		return true
	}
	return false
}

// refuse holds a request, and then says so. Nothing of its body is read, and nothing more of its connection.
func (d *Door) refuse(w http.ResponseWriter, r *http.Request, wait time.Duration, why string) {
	held := time.NewTimer(d.cfg.Hold)
	defer held.Stop()
	select {
	case <-held.C:
	case <-r.Context().Done():
		return // nobody is there to be told
	}
	seconds := int64((wait + time.Second - 1) / time.Second)
	w.Header().Set("Retry-After", strconv.FormatInt(seconds, 10))
	d.cfg.Refuse(w, why)
}

// address is that of who asks. Who has one address of a network of version 6 has all of it.
func address(remote string) netip.Addr {
	ap, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Addr{} // what has none shares one
	}
	addr := ap.Addr().Unmap().WithZone("")
	if addr.Is6() {
		if p, err := addr.Prefix(64); err == nil {
			addr = p.Addr()
		}
	}
	return addr
}

// mayAsk takes one request of an address, and says how long it has to wait, 0 when it need not.
func (d *Door) mayAsk(addr netip.Addr) time.Duration {
	now := d.cfg.Clock()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.caller(addr).rate.AllowN(now, 1) {
		return 0
	}
	return time.Duration(float64(time.Second) / d.cfg.PerSecond)
}

// count takes n more requests of an address, also those that it has not yet.
func (d *Door) count(addr netip.Addr, n int) {
	now := d.cfg.Clock()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.caller(addr).rate.ReserveN(now, n)
}

// caller is what is kept of an address. The caller holds mu.
func (d *Door) caller(addr netip.Addr) *caller {
	e := d.callers[addr]
	if e == nil {
		if d.order.Len() >= d.cfg.Addresses {
			delete(d.callers, d.order.Remove(d.order.Back()).(*caller).addr)
		}
		e = d.order.PushFront(&caller{addr, rate.NewLimiter(rate.Limit(d.cfg.PerSecond), d.cfg.Burst)})
		d.callers[addr] = e
	}
	d.order.MoveToFront(e)
	return e.Value.(*caller)
}
