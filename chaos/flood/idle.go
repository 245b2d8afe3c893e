package flood

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// Idle are clients that have asked once, keep their connection, and say nothing more. Who has never asked is shown out after seconds.
type Idle struct{ conns []net.Conn }

// patience is how long one waits for the node to greet it.
const patience = 5 * time.Second

// Connect makes n of them, of each address in turn, with TLS unless cfg is nil.
func Connect(ctx context.Context, n int, from net.IP, cfg *tls.Config, addrs ...string) (*Idle, error) {
	dialer := net.Dialer{Timeout: patience, LocalAddr: &net.TCPAddr{IP: from}}
	idle := &Idle{}
	for i := range n {
		conn, err := dialer.DialContext(ctx, "tcp", addrs[i%len(addrs)])
		if err == nil {
			conn, err = secured(ctx, conn, cfg)
		}
		if err == nil {
			idle.conns = append(idle.conns, conn)
			err = greet(conn)
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("idle client %d: %w", i, err), idle.Close())
		}
	}
	return idle, nil
}

func greet(conn net.Conn) error {
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if _, err := io.WriteString(conn, "GET /healthz/live HTTP/1.1\r\nHost: idle\r\n\r\n"); err != nil {
		return err
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return errors.Join(err, resp.Body.Close())
}

// Close ends them.
func (i *Idle) Close() error {
	var all []error
	for _, c := range i.conns {
		all = append(all, c.Close())
	}
	return errors.Join(all...)
}
