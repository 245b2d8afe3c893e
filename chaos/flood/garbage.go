package flood

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Door is what garbage is sent to.
type Door struct {
	Addr string // host:port
	Kind Kind
}

// Kind is what a door speaks, or is to be believed to be spoken to.
type Kind int

// The kinds.
const (
	HTTP     Kind = iota // requests of no route and bodies that are none, over connections that are kept
	Noise                // random bytes over a connection of its own each
	Datagram             // random bytes in a UDP packet each
)

// Count is what became of garbage.
type Count struct {
	Due      int64 // was to be sent
	Held     int64 // of that, could not be sent since whoever was to had no answer yet to what it sent before
	Answered int64
	Failed   int64 // the connection of which was ended, or could not be had
	Status   map[int]int64
}

// Config is a flood.
type Config struct {
	Doors     []Door // take turns
	PerSecond int
	Senders   int           // each with one connection at a time to each door that keeps them
	From      net.IP        // on this machine: a door counts by address
	Patience  time.Duration // for a connection, and for an answer or the end of one
	TLS       *tls.Config   // of HTTP; nil is plain
	Seed      uint64
}

// Flood is one under way.
type Flood struct {
	cfg    Config
	cancel context.CancelFunc
	group  sync.WaitGroup

	held, answered, failed atomic.Int64
	mu                     sync.Mutex
	status                 map[int]int64
}

// Start begins to send.
func Start(ctx context.Context, cfg Config) *Flood {
	f := &Flood{cfg: cfg, status: map[int]int64{}}
	ctx, f.cancel = context.WithCancel(ctx)
	began := time.Now()
	every := time.Second / time.Duration(cfg.PerSecond)
	for n := range cfg.Senders {
		f.group.Go(func() {
			s := sender{f: f, random: rand.New(rand.NewPCG(cfg.Seed, uint64(n))), kept: map[Door]*kept{}}
			defer s.close()
			for i := n; ; i += cfg.Senders {
				at := began.Add(time.Duration(i) * every)
				if !until(ctx, at) {
					return
				}
				if time.Since(at) > time.Duration(cfg.Senders)*every { // its next is due already
					f.held.Add(1)
					continue
				}
				s.send(ctx, cfg.Doors[i%len(cfg.Doors)])
			}
		})
	}
	return f
}

// until waits for a time, and reports whether ctx is still good.
func until(ctx context.Context, at time.Time) bool {
	wait := time.Until(at)
	if wait <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// Stop ends the flood, and says what became of it.
func (f *Flood) Stop() Count {
	f.cancel()
	f.group.Wait()
	c := Count{Held: f.held.Load(), Answered: f.answered.Load(), Failed: f.failed.Load(), Status: f.status}
	c.Due = c.Held + c.Answered + c.Failed
	return c
}

// sender sends one thing after the other.
type sender struct {
	f      *Flood
	random *rand.Rand
	kept   map[Door]*kept
}

type kept struct {
	net.Conn
	answers *bufio.Reader
}

func (s *sender) close() {
	for _, k := range s.kept {
		k.Close()
	}
}

func (s *sender) send(ctx context.Context, d Door) {
	status, err := s.ask(ctx, d)
	switch {
	case ctx.Err() != nil: // the flood ended in the middle of it
	case err != nil:
		s.f.failed.Add(1)
	default:
		s.f.answered.Add(1)
		s.f.mu.Lock()
		s.f.status[status]++
		s.f.mu.Unlock()
	}
}

// ask sends one piece of garbage and returns the status that it is answered with, 0 where there are none.
func (s *sender) ask(ctx context.Context, d Door) (int, error) {
	switch d.Kind {
	case HTTP:
		return s.request(ctx, d)
	case Noise:
		return 0, s.noise(ctx, d)
	default:
		return 0, s.datagram(ctx, d)
	}
}

func (s *sender) dial(ctx context.Context, network string, d Door) (net.Conn, error) {
	dialer := net.Dialer{Timeout: s.f.cfg.Patience}
	if network == "tcp" {
		dialer.LocalAddr = &net.TCPAddr{IP: s.f.cfg.From}
	} else {
		dialer.LocalAddr = &net.UDPAddr{IP: s.f.cfg.From}
	}
	conn, err := dialer.DialContext(ctx, network, d.Addr)
	if err != nil {
		return nil, err
	}
	return conn, conn.SetDeadline(time.Now().Add(s.f.cfg.Patience))
}

// secured is conn with TLS, if there is to be any. It is closed when there is none to be had.
func secured(ctx context.Context, conn net.Conn, cfg *tls.Config) (net.Conn, error) {
	if cfg == nil {
		return conn, nil
	}
	out := tls.Client(conn, cfg)
	if err := out.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return out, nil
}

// bytes are 16 to 271 of no meaning.
func (s *sender) bytes() []byte {
	out := make([]byte, 16+s.random.IntN(256))
	for i := range out {
		out[i] = byte(s.random.Uint32())
	}
	return out
}

// request is HTTP as far as its framing goes, so that the door has to look at it.
func (s *sender) request(ctx context.Context, d Door) (status int, err error) {
	k := s.kept[d]
	if k == nil {
		conn, err := s.dial(ctx, "tcp", d)
		if err != nil {
			return 0, err
		}
		if conn, err = secured(ctx, conn, s.f.cfg.TLS); err != nil {
			return 0, err
		}
		k = &kept{conn, bufio.NewReader(conn)}
		s.kept[d] = k
	}
	defer func() {
		if err != nil {
			k.Close()
			delete(s.kept, d)
		}
	}()
	if err := k.SetDeadline(time.Now().Add(s.f.cfg.Patience)); err != nil {
		return 0, err
	}
	body := s.bytes()
	method, path := "POST", "/v1/jobs"
	if s.random.IntN(2) == 0 {
		method, path = "GET", "/"+hex.EncodeToString(body[:16])
		body = nil
	}
	if _, err := fmt.Fprintf(k, "%s %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n%s", method, path, d.Addr, len(body), body); err != nil {
		return 0, err
	}
	resp, err := http.ReadResponse(k.answers, nil)
	if err != nil {
		return 0, err
	}
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return 0, err
	}
	if resp.Close {
		return resp.StatusCode, errors.Join(errClosed, resp.Body.Close())
	}
	return resp.StatusCode, resp.Body.Close()
}

var errClosed = errors.New("the door ends connections")

// noise is answered when the door ends the connection: nothing that it may say is an answer to it. The end of what is sent is sent, too, so that a door
// that waits for more of it need not.
func (s *sender) noise(ctx context.Context, d Door) error {
	conn, err := s.dial(ctx, "tcp", d)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := conn.Write(s.bytes()); err != nil {
		return nil // it was ended before that
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		return nil
	}
	_, err = io.Copy(io.Discard, conn)
	var late net.Error
	if errors.As(err, &late) && late.Timeout() {
		return err
	}
	return nil // ended, or reset
}

func (s *sender) datagram(ctx context.Context, d Door) error {
	k := s.kept[d]
	if k == nil {
		conn, err := s.dial(ctx, "udp", d)
		if err != nil {
			return err
		}
		if err := conn.SetDeadline(time.Time{}); err != nil {
			conn.Close()
			return err
		}
		k = &kept{Conn: conn}
		s.kept[d] = k
	}
	_, err := k.Write(s.bytes())
	return err
}
