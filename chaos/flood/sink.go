package flood

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"
)

// Sink is a door of the test's own, which costs as little as one can: garbage that goes there takes from senders and kernel what it takes in a flood.
// One of HTTP does as the door of a node does with what it refuses.
type Sink struct {
	Door
	stop  func() error
	group sync.WaitGroup
}

// Open opens a sink on loopback. One of HTTP holds what it is asked for hold, and has TLS unless cfg is nil.
func Open(ctx context.Context, kind Kind, hold time.Duration, cfg *tls.Config) (*Sink, error) {
	const addr = "127.0.0.1:0"
	s := &Sink{}
	if kind == Datagram {
		conn, err := new(net.ListenConfig).ListenPacket(ctx, "udp", addr)
		if err != nil {
			return nil, fmt.Errorf("sink: %w", err)
		}
		s.Door, s.stop = Door{conn.LocalAddr().String(), kind}, conn.Close
		s.group.Go(func() { swallow(conn) })
		return s, nil
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("sink: %w", err)
	}
	s.Door = Door{l.Addr().String(), kind}
	if kind == HTTP {
		server := &http.Server{ReadHeaderTimeout: patience, ErrorLog: log.New(io.Discard, "", 0), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			until(r.Context(), time.Now().Add(hold))
			w.WriteHeader(http.StatusTooManyRequests)
		})}
		if cfg != nil {
			l = tls.NewListener(l, cfg)
		}
		s.stop = server.Close
		s.group.Go(func() { _ = server.Serve(l) }) // it ends with Close, and with nothing else
		return s, nil
	}
	s.stop = l.Close
	s.group.Go(func() { s.showOut(l) })
	return s, nil
}

func swallow(conn net.PacketConn) {
	buf := make([]byte, 1<<10)
	for {
		if _, _, err := conn.ReadFrom(buf); errors.Is(err, net.ErrClosed) {
			return
		}
	}
}

// showOut ends connections once something was said.
func (s *Sink) showOut(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		s.group.Go(func() {
			defer conn.Close()
			_, _ = io.ReadFull(conn, make([]byte, 8)) // whatever it was
		})
	}
}

// Close ends it.
func (s *Sink) Close() error {
	err := s.stop()
	s.group.Wait()
	return err
}
